"""Processes that run activities only stay where a workflow is deployed: what do they know of its new code?"""

from __future__ import annotations

from durascope.live.temporal.settings import every_code, step_at
from durascope.models.reading import parse_scenario
from durascope.models.scenario import Scenario
from durascope.models.units import SECOND, Spread

ORDERS = """
scenario: orders
workflows:
  order:
    steps:
      - {run: charge, takes: 80ms, effect_at: never}
      - {run: ship, takes: 200ms}
"""


def deployed(*faults: str) -> list[Scenario]:
    return every_code(parse_scenario(ORDERS + "faults:\n" + "".join(f"  - {each}\n" for each in faults)))


def test_a_step_that_a_deploy_renames_keeps_its_body() -> None:
    codes = deployed("{deploy: order, at: 1s, change: {rename: {charge: bill}}}")
    renamed, before = (step_at(codes, "order", name, 0) for name in ("bill", "charge"))
    assert renamed.effect_at == before.effect_at == "never"
    assert renamed.takes == before.takes


def test_a_step_that_a_deploy_brings_has_the_body_that_is_written_there() -> None:
    new = "{deploy: order, at: 1s, change: {insert: {before: ship, step: {run: weigh, takes: 7s}}}}"
    takes = step_at(deployed(new), "order", "weigh", 0).takes
    assert isinstance(takes, Spread)
    assert takes.at(0.5) == 7 * SECOND


def test_what_an_older_run_still_asks_for_is_known_after_a_deploy_has_dropped_it() -> None:
    codes = deployed("{deploy: order, at: 1s, change: {drop: charge}}")
    assert step_at(codes[1:], "order", "charge", 0).effect_at != "never"
    assert step_at((codes[1], *codes), "order", "charge", 0).effect_at == "never"


def test_every_deploy_of_a_row_adds_its_code_and_a_rollback_none() -> None:
    codes = deployed(
        "{deploy: order, at: 1s, change: {rename: {charge: bill}}}",
        "{deploy: order, at: 2s, change: {rename: {bill: debit}}}",
        "{deploy: order, at: 3s, rollback: true}",
    )
    assert [step_at(codes, "order", name, 0).effect_at for name in ("charge", "bill", "debit")] == ["never"] * 3
    assert codes[3].workflows == codes[1].workflows
