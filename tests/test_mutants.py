"""The rule mutants fit the code of today, and docs/mutants.md says what was measured."""

from __future__ import annotations

import pytest

from tests.mutants import page, results
from tests.mutants.rules import ENGINES, RuleMutant, rule_mutants
from tests.mutants.trial import ROOT
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


def test_the_page_tells_what_was_measured() -> None:
    text = page.PAGE.read_text("utf-8")
    assert page.page(text, {engine: results.read(engine) for engine in ENGINES}) == text
