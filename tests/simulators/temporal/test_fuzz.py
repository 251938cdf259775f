"""Random programs with random faults: the model never raises, repeats itself, and its histories are histories."""

# pyright: reportUnknownLambdaType=false
# Hypothesis' strategies are put together from lambdas whose parameters nothing declares.

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from durascope.models.faults import Crash
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.simulators.simulate import simulate
from tests.simulators.lawful import lawful

NAMES = ("a", "b", "c", "d")
EVENTS = ("go", "stop", "now")
TIMES = st.sampled_from(["0s", "1ms", "20ms", "90ms", "400ms", "1500ms", "7s", "12s"])
SHORT = st.sampled_from(["0s", "1ms", "5ms", "60ms", "300ms", "2s"])
CRASHES = st.sampled_from(["app", "engine"])


def _some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


FAILS = st.one_of(
    st.integers(0, 3),
    st.builds(
        lambda times, more: {"times": times, **more},
        st.integers(1, 3),
        _some(moment=st.just("after-effect"), retry_after=SHORT, retryable=st.booleans()),
    ),
    st.just({"always": True, "retryable": False}),
)
RUN = st.builds(
    lambda name, more: {"run": name, **more},
    st.sampled_from(NAMES),
    _some(
        takes=TIMES,
        fails=FAILS,
        undo=st.sampled_from(["ua", "ub"]),
        effect_at=st.sampled_from(["50%", "0%", "never"]),
        retry=st.builds(
            lambda first, most, more: {"initial": first, "max_attempts": most, **more},
            SHORT.filter(lambda each: each != "0s"),
            st.integers(1, 4),
            _some(local_threshold=st.just("50ms")),
        ),
        timeout=st.sampled_from(["50ms", "1s"]),
        total_timeout=st.sampled_from(["300ms", "4s"]),
        queue_timeout=st.sampled_from(["300ms", "4s"]),
        heartbeat=st.sampled_from([{"timeout": "1s", "every": "200ms"}, {"timeout": "300ms", "every": "never"}]),
        cancellation=st.sampled_from(["try", "wait", "abandon"]),
        local=st.booleans(),
        queue=st.just("nobody"),
    ),
)
LEAF = st.one_of(
    RUN,
    st.builds(lambda time: {"sleep": time, "name": "nap"}, TIMES),
    st.builds(
        lambda event, more: {"wait_for": event, **more},
        st.sampled_from(EVENTS),
        _some(timeout=TIMES, times=st.integers(1, 2)),
    ),
    st.builds(lambda more: {"call": "child", **more}, _some(key=st.sampled_from(["k1", "k2"]), timeout=TIMES)),
    st.builds(lambda more: {"start": "child", **more}, _some(after=TIMES, confirm=st.booleans())),
    st.builds(lambda name: {"get": name}, st.sampled_from(["n", "*"])),
    st.builds(lambda name: {"set": name, "value": 1}, st.just("n")),
    st.builds(lambda name: {"clear": name}, st.sampled_from(["n", "*"])),
    st.builds(lambda to, more: {"send": "go", "to": to, **more}, st.sampled_from([1, 2, "k1"]), _some(after=SHORT)),
    st.builds(lambda name: {"send": name}, st.sampled_from(["go", "start-child"])),
    st.builds(lambda time: {"compute": time}, SHORT),
    st.builds(lambda more: {"fail": "no", **more}, st.sampled_from([{}, {"retryable": True, "times": 2}])),
    st.just({"finish": "done"}),
    st.just({"patched": "v2", "do": [{"run": "p"}], "otherwise": [{"run": "q"}]}),
)


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    steps = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda branches: {"parallel": branches}, st.lists(st.one_of(inner, steps), min_size=1, max_size=3)),
        st.builds(lambda branches: {"race": branches}, st.lists(st.one_of(inner, steps), min_size=1, max_size=3)),
        st.builds(
            lambda n, do, more: {"repeat": n, "do": do, **more},
            st.integers(0, 3),
            steps,
            _some(continue_as_new_every=st.integers(1, 2)),
        ),
        st.builds(
            lambda n, do, more: {"for_each": n, "do": do, **more},
            st.integers(0, 4),
            steps,
            _some(at_once=st.integers(1, 2)),
        ),
        st.builds(lambda do: {"wait_for": "go", "timeout": "90ms", "then": do, "on_timeout": do}, steps),
    )


