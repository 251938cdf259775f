"""Scenarios over the whole language: grown field by field from the schema that the models themselves give."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from durascope.models.problems import ScenarioProblems
from durascope.models.reading import parse_scenario
from durascope.models.schema import scenario_schema
from tests.fuzz.inputs import DURATIONS, Tree, text_of

Schema = dict[str, Any]

TEXTS: Final = (*DURATIONS, "0.5%", "50%", "100%", "5/s", "300/m", "0.02 USD", "2KB", "4MiB")
"""What stands where the language wants a text of a certain form."""
NAMES: Final[dict[str, tuple[str, ...]]] = {
    "on": ("api", "db"), "services": ("api", "db"), "outage": ("api", "db"),
    "workflows": ("main", "child"), "call": ("child",), "start": ("child",), "of": ("main", "child"),
    "deploy": ("main",),
    "crash": ("app", "engine", "worker"), "hang": ("app", "engine"), "cut": ("app", "engine", "client", "api"),
    "key": ("id", "k1", "k2"), "keys": ("k1", "k1", "k2"), "input": ("id", "amount", "vip"), "to": ("1", "k1", "each"),
    "wait_for": ("go", "stop"), "send": ("go", "stop"), "signals": ("go", "stop"), "update": ("change",),
    "updates": ("change",), "query": ("status",), "queries": ("status",), "when": ("amount > 100", "ok", "not vip"),
    "get": ("total", "*"), "set": ("total",), "clear": ("total", "*"), "result": ("ok",), "step": ("a", "b", "c"),
    "undo": ("undo-a",), "queue": ("activity", "other"), "scenario": ("s",),
}  # fmt: skip
"""By field: names that fit those of others, so that what is grown hangs together."""
STEPS: Final = ("a", "b", "c", "do it now", "d=1", "ünïcode")
DEEPEST: Final = 6
SEED: Final[Tree] = {
    "scenario": "s",
    "services": {"api": {}, "db": {}},
    "workflows": {
        "main": {"key": "id", "input": {"id": "unique", "amount": 150}, "steps": [{"run": "a"}, {"run": "b"}]},
        "child": {"steps": [{"run": "c"}]},
    },
    "deployments": {
        "temporal": {"server": {}},
        "inngest": {"server": {}, "app": {}, "flow": {}},
        "restate": {"server": {}, "service": {}},
    },
    "workload": {"of": "main", "runs": 2, "arrivals": {"every": "300ms"}, "events": []},
    "faults": [],
    "expect": {},
}
"""What everything grows from: every part of the language has a place to grow at."""
OFTEN: Final = ("steps", "steps", "faults", "workload", "deployments", "workflows", "")
"""In which part of the file something grows next; the empty name: anywhere."""


@cache
def schema() -> Schema:
    return scenario_schema()


def grown(draw: random.Random) -> Tree:
    """A valid scenario: parts of the schema are put into a small one, and stay where they are accepted."""
    tree = copy.deepcopy(SEED)
    for _ in range(draw.randint(5, 40)):
        candidate = copy.deepcopy(tree)
        where = draw.choice(OFTEN)
        places = [place for place in _places(candidate, schema()) if not where or where in place[2]]
        holder, part, _path = draw.choice(places)
        _put(draw, holder, part)
        try:
            parse_scenario(text_of(candidate), "s")
        except ScenarioProblems:
            continue
        tree = candidate
    runs = tree.get("workload", {}).get("runs")
    if isinstance(runs, int) and runs > 30:
        tree["workload"]["runs"] = 30
    return tree


def _put(draw: random.Random, holder: Any, part: Schema) -> None:
    """One more field, or one more element."""
    if isinstance(holder, list):
        holder.insert(draw.randint(0, len(holder)), _made(draw, part["items"], "", 0))
        return
    fields = part.get("properties", {})
    if fields:
        name = draw.choice(list(fields))
        holder[name] = _made(draw, fields[name], name, 0)
    else:
        inner = next(iter(part.get("patternProperties", {}).values()), part.get("additionalProperties", True))
        holder[draw.choice(STEPS)] = _made(draw, inner, "", 0)


def _places(value: Any, part: Schema, path: tuple[str, ...] = ()) -> Iterator[tuple[Any, Schema, tuple[str, ...]]]:
    """The mappings and lists of a tree with their schemas."""
    part = _fitting(value, part)
    if isinstance(value, dict) and part.get("type") == "object":
        yield value, part, path
        fields, others = part.get("properties", {}), list(part.get("patternProperties", {}).values())
        for key, inner in value.items():
            if key in fields or others:
                yield from _places(inner, fields.get(key, others[0] if others else {}), (*path, key))
    elif isinstance(value, list) and isinstance(part.get("items"), dict):
        yield value, part, path
        for inner in value:
            yield from _places(inner, part["items"], path)


def _fitting(value: Any, part: Schema) -> Schema:
    """The alternative of a schema that a value is written in."""
    part = _resolved(part)
    options = part.get("anyOf") or part.get("oneOf")
    if not options:
        return part
    kind = "object" if isinstance(value, dict) else "array" if isinstance(value, list) else ""
    for each in (_fitting(value, option) for option in options):
        required, fields = each.get("required", []), each.get("properties")
        known = kind != "object" or fields is None or all(key in fields for key in value)
        if each.get("type") == kind and known and all(key in value for key in required):
            return each
    return {}


def _resolved(part: Schema) -> Schema:
    while "$ref" in part:
        part = schema()["$defs"][part["$ref"].rsplit("/", 1)[1]]
    return part


def _made(draw: random.Random, part: Schema, name: str, depth: int) -> Any:
    """A value of a schema; `name` is the field it is for."""
    part = _resolved(part)
    if "const" in part:
        return part["const"]
    if "enum" in part:
        return draw.choice(part["enum"])
    options = [each for each in part.get("anyOf") or part.get("oneOf") or [] if each.get("type") != "null"]
    if options:
        flat = [each for each in options if _resolved(each).get("type") not in ("object", "array")]
        return _made(draw, draw.choice(flat if flat and depth > DEEPEST else options), name, depth + 1)
    match part.get("type"):
        case "object":
            return _mapping(draw, part, name, depth)
        case "array":
            most = min(part.get("maxItems", 3), 3 if depth < DEEPEST else 1)
            count = draw.randint(min(part.get("minItems", 1), most), most)
            return [_made(draw, part.get("items", {}), name, depth + 1) for _ in range(count)]
        case "boolean":
            return draw.random() < 0.5
        case "integer":
            least = part.get("minimum", 0)
            return min(draw.choice([least, least + 1, 2, 3, 5]), part.get("maximum", 5))
        case "number":
            return draw.choice([part.get("minimum", 0), 0.5, 1])
        case "string":
            return _text(draw, part, name)
        case _:
            return draw.choice(["k1", 1, True, 150])


def _mapping(draw: random.Random, part: Schema, name: str, depth: int) -> Tree:
    fields: Schema = part.get("properties", {})
    if not fields:
        inner = next(iter(part.get("patternProperties", {}).values()), part.get("additionalProperties", True))
        keys = NAMES.get(name, STEPS)
        chosen = draw.sample(keys, min(len(keys), draw.choice([1, 1, 2])))
        return {key: _made(draw, inner if isinstance(inner, dict) else {}, "", depth + 1) for key in chosen}
    share = 0.25 if depth < 3 else 0.08
    wanted = [key for key in fields if key in part.get("required", []) or draw.random() < share]
    if not wanted:
        wanted = [draw.choice(list(fields))]
    return {key: _made(draw, fields[key], key, depth + 1) for key in wanted}


def _text(draw: random.Random, part: Schema, name: str) -> str:
    pattern = part.get("pattern")
    if name in NAMES:
        return draw.choice(NAMES[name])
    if pattern is None or re.fullmatch(pattern, "a b"):
        return draw.choice(STEPS)
    fitting = [each for each in TEXTS if re.fullmatch(pattern, each)]
    return draw.choice(fitting) if fitting else "s"
