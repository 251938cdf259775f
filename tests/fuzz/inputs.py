"""Scenarios that nobody wrote: parts of all that are in the repository, put together anew."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDERS = ("durascope/scenarios", "tests/conformance", "tests/robustness", "tests/fuzz/corpus")
DURATIONS = ("0s", "1us", "1ms", "20ms", "300ms", "1s", "10s", "1m", "1h", "7d", "500d")
Tree = dict[str, Any]


@cache
def texts() -> tuple[str, ...]:
    """The text of every scenario and case that is in the repository, short ones only."""
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.yaml"))]
    return tuple(text for file in files if len(text := file.read_text("utf-8")) < 20_000)


@cache
def trees() -> tuple[Tree, ...]:
    """Their scenarios as trees."""
    read = [yaml.safe_load(text) for text in texts()]
    found = [each.get("scenario") if isinstance(each.get("scenario"), dict) else each for each in read]
    return tuple({**each, "scenario": "s"} for each in found)


def text_of(tree: Any) -> str:
    """The tree as a file (JSON is YAML)."""
    return json.dumps(tree)


def spots(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a tree: what holds it, and its key or index there."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        yield from spots(tree[key])


def mutated(draw: random.Random) -> Tree:
    """A tree with parts of others in the places of its own."""
    tree = copy.deepcopy(draw.choice(trees()))
    for _ in range(draw.randint(1, 4)):
        holder, key = draw.choice(list(spots(tree)))
        value = holder[key]
        if isinstance(value, str) and value[:1].isdigit():
            holder[key] = draw.choice(DURATIONS)
        elif isinstance(value, bool):
            holder[key] = not value
        elif isinstance(value, int):
            holder[key] = draw.choice([0, 1, 2, 3, 7, value + 1])
        elif draw.random() < 0.3 and len(holder) > 1:
            del holder[key]
        else:
            _take_from_another(draw, holder, key)
    tree["scenario"] = "s"
    return tree


def _take_from_another(draw: random.Random, holder: Any, key: Any) -> None:
    """The same key's value in another scenario; for a list, one more element of such a list."""
    if isinstance(holder, list):
        holder.insert(key, copy.deepcopy(draw.choice(holder)))
        return
    alike = [there[name] for there, name in spots(draw.choice(trees())) if name == key]
    if alike:
        holder[key] = copy.deepcopy(draw.choice(alike))


def garbled(draw: random.Random) -> str:
    """A text with bytes of others, and of none, in the places of its own."""
    text = draw.choice(texts())
    for _ in range(draw.randint(1, 5)):
        at, length = draw.randrange(len(text) + 1), draw.choice([0, 1, 3, 20])
        other = draw.choice(texts())
        begin = draw.randrange(len(other))
        new = draw.choice([other[begin : begin + 12], chr(draw.randrange(0xD800)), "{", "[", ": ", "\n  ", "&a", "*a"])
        text = text[:at] + new + text[at + length :]
    return text


def smaller(tree: Any) -> Iterator[Any]:
    """The tree without each of its parts in turn, biggest first."""
    places = sorted(spots(tree), key=lambda place: -len(str(place[0][place[1]])))
    for number in range(len(places)):
        copied = copy.deepcopy(tree)
        holder, key = sorted(spots(copied), key=lambda place: -len(str(place[0][place[1]])))[number]
        del holder[key]
        yield copied
