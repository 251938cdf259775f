"""Any scenario: whatever is asked, with whatever breaks, the model answers, twice the same, and keeps its books."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.simulators.simulate import simulate
from tests.simulators.lawful import lawful

NAMES = [f"s{n}" for n in range(6)]
MOMENTS = ["scheduled", "started", "before-effect", "after-effect", "reported", "recorded"]
SHORT = st.sampled_from(["0s", "1ms", "40ms", "300ms", "1s", "2500ms", "4s"])
WAITS = st.sampled_from(["1s", "2s", "3500ms"])

Part = dict[str, Any]
Parts = st.SearchStrategy[Part]


def mapping(**options: Any) -> Parts:
    """A mapping of which every key may be left out whose name ends with an underscore."""
    always = {key: value for key, value in options.items() if not key.endswith("_")}
    maybe = {key.rstrip("_"): value for key, value in options.items() if key.endswith("_")}
    return st.fixed_dictionaries(always, optional=maybe)


def merge(parts: tuple[Part, ...]) -> Part:
    return {key: value for part in parts for key, value in part.items()}


def both(*parts: Parts) -> Parts:
    return st.tuples(*parts).map(merge)


def with_undo(step: Part) -> Part:
    undo = {"undo": f"undo-{step['run']}"} if step["undone"] else {}
    return {key: value for key, value in {**step, **undo}.items() if key != "undone"}


fails = st.one_of(
    st.integers(1, 3),
    mapping(
        times=st.integers(1, 2),
        retryable_=st.booleans(),
        moment_=st.sampled_from(["before-effect", "after-effect"]),
        retry_after_=st.sampled_from(["300ms", "2s"]),
    ),
    st.just({"always": True}),
)
run_step = mapping(
    run=st.sampled_from(NAMES),
    takes=SHORT,
    effect_at=st.sampled_from(["0%", "50%", "100%", "never"]),
    fails_=fails,
    undone=st.booleans(),
    size_=st.sampled_from(["20B", "2KB", "1MB", "5MB"]),
).map(with_undo)
leaf: Parts = st.one_of(
    run_step,
    run_step,
    mapping(sleep=SHORT),
    mapping(wait_for=st.just("ping"), times=st.integers(1, 2), timeout_=WAITS),
    mapping(compute=st.sampled_from(["0s", "20ms"])),
    mapping(call=st.just("child"), timeout_=st.sampled_from(["1s", "1500ms"])),
    mapping(fail=st.just("no"), retryable_=st.just(value=True), times_=st.just(1)),
    st.sampled_from(
        [
            {"start": "child"},
            {"send": "ping"},
            {"set": "x", "value": 1},
            {"get": "*"},
            {"clear": "x"},
            {"bug": "oops"},
            {"finish": "done"},
        ]
    ),
)


def nested(step: Parts) -> Parts:
    steps = st.lists(step, min_size=1, max_size=3)
    branches = st.lists(steps, min_size=1, max_size=3)
    return st.one_of(
        mapping(parallel=branches, mode=st.sampled_from(["wait", "race"])),
        mapping(race=branches),
        mapping(**{"repeat": st.integers(0, 3), "do": steps, "as": st.just("i")}),
        mapping(**{"for_each": st.integers(0, 3), "do": steps, "as": st.just("i"), "at_once_": st.integers(1, 2)}),
        mapping(choose=st.tuples(mapping(when=st.just("attempts > 1"), do=steps), mapping(otherwise=steps))),
        mapping(patched=st.just("v2"), do=steps, otherwise=steps),
        mapping(wait_for=st.just("ping"), timeout=st.just("1s"), then=steps, on_timeout=steps),
    )


programs = st.lists(st.recursive(leaf, nested, max_leaves=6), min_size=1, max_size=4)
moment = mapping(step=st.sampled_from([*NAMES, "ping", "child"]), moment=st.sampled_from(MOMENTS), after=SHORT)
when = st.one_of(
    mapping(at=SHORT),
    mapping(when=moment),
    mapping(when=mapping(event=st.sampled_from(["SleepStarted", "WaitStarted"]))),
)
component = st.sampled_from(["app", "engine"])
faults = st.lists(
    st.one_of(
        both(mapping(crash=component, down_for=st.sampled_from(["0s", "100ms", "3s", "40s", "forever"])), when),
        both(mapping(**{"hang": component, "for": st.just("2s")}), when),
        both(st.just({"cut": ["app", "engine"], "for": "3s"}), when),
        both(
            mapping(
                deploy=st.just("main"),
                change=st.sampled_from([{"rename": {"s1": "s9"}}, {"drop": "s2"}, {"swap": ["s1", "s3"]}]),
                down_for_=st.just("200ms"),
            ),
            when,
        ),
    ),
    max_size=2,
)
events = st.lists(
    st.one_of(
        both(mapping(send=st.sampled_from(["ping", "stop", "main/go"]), to=st.just(1)), when),
        both(st.just({"operator": "cancel", "to": 2}), when),
        both(st.just({"update": "u", "to": 1}), when),
    ),
    max_size=2,
)
flow = mapping(
    concurrency_=mapping(limit=st.integers(1, 2), key_=st.just("id")),
    throttle_=st.just({"limit": 1, "period": "2s"}),
    rate_limit_=st.just({"limit": 2, "period": "10s", "key": "id"}),
    debounce_=st.just({"period": "1s"}),
    batch_=st.just({"max_size": 2, "timeout": "1s"}),
    idempotency_=st.just("id"),
    singleton_=mapping(mode=st.sampled_from(["skip", "cancel"])),
    priority_=st.just([{"when": "vip", "is": 120}, {"otherwise": 0}]),
    timeouts_=st.just({"start": "3s", "finish": "5s"}),
)
deployments = mapping(
    server=st.sampled_from(
        [
            {"hosting": "dev"},
            {"hosting": "self-hosted", "store": "redis"},
            {"hosting": "self-hosted"},
            {"hosting": "cloud"},
        ]
    ),
    app=mapping(
        sdk=st.sampled_from(["python", "typescript"]),
        checkpointing=st.sampled_from(
            [True, False, {"buffered_steps": 2, "max_interval": "500ms", "max_runtime": "1s"}]
        ),
        transport=st.sampled_from(["http", "http", "connect"]),
        optimize_parallelism=st.booleans(),
        replicas=st.integers(1, 2),
    ),
    retries=st.integers(0, 3),
    backoff=st.sampled_from(["default", "1s"]),
    flow=st.one_of(st.just({}), st.just({}), flow),
)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    main = {
        "started_by": {"event": "main/go"},
        "key": "id",
        "input": {"id": "unique"},
        "steps": draw(programs),
        "signals": {"stop": {"then": "cancel"}},
        "on_failure": draw(st.lists(run_step, max_size=2)),
    }
    child = {"steps": draw(st.lists(st.one_of(run_step, st.just({"sleep": "1s"})), max_size=2)), "key": "id"}
    return Scenario.model_validate(
        {
            "scenario": "any",
            "workflows": {"main": main, "child": child},
            "deployments": {"inngest": draw(deployments)},
            "workload": {"runs": 2, "of": "main", "arrivals": {"at": ["0s", draw(SHORT)]}, "events": draw(events)},
            "faults": draw(faults),
        }
    )


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
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
    lawful(trace)
    for run, lines in trace.records.items():
        last = next((n for n, line in enumerate(lines) if re.match(r"run (completed|failed|cancelled)", line)), None)
        if last is not None:
            assert trace.status[run] == lines[last].split()[1]
            assert not any(line.startswith("POST") for line in lines[last + 1 :]), (
                "nothing is asked of a run that is over"
            )