STEP = st.recursive(LEAF, _nested, max_leaves=5)
FAULT = st.one_of(
    st.builds(
        lambda what, at, down, graceful: {"crash": what, "at": at, "down_for": down, "graceful": graceful},
        CRASHES,
        TIMES,
        SHORT,
        st.booleans(),
    ),
    st.builds(
        lambda what, step, moment, down: {"crash": what, "when": {"step": step, "moment": moment}, "down_for": down},
        CRASHES,
        st.sampled_from(NAMES),
        st.sampled_from(["scheduled", "started", "before-effect", "after-effect", "reported", "recorded"]),
        SHORT,
    ),
    st.builds(lambda at, lasts: {"cut": ["app", "engine"], "at": at, "for": lasts}, TIMES, SHORT),
    st.builds(lambda what, at, lasts: {"hang": what, "at": at, "for": lasts}, CRASHES, TIMES, SHORT),
    st.builds(
        lambda at, change, more: {"deploy": "work", "at": at, "change": change, **more},
        TIMES,
        st.sampled_from([{"drop": "b"}, {"rename": {"a": "z"}}, {"append": {"run": "last"}}]),
        _some(down_for=SHORT),
    ),
)
EVENT = st.one_of(
    st.builds(
        lambda name, to, at: {"send": name, "to": to, "at": at}, st.sampled_from(EVENTS), st.integers(1, 3), TIMES
    ),
    st.builds(lambda at: {"send": "start-work", "at": at}, TIMES),
    st.builds(lambda at: {"send": "nobody-knows", "at": at}, TIMES),
    st.builds(lambda at: {"query": "n", "to": 1, "at": at}, TIMES),
    st.builds(
        lambda name, amount, at: {"update": name, "to": 1, "with": {"amount": amount}, "at": at},
        st.sampled_from(["go", "set"]),
        st.sampled_from([1, 500]),
        TIMES,
    ),
    st.builds(
        lambda what, to, at: {"operator": what, "to": to, "at": at},
        st.sampled_from(["cancel", "kill", "pause", "resume", "restart"]),
        st.integers(1, 3),
        TIMES,
    ),
)
WORKERS = st.sampled_from(
    [
        [{"name": "worker", "runs": "both"}],
        [{"name": "worker", "runs": "both", "replicas": 2, "cache": 1, "slots": 2}],
        [{"name": "worker", "runs": "both", "cache": 0}],
        [
            {"name": "workflow-worker", "runs": "workflows", "queue": "work", "replicas": 2},
            {"name": "activity-worker", "runs": "activities", "queue": "steps", "slots": 1},
        ],
    ]
)
TEMPORAL = st.builds(
    lambda workers, more: {"workers": workers, **more},
    WORKERS,
    _some(
        eager_activities=st.booleans(),
        eager_start=st.booleans(),
        sticky_timeout=st.sampled_from(["200ms", "2s"]),
        workflow_task_timeout=st.sampled_from(["1s", "10s"]),
        step_timeout=st.sampled_from(["1s", "10s"]),
    ),
)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    runs = draw(st.integers(1, 3))
    kind = draw(st.sampled_from(["plain", "entity", "keyed"]))
    steps = draw(st.lists(STEP, min_size=1, max_size=4))
    update = {"steps": draw(st.lists(LEAF, max_size=2)), "rejects": "amount > 100"}
    work: dict[str, Any] = {
        "steps": steps,
        "started_by": {"event": "start-work"},
        "signals": {"stop": {"then": "cancel"}, "now": {"then": "cancel-now"}},
        "updates": {"go": {**update, "one_at_a_time": draw(st.booleans())}, "set": {"steps": []}},
        "queries": ["n"],
        **draw(
            _some(retry=st.just({"initial": "300ms", "max_attempts": 2}), run_timeout=TIMES.filter(lambda t: t != "0s"))
        ),
        **draw(_some(after_undo=st.just("complete"), on_failure=st.just([{"run": "tell"}]))),
    }
    if kind != "plain":
        work |= {"key": "id", "one_at_a_time": kind == "entity"}
        work["id_conflict"] = draw(st.sampled_from(["fail", "use-existing"]))
    simple = LEAF.filter(lambda step: not step.keys() & {"call", "start", "send"})
    child = {"steps": draw(st.lists(simple, max_size=2)), "started_by": {"event": "start-child"}}
    with_ = [{"send": "go"}, {"update": "set", "with": {"amount": 1}}]
    return Scenario.model_validate(
        {
            "scenario": "fuzz",
            "workflows": {"work": work, "child": child},
            "deployments": {"temporal": draw(TEMPORAL)},
            "workload": {
                "runs": runs,
                "of": "work",
                "arrivals": {"at": [draw(SHORT) for _ in range(runs)]},
                "events": draw(st.lists(EVENT, max_size=3)),
                **draw(_some(start_with=st.sampled_from(with_), after=SHORT)),
                **({"keys": ["k"] * runs} if kind != "plain" else {}),
            },
            "faults": draw(st.lists(FAULT, max_size=3)),
        }
    )


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
@given(scenarios(), st.integers(0, 5))
def test_any_scenario_runs_and_its_histories_are_histories(scenario: Scenario, seed: int) -> None:
    trace = simulate(scenario, "temporal", seed=seed)
    check(trace)
    again = simulate(scenario, "temporal", seed=seed)
    assert (again.records, again.events, again.status, again.facts) == (
        trace.records, trace.events, trace.status, trace.facts,
    )  # fmt: skip
    metrics = simulate(scenario, "temporal", seed=seed, full=False, records=False)
    assert metrics.event_count == trace.event_count
    assert dict(metrics.effects) == dict(trace.effects)


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
@given(scenarios(), CRASHES, st.floats(0, 1, exclude_max=True))
def test_any_event_may_be_the_last_before_a_crash(scenario: Scenario, what: str, where: float) -> None:
    events = simulate(scenario, "temporal").events
    if events:
        at = {"event": int(where * len(events))}
        crash = Crash.model_validate({"crash": what, "when": at, "down_for": "500ms"})
        crashed = scenario.model_copy(update={"faults": (*scenario.faults, crash)})
        check(simulate(crashed, "temporal"))


