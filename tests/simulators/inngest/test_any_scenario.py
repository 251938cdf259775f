"""Any scenario: whatever is asked, with whatever breaks, the model answers, twice the same, and keeps its books."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from durascope.models.scenario import Scenario
from durascope.models.trace import STATUSES, Kind, Trace
from durascope.simulators.simulate import simulate

NAMES = [f"s{n}" for n in range(6)]
MOMENTS = ["scheduled", "started", "before-effect", "after-effect", "reported", "recorded"]
SHORT = st.sampled_from(["0s", "1ms", "40ms", "300ms", "1s", "2500ms", "4s"])
WAITS = st.sampled_from(["1s", "2s", "3500ms"])

fails = st.one_of(
    st.none(),
    st.integers(1, 3),
    st.fixed_dictionaries(
        {"times": st.integers(1, 2)},
        optional={
            "retryable": st.booleans(),
            "moment": st.sampled_from(["before-effect", "after-effect"]),
            "retry_after": st.sampled_from(["300ms", "2s"]),
        },
    ),
    st.just({"always": True}),
)


def run_step() -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda name, takes, effect, fails, undo, size: {
            "run": name,
            "takes": takes,
            "effect_at": effect,
            **({} if fails is None else {"fails": fails}),
            **({"undo": f"undo-{name}"} if undo else {}),
            **({} if size is None else {"size": size}),
        },
        st.sampled_from(NAMES),
        SHORT,
        st.sampled_from(["0%", "50%", "100%", "never"]),
        fails,
        st.booleans(),
        st.sampled_from([None, None, None, "2KB", "1MB", "5MB"]),
    )


leaf = st.one_of(
    run_step(),
    run_step(),
    st.builds(lambda d: {"sleep": d}, SHORT),
    st.builds(
        lambda t, n: {"wait_for": "ping", "times": n, **({} if t is None else {"timeout": t})}, WAITS, st.integers(1, 2)
    ),
    st.builds(lambda d: {"compute": d}, st.sampled_from(["0s", "20ms"])),
    st.builds(
        lambda t: {"call": "child", **({} if t is None else {"timeout": t})}, st.sampled_from([None, "1s", "1500ms"])
    ),
    st.just({"start": "child"}),
    st.just({"send": "ping"}),
    st.just({"set": "x", "value": 1}),
    st.just({"get": "*"}),
    st.just({"clear": "x"}),
    st.builds(lambda r: {"fail": "no", "retryable": r, **({"times": 1} if r else {})}, st.booleans()),
    st.just({"bug": "oops"}),
    st.just({"finish": "done"}),
)


def nested(step: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    steps = st.lists(step, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda b, m: {"parallel": b, "mode": m}, st.lists(steps, min_size=1, max_size=3), st.sampled_from(["wait", "race"])),
        st.builds(lambda b: {"race": b}, st.lists(steps, min_size=1, max_size=3)),
        st.builds(lambda n, d: {"repeat": n, "do": d, "as": "i"}, st.integers(0, 3), steps),
        st.builds(lambda n, d, k: {"for_each": n, "do": d, "as": "i", "at_once": k}, st.integers(0, 3), steps, st.integers(1, 2)),
        st.builds(lambda d: {"choose": [{"when": "attempts > 1", "do": d}, {"otherwise": d[:1]}]}, steps),
        st.builds(lambda d: {"patched": "v2", "do": d, "otherwise": d[:1]}, steps),
        st.builds(lambda d: {"wait_for": "ping", "timeout": "1s", "then": d, "on_timeout": d[:1]}, steps),
    )  # fmt: skip


programs = st.lists(st.recursive(leaf, nested, max_leaves=6), min_size=1, max_size=4)
trigger = st.builds(
    lambda step, moment, after: {"step": step, "moment": moment, "after": after},
    st.sampled_from([*NAMES, "ping", "child"]),
    st.sampled_from(MOMENTS),
    SHORT,
)
when = st.one_of(
    st.builds(lambda t: {"at": t}, SHORT),
    st.builds(lambda t: {"when": t}, trigger),
    st.builds(lambda t: {"when": {"event": t}}, st.sampled_from(["SleepStarted", "WaitStarted"])),
)
down = st.sampled_from(["0s", "100ms", "3s", "40s", "forever"])
faults = st.lists(
    st.one_of(
        st.builds(lambda c, w, d: {"crash": c, "down_for": d, **w}, st.sampled_from(["app", "engine"]), when, down),
        st.builds(lambda c, w: {"hang": c, "for": "2s", **w}, st.sampled_from(["app", "engine"]), when),
        st.builds(lambda w: {"cut": ["app", "engine"], "for": "3s", **w}, when),
        st.builds(lambda w, c: {"deploy": "main", "change": c, **w}, when, st.sampled_from([{"rename": {"s1": "s9"}}, {"drop": "s2"}, {"swap": ["s1", "s3"]}])),
    ),
    max_size=2,
)  # fmt: skip
events = st.lists(
    st.one_of(
        st.builds(lambda n, w: {"send": n, "to": 1, **w}, st.sampled_from(["ping", "stop", "main/go"]), when),
        st.builds(lambda w: {"operator": "cancel", "to": 2, **w}, when),
        st.builds(lambda w: {"update": "u", "to": 1, **w}, when),
    ),
    max_size=2,
)
flow = st.fixed_dictionaries(
    {},
    optional={
        "concurrency": st.builds(lambda n, k: {"limit": n, **({"key": "id"} if k else {})}, st.integers(1, 2), st.booleans()),
        "throttle": st.just({"limit": 1, "period": "2s"}),
        "rate_limit": st.just({"limit": 2, "period": "10s", "key": "id"}),
        "debounce": st.just({"period": "1s"}),
        "batch": st.just({"max_size": 2, "timeout": "1s"}),
        "idempotency": st.just("id"),
        "singleton": st.builds(lambda m: {"mode": m}, st.sampled_from(["skip", "cancel"])),
        "priority": st.just([{"when": "vip", "is": 120}, {"otherwise": 0}]),
        "timeouts": st.just({"start": "3s", "finish": "5s"}),
    },
)  # fmt: skip
deployments = st.fixed_dictionaries(
    {
        "server": st.sampled_from([{"hosting": "dev"}, {"hosting": "self-hosted", "store": "redis"}, {"hosting": "self-hosted"}, {"hosting": "cloud"}]),
        "app": st.builds(
            lambda sdk, cp, transport, opt, n: {"sdk": sdk, "checkpointing": cp, "transport": transport, "optimize_parallelism": opt, "replicas": n},
            st.sampled_from(["python", "typescript"]),
            st.sampled_from([True, False, {"buffered_steps": 2, "max_interval": "500ms", "max_runtime": "1s"}]),
            st.sampled_from(["http", "http", "connect"]),
            st.booleans(),
            st.integers(1, 2),
        ),
        "retries": st.integers(0, 3),
        "backoff": st.sampled_from(["default", "1s"]),
        "flow": st.one_of(st.just({}), st.just({}), flow),
    }
)  # fmt: skip


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    main = {
        "started_by": {"event": "main/go"},
        "key": "id",
        "input": {"id": "unique"},
        "steps": draw(programs),
        "signals": {"stop": {"then": "cancel"}},
        "on_failure": draw(st.lists(run_step(), max_size=2)),
    }
    child = {"steps": draw(st.lists(st.one_of(run_step(), st.just({"sleep": "1s"})), max_size=2)), "key": "id"}
    return Scenario.model_validate(
        {
            "scenario": "any",
            "workflows": {"main": main, "child": child},
            "deployments": {"inngest": draw(deployments)},
            "workload": {"runs": 2, "of": "main", "arrivals": {"at": ["0s", draw(SHORT)]}, "events": draw(events)},
            "faults": draw(faults),
        }
    )


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(scenarios(), st.integers(0, 5))
def test_any_scenario_is_answered_and_twice_the_same(scenario: Scenario, seed: int) -> None:
    trace = simulate(scenario, "inngest", seed=seed)
    again = simulate(scenario, "inngest", seed=seed)
    assert trace.events == again.events
    assert (trace.records, trace.facts, trace.counters) == (again.records, again.facts, again.counters)
    assert simulate(scenario, "inngest", seed=seed, full=False).event_count == trace.event_count
    books_are_kept(trace)


def books_are_kept(trace: Trace) -> None:
    """What holds in every world."""
    assert set(trace.status.values()) <= set(STATUSES)
    for number, event in enumerate(trace.events):
        assert event.cause is None or event.cause < number
    ended = [event.run for event in trace.events if event.kind is Kind.RUN_ENDED]
    assert len(ended) == len(set(ended)), "a run ends once"
    for run, lines in trace.records.items():
        last = next((n for n, line in enumerate(lines) if re.match(r"run (completed|failed|cancelled)", line)), None)
        if last is not None:
            assert trace.status[run] == lines[last].split()[1]
            assert not any(line.startswith("POST") for line in lines[last + 1 :]), (
                "nothing is asked of a run that is over"
            )
        for line in lines:
            memo = re.search(r"memo=\[([^\]]*)\]", line)
            assert memo is None or line.startswith("POST")
