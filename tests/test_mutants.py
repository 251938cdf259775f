"""The rule mutants fit the code of today, and docs/mutants.md says what was measured."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutants import page, results
from tests.mutants.equivalent import reason, reasons
from tests.mutants.rules import ENGINES, RuleMutant, rule_mutants
from tests.mutants.trial import ROOT
from tests.mutants.warm import Elsewhere, swap
from tests.test_cited_rules import rules, sections

MUTANTS = [mutant for engine in ENGINES for mutant in rule_mutants(engine)]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.engine} {mutant.name}")
def test_a_rule_mutant_changes_code_that_stands_in_one_place_into_other_code(mutant: RuleMutant) -> None:
    original = (ROOT / mutant.path).read_text("utf-8")
    broken = compile(mutant.source(), mutant.path, "exec")
    assert broken != compile(original, mutant.path, "exec")


@pytest.mark.parametrize("engine", ENGINES)
def test_rule_mutants_break_rules_that_the_engines_page_has(engine: str) -> None:
    named = [mutant.name for mutant in rule_mutants(engine)]
    assert len(named) == len(set(named))
    known = rules(engine) | {f"§{number}" for number in sections(engine)}
    assert {mutant.rule for mutant in rule_mutants(engine)} <= known


def test_what_nobody_could_notice_is_a_change_that_was_tried_and_that_no_test_noticed() -> None:
    samples = [known.sample for known in map(results.read, ENGINES) if known.sample is not None]
    survivors = [
        reason(reasons(), name, tried.change)
        for sample in samples
        for name, tried in sample.tried.items()
        if tried.outcome == "survived"
    ]
    assert {why for why in survivors if why is not None} == set(reasons().values())


def test_the_page_tells_what_was_measured() -> None:
    text = page.PAGE.read_text("utf-8")
    assert page.page(text, {engine: results.read(engine) for engine in ENGINES}) == text


# ---- functions that get a mutant's code ----------------------------------------------------------------------------

MODULE = """
LIMIT = 3


class Queue:
    longest = LIMIT

    @property
    def full(self):
        return all(each < LIMIT for each in (2,))


def first(items):
    return items[0]
"""


@pytest.fixture
def imported(tmp_path: Path) -> ModuleType:
    file = tmp_path / "a_queue.py"
    file.write_text(MODULE, "utf-8")
    spec = spec_from_file_location("a_queue", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_function_that_is_in_use_already_gets_the_mutants_code(imported: ModuleType) -> None:
    used, queue = imported.first, imported.Queue()
    assert (used("abc"), queue.full) == ("a", True)
    swap(Path(str(imported.__file__)), MODULE.replace("items[0]", "items[-1]").replace("each < LIMIT", "each > LIMIT"))
    assert (used("abc"), queue.full) == ("c", False)


@pytest.mark.parametrize(
    ("code", "becomes"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ("longest = LIMIT", "longest = 5"),
        ("(items)", "(items=())"),
        ("    @property\n", ""),
    ],
)
def test_what_was_made_use_of_at_import_needs_a_process_of_its_own(
    imported: ModuleType, code: str, becomes: str
) -> None:
    with pytest.raises(Elsewhere):
        swap(Path(str(imported.__file__)), MODULE.replace(code, becomes))
