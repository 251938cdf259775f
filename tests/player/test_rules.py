"""Rules that the narration cites: each is in docs/engines/, under its name, and each is shown by something."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from durascope.models.loading import load_scenario
from durascope.models.overrides import Overrides
from durascope.models.trace import Event, Trace
from durascope.player.rules import RULES, Rule
from durascope.simulators.simulate import simulate

DOCS = Path(__file__).parents[2] / "docs" / "engines"
STORIES = (
    ("order-fulfillment", ()), ("order-fulfillment", ("engine after-effect reserve-stock down 15s",)),
    ("order-fulfillment-outage", ()), ("order-fulfillment-deploy", ()), ("onboarding", ()), ("payment", ()),
    ("agent", ()), ("agent-fan-out", ()),
)  # fmt: skip
UNSEEN = {("temporal", "A7"), ("temporal", "A9")}
"""Shown by heartbeats and late reports, which no scenario that ships has."""
NAMED = [(engine, rule) for engine, rules in RULES.items() for rule in rules]


@cache
def traces(engine: str) -> tuple[Trace, ...]:
    asked = [load_scenario(name, Overrides((), crashes, None, None)) for name, crashes in STORIES]
    return tuple(simulate(scenario, engine, full=True, records=True) for scenario in asked)


def shows(rule: Rule, trace: Trace, event: Event) -> bool:
    """As the player decides it."""
    detail = event.detail[1] if isinstance(event.detail, tuple) else event.detail
    again = {(each.at, each.step) for each in trace.ledger if each.again and not each.deduplicated}
    return (
        event.kind is rule.kind
        and (rule.detail is None or rule.detail in str(detail))
        and (rule.cause is None or (event.cause is not None and trace.events[event.cause].kind is rule.cause))
        and (not rule.again or (event.at, event.step) in again)
    )


@pytest.mark.parametrize(("engine", "rule"), NAMED, ids=[f"{engine} {rule.name} {rule.kind}" for engine, rule in NAMED])
def test_a_rule_has_its_place_in_the_engine_s_rules(engine: str, rule: Rule) -> None:
    text = (DOCS / f"{engine}.md").read_text("utf-8")
    number = re.escape(rule.name.removeprefix("§"))
    heading = rf"^###? {number}\.?[ ]" if rule.name.startswith("§") else rf"^\* (\*\*)?{number}\. "
    assert re.search(heading, text, re.MULTILINE), rule.name


@pytest.mark.parametrize(("engine", "rule"), NAMED, ids=[f"{engine} {rule.name} {rule.kind}" for engine, rule in NAMED])
def test_a_rule_is_shown_by_something(engine: str, rule: Rule) -> None:
    def shown() -> Iterator[Event]:
        for trace in traces(engine):
            yield from (event for event in trace.events if shows(rule, trace, event))

    assert (next(shown(), None) is None) == ((engine, rule.name) in UNSEEN)
