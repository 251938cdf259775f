"""What is packed comes out again as it was: times, causes, details, ledgers, and how runs ended."""

from __future__ import annotations

from dataclasses import replace

import pytest

from durascope.models.loading import builtin_names, load_scenario
from durascope.models.trace import Event, Kind, Trace
from durascope.player.packing import Pack, shared
from durascope.render.exports.jsonl import plain
from durascope.simulators.simulate import simulate
from tests.player.unpacking import events, rows

ENGINES = ("temporal", "inngest", "restate")


def traced(name: str, engine: str, *, calm: bool = False) -> Trace:
    scenario = load_scenario(name)
    return simulate(scenario.model_copy(update={"faults": ()}) if calm else scenario, engine, full=True)


def as_read(trace: Trace) -> list[Event]:
    return [event._replace(detail=plain(event.detail)) for event in trace.events]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", builtin_names())
def test_every_event_comes_out_as_it_was(name: str, engine: str) -> None:
    trace, calm = traced(name, engine), traced(name, engine, calm=True)
    pack = Pack()
    base = pack.add(calm)
    fork = pack.add(trace, base)
    packed = pack.as_json()
    assert events(packed, base) == as_read(calm)
    assert events(packed, fork) == as_read(trace)
    assert packed["traces"][fork]["keep"] == shared(calm.events, trace.events)


def test_a_ledger_points_at_the_effects_of_the_trace() -> None:
    trace = traced("order-fulfillment", "temporal")
    pack = Pack()
    pack.add(trace)
    packed = pack.as_json()
    effects, told = rows(packed["effects"]), packed["traces"][0]["ledger"]
    found = [(events(packed, 0)[event].at, effects[row]) for event, row in told]
    assert [(at, each["service"], each["step"], each["again"]) for at, each in found] == [
        (each.at, each.service, each.step, each.again) for each in trace.ledger
    ]
    assert sum(each["again"] for _, each in found) == 1
    assert all(trace.events[event].kind is Kind.STEP_AFTER_EFFECT for event, _ in told)
    assert len({event for event, _ in told}) == len(told)


def test_a_run_that_never_ends_says_why() -> None:
    trace = traced("order-fulfillment-engine-crash", "inngest")
    pack = Pack()
    pack.add(trace)
    packed = pack.as_json()
    [[row, started, ended]] = packed["traces"][0]["runs"]
    assert (started, ended) == (trace.runs[0].started_at, trace.runs[0].ended_at)
    why = rows(packed["runs"])[row]["why"]
    assert (why is not None) == bool(trace.unended)


def test_the_same_rest_is_kept_once() -> None:
    trace = traced("payment", "restate")
    pack = Pack()
    base = pack.add(trace)
    for _ in range(3):
        pack.add(trace, base, leaf=True)
    packed = pack.as_json()
    assert len(packed["traces"]) == 4
    assert len(packed["parts"]["token"]) == 2  # the trace, and nothing more


def test_what_would_act_is_shown() -> None:
    event = Event(0, "app", Kind.STEP_FAILED, "w", "run \u202e1", "s", 1, None, ("a\u2028b", "</script>"))
    trace = traced("payment", "restate")
    pack = Pack()
    pack.add(replace(trace, events=[event], ledger=[], runs=[]))
    packed = pack.as_json()
    assert packed["tokens"]["run"] == ["run ‹U+202E›1"]
    assert packed["tokens"]["detail"] == [["a‹U+2028›b", "</script>"]]
