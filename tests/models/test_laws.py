"""The laws of a trace: those that ship keep them, and a trace that breaks one is told at the event that shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from durascope.models.laws import LAWS, broken
from durascope.models.loading import builtin_names, load_scenario
from durascope.models.trace import Event, Kind
from durascope.render.exports import export
from durascope.simulators.simulate import simulate
from tests.cli.commands import durascope


def event(kind: Kind, at: int = 0, *, lane: str = "app", cause: int | None = None, detail: object = None) -> Event:
    return Event(at, lane, kind, "w", "run 1", "a", 1, cause, detail)


@pytest.mark.parametrize("engine", ["temporal", "inngest", "restate", "queue"])
@pytest.mark.parametrize("name", builtin_names())
def test_what_ships_keeps_every_law(name: str, engine: str) -> None:
    assert broken(simulate(load_scenario(name), engine).events) == []


BREAKING = {
    "time": [event(Kind.WORK_STARTED, 5), event(Kind.WORK_ENDED, 4)],
    "cause": [event(Kind.WORK_STARTED, cause=0)],
    "one-start": [event(Kind.RUN_STARTED)] * 2,
    "one-end": [event(Kind.RUN_ENDED)],
    "effect": [event(Kind.STEP_STARTED), event(Kind.STEP_AFTER_EFFECT)],
    "report": [event(Kind.STEP_REPORTED)],
    "recovery": [event(Kind.RESTARTED)],
    "received": [event(Kind.MESSAGE_RECEIVED)],
    "outage": [event(Kind.OUTAGE_ENDED)],
}


@pytest.mark.parametrize("law", LAWS)
def test_each_law_can_be_broken(law: str) -> None:
    events = BREAKING[law]
    assert [(found.law, found.event) for found in broken(events)] == [(law, len(events) - 1)]


def test_a_trace_in_a_file_is_checked(tmp_path: Path) -> None:
    scenario = load_scenario("payment")
    lines = export(simulate(scenario, "restate"), scenario, "jsonl").decode().splitlines()
    (tmp_path / "whole.jsonl").write_text("\n".join(lines))
    assert durascope("check-trace", str(tmp_path / "whole.jsonl")).status == 0
    cut = [line for line in lines if '"before-effect"' not in line and '"run-started"' not in line]
    (tmp_path / "cut.jsonl").write_text("\n".join(cut))
    answer = durascope("check-trace", str(tmp_path / "cut.jsonl"))
    assert answer.status == 1
    assert "an effect is preceded by the moment before it" in answer.out
    (tmp_path / "no.jsonl").write_text("{}")
    assert durascope("check-trace", str(tmp_path / "no.jsonl")).status == 2
