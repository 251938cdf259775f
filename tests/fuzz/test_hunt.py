"""The hunters themselves: each promise holds for the first inputs of a seed, so that none of them has gone stale."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import yaml

from tests.fuzz.__main__ import CORPUS
from tests.fuzz.grown import grown
from tests.fuzz.metamorphic import parsed, plain, renaming_changes_names_only
from tests.fuzz.promises import PROMISES


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", PROMISES)
def test_a_promise_holds_for_a_first_input(name: str, seed: int) -> None:
    promise = PROMISES[name]
    given = promise.made(random.Random(seed))
    assert promise.broken(given, random.Random(seed)) is None


@pytest.mark.parametrize("file", sorted(CORPUS.glob("*.yaml")), ids=lambda file: file.stem)
def test_what_was_once_found_is_found_no_more(file: Path) -> None:
    head, _, text = file.read_text("utf-8").partition("\n")
    found = json.loads(head.removeprefix("# "))
    given = text.removesuffix("\n") if found["promise"] == "text" else yaml.safe_load(text)
    assert PROMISES[found["promise"]].broken(given, random.Random(found["seed"])) is None


def test_what_has_grown_from_the_schema_is_valid_and_is_of_many_kinds() -> None:
    trees = [grown(random.Random(seed)) for seed in range(12)]
    assert all(parsed(tree) is not None for tree in trees)
    kinds = {key for tree in trees for step in tree["workflows"]["main"]["steps"] for key in step}
    assert len(kinds & {"run", "sleep", "wait_for", "parallel", "race", "call", "choose", "for_each", "set"}) > 4


def test_a_hunter_finds_what_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that draws by the names of steps is noticed by the promise that it need not keep yet."""
    monkeypatch.setattr("tests.fuzz.metamorphic.BY_NAME", ())
    monkeypatch.setattr("tests.fuzz.metamorphic.names", lambda: ("inngest",))
    found = [renaming_changes_names_only(plain(random.Random(seed)), random.Random(seed)) for seed in range(9)]
    assert any(each is not None and each.startswith("inngest") for each in found)