def check(trace: Trace) -> None:
    lawful(trace)
    for run, lines in trace.records.items():
        check_history(lines, trace.status[run])


STATUS = {
    "WorkflowExecutionCompleted": "completed",
    "WorkflowExecutionFailed": "failed",
    "WorkflowExecutionCanceled": "cancelled",
    "WorkflowExecutionTerminated": "terminated",
    "WorkflowExecutionTimedOut": "timed-out",
    "WorkflowExecutionContinuedAsNew": "continued-as-new",
}


def check_history(lines: Sequence[str], status: str) -> None:
    """What holds for every history: one pending workflow task (W1), starts before ends, nothing after the end."""
    kinds = [line.split(" ")[0] for line in lines]
    assert kinds[0] == "WorkflowExecutionStarted"
    assert kinds.count("WorkflowExecutionStarted") == 1
    closings = [kind for kind in kinds if kind in STATUS]
    assert len(closings) <= 1
    assert status == (STATUS[closings[0]] if closings else "running")
    if closings:
        assert kinds[-1] == closings[0]
    task = "none"
    for kind in kinds:
        match kind:
            case "WorkflowTaskScheduled":
                assert task == "none"
                task = "scheduled"
            case "WorkflowTaskStarted":
                assert task == "scheduled"
                task = "started"
            case "WorkflowTaskCompleted" | "WorkflowTaskFailed":
                assert task == "started"
                task = "none"
            case "WorkflowTaskTimedOut":
                assert task in ("scheduled", "started")
                task = "none"
            case "WorkflowExecutionSignaled" | "TimerFired" | "ActivityTaskCompleted" | "ChildWorkflowExecutionStarted":
                assert task != "started", "what comes while a task is started is buffered"
            case _:
                pass
    check_pairs(lines)


def check_pairs(lines: Sequence[str]) -> None:
    scheduled: Counter[str] = Counter()
    started: Counter[str] = Counter()
    reported: Counter[str] = Counter()
    closed: Counter[str] = Counter()
    timers: dict[str, str] = {}
    for line in lines:
        kind, _, rest = line.partition(" ")
        name = rest.split(" ")[0]
        match kind:
            case "ActivityTaskScheduled":
                scheduled[name] += 1
            case "ActivityTaskStarted":
                started[name] += 1
                assert started[name] <= scheduled[name]
            case "ActivityTaskCompleted" | "ActivityTaskFailed":
                reported[name] += 1
                closed[name] += 1
                assert reported[name] <= started[name]
                assert closed[name] <= scheduled[name]
            case "ActivityTaskTimedOut" | "ActivityTaskCanceled":
                closed[name] += 1
                assert closed[name] <= scheduled[name]
            case "TimerStarted":
                assert name not in timers
                timers[name] = "started"
            case "TimerFired" | "TimerCanceled":
                assert timers[name] == "started"
                timers[name] = kind
            case _:
                pass
