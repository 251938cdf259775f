"""Random programs with random faults: the model never raises, repeats itself exactly, and keeps its books straight."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from durascope.models.faults import Crash
from durascope.models.scenario import Scenario
from durascope.models.trace import Kind, Trace
from durascope.simulators.simulate import simulate
from tests.simulators.lawful import lawful

ANY_SIZE = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
NAMES = ("a", "b", "c", "d")
EVENTS = ("go", "stop")
TIMES = st.sampled_from(["0s", "1ms", "20ms", "90ms", "400ms", "1500ms", "7s"])
SHORT = st.sampled_from(["0s", "1ms", "5ms", "60ms", "300ms", "2s"])


Dicts = st.SearchStrategy[dict[str, Any]]


def shape(required: dict[str, st.SearchStrategy[Any]], **optional: st.SearchStrategy[Any]) -> Dicts:
    """A mapping with these keys, and some of those."""
    return st.fixed_dictionaries(required, optional=optional)


FAILS: st.SearchStrategy[Any] = st.one_of(
    st.integers(0, 3),
    shape({"times": st.integers(1, 3)}, moment=st.just("after-effect"), retry_after=SHORT, retryable=st.booleans()),
    st.just({"always": True, "retryable": False}),
)
RUN = shape(
    {"run": st.sampled_from(NAMES)},
    takes=TIMES,
    fails=FAILS,
    undo=st.sampled_from(["ua", "ub"]),
    effect_at=st.sampled_from(["50%", "0%", "never"]),
    retry=shape({"initial": SHORT, "max_attempts": st.integers(1, 4)}),
    timeout=st.sampled_from(["50ms", "1s"]),
)
CALLS = st.one_of(
    shape({"call": st.just("child")}, key=st.sampled_from(["k1", "k2"]), timeout=TIMES),
    shape({"start": st.just("child")}, after=TIMES, confirm=st.booleans()),
)
PLAIN = st.one_of(
    RUN,
    shape({"sleep": TIMES}, name=st.just("nap")),
    shape({"wait_for": st.sampled_from(EVENTS)}, timeout=TIMES, times=st.integers(1, 2)),
    shape({"get": st.sampled_from(["n", "*"])}),
    shape({"set": st.just("n")}, value=st.just(1)),
    shape({"clear": st.sampled_from(["n", "*"])}),
    shape({"send": st.just("go"), "to": st.sampled_from([1, 2, "k1"])}, after=SHORT),
    shape({"compute": SHORT}),
    st.sampled_from([{"fail": "no"}, {"fail": "no", "retryable": True, "times": 2}]),
    st.just({"finish": "done"}),
    st.just({"patched": "v2", "do": [{"run": "p"}]}),
)


def nested(inner: Dicts) -> Dicts:
    steps = st.lists(inner, min_size=1, max_size=3)
    branches = st.lists(st.one_of(inner, steps), min_size=1, max_size=3)
    return st.one_of(
        shape({"parallel": branches}),
        shape({"race": branches}),
        shape({"repeat": st.integers(0, 3), "do": steps}),
        shape({"for_each": st.integers(0, 4), "do": steps}, at_once=st.integers(1, 2)),
        shape({"wait_for": st.just("go"), "timeout": st.just("90ms"), "then": steps, "on_timeout": steps}),
    )


STEP = st.recursive(st.one_of(PLAIN, CALLS), nested, max_leaves=4)
PROCESS = st.sampled_from(["app", "engine"])
MOMENT = shape(
    {
        "step": st.sampled_from(NAMES),
        "moment": st.sampled_from(["scheduled", "started", "before-effect", "after-effect", "reported", "recorded"]),
    }
)
CHANGE = st.sampled_from([{"drop": "b"}, {"rename": {"a": "z"}}, {"append": {"run": "last"}}])
FAULT = st.one_of(
    shape({"crash": PROCESS, "at": TIMES, "down_for": SHORT}),
    shape({"crash": PROCESS, "when": MOMENT, "down_for": SHORT}),
    shape({"cut": st.just(["app", "engine"]), "at": TIMES, "for": SHORT}),
    shape({"hang": st.just("app"), "at": TIMES, "for": SHORT}),
    shape({"deploy": st.just("work"), "at": TIMES, "change": CHANGE}, in_place=st.booleans(), down_for=SHORT),
)
OPERATOR = st.sampled_from(["cancel", "kill", "pause", "resume", "restart"])
EVENT = st.one_of(
    shape({"send": st.sampled_from(EVENTS), "to": st.integers(1, 3), "at": TIMES}),
    shape({"send": st.just("start-work"), "at": TIMES}),
    shape({"query": st.just("n"), "to": st.just(1), "at": TIMES}),
    shape({"operator": OPERATOR, "to": st.integers(1, 3), "at": TIMES}),
)
SERVICE = shape(
    {},
    kind=st.sampled_from(["service", "object", "workflow"]),
    sdk=st.sampled_from(["python", "typescript"]),
    mode=st.just("request-response"),
    lazy_state=st.booleans(),
    wait_for=st.just("signal"),
    replicas=st.integers(1, 2),
)
RESTATE = shape(
    {"service": SERVICE, "server": shape({}, protocol=st.just(7), nodes=st.just(2))},
    inactivity_timeout=st.sampled_from(["0s", "50ms", "300ms"]),
    abort_timeout=st.sampled_from(["100ms", "1s"]),
    retry=shape({}, initial=st.just("50ms"), max_attempts=st.integers(1, 4), then=st.sampled_from(["pause", "kill"])),
)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    runs = draw(st.integers(1, 3))
    exclusive = draw(st.booleans())
    work: dict[str, Any] = {
        "steps": draw(st.lists(STEP, min_size=1, max_size=4)),
        "started_by": {"event": "start-work"},
        "signals": draw(st.sampled_from([{}, {"stop": {"then": "cancel"}}])),
        **({"key": "id", "one_at_a_time": True} if exclusive else {}),
    }
    child = {"steps": draw(st.lists(PLAIN, max_size=2))}
    return Scenario.model_validate(
        {
            "scenario": "fuzz",
            "workflows": {"work": work, "child": child},
            "deployments": {"restate": draw(RESTATE)},
            "workload": {
                "runs": runs,
                "of": "work",
                "arrivals": {"at": [draw(SHORT) for _ in range(runs)]},
                "events": draw(st.lists(EVENT, max_size=3)),
                **({"keys": ["k"] * runs} if exclusive else {}),
            },
            "faults": draw(st.lists(FAULT, max_size=3)),
        }
    )


@settings(max_examples=150, deadline=None, suppress_health_check=ANY_SIZE)
@given(scenarios(), st.integers(0, 5))
def test_any_scenario_runs_and_its_books_are_straight(scenario: Scenario, seed: int) -> None:
    trace = simulate(scenario, "restate", seed=seed)
    check(scenario, trace)
    again = simulate(scenario, "restate", seed=seed)
    assert (again.records, again.events, again.status, again.facts) == (
        trace.records, trace.events, trace.status, trace.facts,
    )  # fmt: skip
    metrics = simulate(scenario, "restate", seed=seed, full=False, records=False)
    assert metrics.event_count == trace.event_count
    assert dict(metrics.effects) == dict(trace.effects)


@settings(max_examples=60, deadline=None, suppress_health_check=ANY_SIZE)
@given(scenarios(), st.sampled_from(["app", "engine"]), st.floats(0, 1, exclude_max=True))
def test_any_event_may_be_the_last_before_a_crash(scenario: Scenario, what: str, where: float) -> None:
    events = simulate(scenario, "restate").events
    if events:
        at = {"event": int(where * len(events))}
        crash = Crash.model_validate({"crash": what, "when": at, "down_for": "500ms"})
        crashed = scenario.model_copy(update={"faults": (*scenario.faults, crash)})
        check(scenario, simulate(crashed, "restate"))


def check(scenario: Scenario, trace: Trace) -> None:
    lawful(trace)
    ended: set[str] = set()
    for event in trace.events:
        if event.kind is Kind.RUN_ENDED and event.run is not None:
            ended.add(event.run)
        if event.kind is Kind.RECORDED:
            assert event.run not in ended, "nothing is recorded after the end"
    for run, lines in trace.records.items():
        _check_journal(run, lines, trace.status)


def _check_journal(run: str, lines: Sequence[str], status: Mapping[str, str]) -> None:
    if not lines:
        return
    assert lines[0] == "Input"
    assert lines.count("Input") == 1
    asked = [int(each) for line in lines if not line.startswith(">") for each in re.findall(r"#(\d+)", line)]
    assert asked == sorted(set(asked)), "completion ids are given out once, in order"
    told = [int(each) for line in lines if line.startswith(">") for each in re.findall(r"#(\d+)", line)]
    assert len(told) == len(set(told)), "a command is completed once"
    assert set(told) <= set(asked), "only what was asked for is completed"
    outputs = [line for line in lines if line.startswith("Output")]
    assert len(outputs) <= 1
    if status.get(run) in ("completed", "cancelled"):
        assert outputs
