"""What is packed comes out again as it was: times, causes, details, ledgers, and how runs ended."""

from __future__ import annotations

from dataclasses import replace

import pytest

from durascope.models.loading import builtin_names, load_scenario
from durascope.models.trace import Event, Kind, Trace
from durascope.player.packing import Pack, Telling, told
from durascope.render.exports.jsonl import plain
from durascope.simulators.simulate import simulate
from tests.player.unpacking import events, in_a_row, ledger, runs

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
    numbers = [pack.add(told(each)) for each in (calm, trace)]
    packed = pack.as_json()
    assert [events(packed, number) for number in numbers] == [as_read(each) for each in (calm, trace)]


def test_a_ledger_points_at_the_effects_of_the_trace() -> None:
    trace = traced("order-fulfillment", "temporal")
    pack = Pack()
    pack.add(told(trace))
    packed = pack.as_json()
    found, story = ledger(packed, 0), events(packed, 0)
    assert [(story[event].at, each["service"], each["step"], each["again"]) for event, each in found] == [
        (each.at, each.service, each.step, each.again) for each in trace.ledger
    ]
    assert sum(each["again"] for _, each in found) == 1
    assert all(trace.events[event].kind is Kind.STEP_AFTER_EFFECT for event, _ in found)
    assert len({event for event, _ in found}) == len(found)


def test_a_run_that_never_ends_says_why() -> None:
    trace = traced("order-fulfillment-engine-crash", "inngest")
    pack = Pack()
    pack.add(told(trace))
    [run] = runs(pack.as_json(), 0)
    assert (run["started_us"], run["ended_us"]) == (trace.runs[0].started_at, trace.runs[0].ended_at)
    assert (run["why"] is not None) == bool(trace.unended)


def test_of_traces_that_are_the_same_there_is_one() -> None:
    pack = Pack()
    assert [pack.add(told(traced("payment", "restate"))) for _ in range(3)] == [0, 0, 0]


def test_what_two_traces_have_in_common_is_told_once() -> None:
    calm, trace = traced("order-fulfillment", "restate", calm=True), traced("order-fulfillment", "restate")
    pack = Pack()
    pack.add(told(calm))
    alone = len(pack.as_json()["copies"]["fresh"])
    pack.add(told(trace))
    packed = pack.as_json()
    assert len(in_a_row(packed)) == len(calm.events) + len(trace.events)
    assert len(packed["copies"]["fresh"]) - alone < len(trace.events) / 2


@pytest.mark.parametrize("engine", ENGINES)
def test_a_trace_is_told_from_where_it_parts_from_another(engine: str) -> None:
    calm, trace = traced("order-fulfillment", engine, calm=True), traced("order-fulfillment", engine)
    story = Telling(calm)
    pack, whole = Pack(), Pack()
    begun = pack.add(story.told)
    after = Telling(trace, story).told
    number = pack.add(after, begun)
    assert 0 < after.first < len(after.events.token) + after.first == len(trace.events)
    for each in (calm, trace):
        whole.add(told(each))
    assert pack.as_json() == whole.as_json()
    assert events(pack.as_json(), number) == as_read(trace)


def test_effects_that_differ_are_told_though_their_events_are_the_same() -> None:
    trace = traced("order-fulfillment", "restate")
    keyed = replace(trace, ledger=[replace(each, key="k") for each in trace.ledger])
    pack = Pack()
    number = pack.add(told(trace))
    again = pack.add(Telling(keyed, Telling(trace)).told, number)
    assert {each["key"] for _, each in ledger(pack.as_json(), again)} == {"k"}


def test_tables_have_what_the_chosen_traces_need() -> None:
    pack = Pack()
    pack.add(told(traced("payment", "restate")))
    second = pack.add(told(traced("order-fulfillment", "temporal")))
    packed = pack.as_json([second])
    assert events(packed, 0) == as_read(traced("order-fulfillment", "temporal"))
    assert "payment" not in packed["tokens"]["workflow"]


def test_what_would_act_is_shown() -> None:
    event = Event(0, "app", Kind.STEP_FAILED, "w", "run \u202e1", "s", 1, None, ("a\u2028b", "</script>"))
    trace = traced("payment", "restate")
    pack = Pack()
    pack.add(told(replace(trace, events=[event], ledger=[], runs=[])))
    packed = pack.as_json()
    assert packed["tokens"]["run"] == ["run ‹U+202E›1"]
    assert packed["tokens"]["detail"] == [["a‹U+2028›b", "</script>"]]
