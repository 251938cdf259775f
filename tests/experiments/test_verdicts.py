"""A verdict that can be trusted: what counts as a run, as an effect, as a fault that struck."""

from __future__ import annotations

import pytest

from durascope import run
from durascope.experiments.compare import as_json, result
from durascope.experiments.expectations import Verdict, verdicts
from durascope.experiments.exploration.properties import Calm, none_lost
from durascope.experiments.metrics import by_status, delays_by_status, durations
from durascope.experiments.replication import replicate
from durascope.experiments.study import estimates
from durascope.models.effects import effects
from durascope.models.engine import compared
from durascope.models.reading import parse_scenario
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.render.sheet import outcome_of
from durascope.simulators.simulate import simulate

each_engine = pytest.mark.parametrize("engine", compared())


def asked(text: str) -> Scenario:
    return parse_scenario(f"scenario: s\n{text.strip()}\n")


def verdict(scenario: Scenario, trace: Trace, expected: str) -> Verdict:
    (found,) = [each for each in verdicts(scenario, trace) if each.expected.startswith(expected)]
    return found


BOOKINGS = """
workflows:
  booking:
    key: id
    input: {id: unique}
    queries: [status]
    steps: [{call: seat}, {call: seat, name: seat-2}, {fail: no}]
  seat: {steps: [{run: hold, takes: 20ms}]}
workload: {runs: 4, of: booking, events: [{query: status, to: 1, at: 10ms}]}
"""


@each_engine
def test_bookings_that_all_fail_are_not_saved_by_their_children_that_complete(engine: str) -> None:
    scenario = asked(f"{BOOKINGS}expect: {{completed: 50%}}")
    trace = simulate(scenario, engine)
    assert len(trace.runs) == 12
    assert verdict(scenario, trace, "completed") == Verdict("completed: at least 50%", False, "0.0%")
    assert by_status(trace) == {"failed": 4}
    assert len(durations(trace)) == 4


@each_engine
def test_a_share_of_failures_has_bounds_on_either_side(engine: str) -> None:
    scenario = asked(f"{BOOKINGS}expect: {{failed: {{at_least: 100%}}, cancelled: {{at_least: 1%, at_most: 5%}}}}")
    trace = simulate(scenario, engine)
    assert verdict(scenario, trace, "failed") == Verdict("failed: at least 100%", True, "100.0%")
    assert verdict(scenario, trace, "cancelled: at least") == Verdict("cancelled: at least 1%", False, "0.0%")
    assert verdict(scenario, trace, "cancelled: at most") == Verdict("cancelled: at most 5%", True, "0.0%")
    most = asked(f"{BOOKINGS}expect: {{failed: 50%}}")
    assert verdict(most, trace, "failed") == Verdict("failed: at most 50%", False, "100.0%")


@each_engine
def test_children_can_be_asked_for_by_workflow(engine: str) -> None:
    scenario = asked(f"{BOOKINGS}expect: {{completed: {{seat: 100%, booking: 1%}}}}")
    trace = simulate(scenario, engine)
    assert verdict(scenario, trace, "completed seat").held
    assert not verdict(scenario, trace, "completed booking").held


def test_queries_and_promise_calls_are_no_runs() -> None:
    scenario = asked(
        """
workflows:
  w: {key: id, input: {id: unique}, queries: [status], steps: [{wait_for: go, timeout: 1m}]}
deployments: {restate: {service: {kind: workflow}}}
workload: {runs: 1, events: [{send: go, to: 1, at: 1s}, {query: status, to: 1, at: 500ms}]}
"""
    )
    found = result(scenario, "restate")
    assert {"query 1", "event 1"} <= set(found.trace.status)
    assert (found.metrics["runs"], found.metrics["by_status"]) == (1, {"completed": 1})


CHARGE = """
workflows: {w: {steps: [{run: reserve, takes: 20ms}, {run: charge, takes: 20ms}, {run: ship, takes: 20ms}]}}
workload: {runs: 1}
"""
NEVER = "{crash: app, when: {step: charge, attempt: 9, moment: started}, down_for: 1s%s}"
LATE = "{crash: app, at: 1h, down_for: 1s%s}"


@each_engine
@pytest.mark.parametrize("fault", [NEVER, LATE], ids=["its attempt never comes", "the run is over"])
def test_a_fault_that_never_strikes_fails_the_scenario_unless_it_may_miss(engine: str, fault: str) -> None:
    scenario = asked(f"{CHARGE}expect: {{completed: 100%}}\nfaults: [{fault % ''}]")
    found = result(scenario, engine)
    assert verdict(scenario, found.trace, "every fault strikes") == Verdict(
        "every fault strikes", False, "fault 1 did not"
    )
    assert not found.held
    engines = as_json(scenario, [found], 0)["engines"]
    assert isinstance(engines, dict)
    assert engines[engine]["faults"][0]["struck"] == 0
    may_miss = asked(f"{CHARGE}expect: {{completed: 100%}}\nfaults: [{fault % ', may_miss: true'}]")
    assert result(may_miss, engine).held


@each_engine
def test_a_fault_that_strikes_is_counted(engine: str) -> None:
    scenario = asked(
        f"{CHARGE}expect: {{completed: 100%}}\n"
        "faults: [{crash: app, when: {step: charge, moment: started}, down_for: 1s}, {hang: app, at: 2ms, for: 1ms}]"
    )
    trace = simulate(scenario, engine)
    assert sorted(trace.struck) == [0, 1]
    assert verdict(scenario, trace, "every fault strikes").held


RENAMED = """
workflows: {w: {steps: [{run: charge, takes: 20ms%s}, {sleep: 5s}, {run: ship, takes: 20ms}]}}
workload: {runs: 1}
deployments: {inngest: {server: {hosting: cloud}}}
faults: [{deploy: w, at: 2s, down_for: 100ms, change: {rename: {charge: capture}}}]
expect: {effects: {charge: 1}}
"""


def test_a_renamed_step_has_its_effect_again_and_is_counted() -> None:
    """Inngest finds no result of the new step's id, and runs it."""
    scenario = asked(RENAMED % "")
    trace = simulate(scenario, "inngest")
    assert (trace.effects["charge"], trace.effects["capture"]) == (1, 1)
    assert trace.counters["duplicate_effects"] == 1
    assert [mark.duplicate for mark in effects(trace) if mark.step != "ship"] == [False, True]
    assert verdict(scenario, trace, "charge").found == "2 in 1 run"


def test_a_service_that_knows_the_key_of_a_renamed_step_has_no_second_effect() -> None:
    services = "services: {stripe: {deduplicates: true}}"
    text = RENAMED % ", on: stripe, idempotency_key: id"
    scenario = asked(f"{services}\n{text.replace('w: {', 'w: {key: id, input: {id: unique}, ')}")
    trace = simulate(scenario, "inngest")
    assert trace.effects == {"charge": 1, "capture": 0, "ship": 1}
    assert verdict(scenario, trace, "charge").held


@each_engine
def test_two_steps_with_one_effect_have_it_twice(engine: str) -> None:
    scenario = asked(
        """
workflows: {w: {steps: [{run: first, effect: mail}, {run: second, effect: mail}, {run: third}]}}
workload: {runs: 3}
expect: {effects: {first: 1}}
"""
    )
    trace = simulate(scenario, engine)
    assert trace.counters["duplicate_effects"] == 3
    assert not verdict(scenario, trace, "first").held


@each_engine
def test_rounds_of_a_loop_are_no_duplicates_of_each_other(engine: str) -> None:
    """Whether or not their number is in the step's name."""
    scenario = asked(
        "workflows: {w: {steps: [{for_each: 3, as: i, do: [{run: a, takes: 10ms}]}]}}\nworkload: {runs: 1}"
    )
    trace = simulate(scenario, engine)
    assert trace.counters["duplicate_effects"] == 0
    assert [mark.duplicate for mark in effects(trace)] == [False, False, False]


@each_engine
def test_a_key_that_no_input_has_is_not_shared_by_all_runs(engine: str) -> None:
    scenario = asked(
        """
services: {stripe: {deduplicates: true}}
workflows: {w: {steps: [{run: charge, on: stripe, idempotency_key: order_id}]}}
workload: {runs: 3}
"""
    )
    assert simulate(scenario, engine).effects == {"charge": 3}


@each_engine
def test_runs_that_fail_early_do_not_count_as_faster(engine: str) -> None:
    steps = "{run: long, takes: 30s, timeout: 60s, on: stripe}, {run: last, takes: 20ms}"
    scenario = asked(
        f"""
services: {{stripe: {{}}}}
workflows: {{w: {{steps: [{{run: first, takes: 20ms, on: stripe, retry: {{max_attempts: 1}}}}, {steps}]}}}}
workload: {{runs: 1}}
deployments: {{inngest: {{retries: 0}}}}
faults: [{{outage: stripe, at: 0s, for: 1h}}]
"""
    )
    found = result(scenario, engine)
    assert found.undisturbed is not None
    assert found.metrics["by_status"] == {"failed": 1}
    assert found.metrics["delay_ms"] is None
    assert delays_by_status(found.trace, found.undisturbed) == {}


WAITS = """
workflows: {w: {key: id, input: {id: unique}, steps: [{wait_for: go, timeout: 1s}, {sleep: 5s}]}}
workload: {runs: 1, events: [{send: go, to: 1, at: 500ms}%s]}
expect: {unconsumed: 0}
"""


@each_engine
def test_a_message_that_was_accepted_and_no_code_handled(engine: str) -> None:
    scenario = asked(WAITS % ", {send: go, to: 1, at: 800ms}")
    found = result(scenario, engine)
    assert verdict(scenario, found.trace, "unconsumed") == Verdict("unconsumed messages: exactly 0", False, "1")
    assert found.metrics["unconsumed"] == 1
    assert any(note.startswith("Unconsumed: 1 message go") for note in found.trace.notes)


@each_engine
def test_a_message_that_code_handled_is_consumed_however_often_it_is_replayed(engine: str) -> None:
    text = f"{WAITS % ''}faults: [{{crash: app, at: 2s, down_for: 100ms}}]"
    assert result(asked(text), engine).held


def test_of_seven_signals_to_a_run_that_goes_on_as_new_four_are_lost() -> None:
    """temporal#1289: what a run has accepted and not taken is gone when it continues as new."""
    sent = ", ".join(f"{{send: poke, to: 1, at: {at}ms}}" for at in (1000, 1350, 1900, 2150, 2600, 2850, 3500))
    scenario = asked(
        f"""
workflows:
  entity:
    key: id
    input: {{id: unique}}
    steps: [{{repeat: 4, continue_as_new_every: 1, do: [{{wait_for: poke}}, {{compute: 700ms}}]}}]
workload: {{runs: 1, events: [{sent}]}}
"""
    )
    trace = simulate(scenario, "temporal")
    assert trace.unconsumed is not None
    assert len(trace.unconsumed) == 4


SAME_KEY = """
workflows:
  print:
    key: customer
    input: {customer: {pool: 2}}
    steps: [{run: layout, takes: 500ms}]
workload: {runs: 6, arrivals: {every: 100ms}}
expect: {completed: 100%, failed: 0%}
"""


def test_starts_that_temporal_refuses_are_told_and_have_not_completed() -> None:
    """Its runs are then numbered in the records as they began, and not in the trace."""
    scenario = asked(SAME_KEY)
    trace = simulate(scenario, "temporal")
    assert by_status(trace) == {"completed": 2, "refused": 4}
    assert set(trace.status) == {"run 1", "run 2"}
    assert {trace.status_of(run) for run in trace.runs} == {"completed"}
    assert verdict(scenario, trace, "completed") == Verdict("completed: at least 100%", False, "33.3%")


def test_starts_that_join_another_run_are_nothing_to_complete() -> None:
    scenario = asked(SAME_KEY.replace("key: customer", "key: customer\n    id_conflict: use-existing"))
    trace = simulate(scenario, "temporal")
    assert by_status(trace) == {"completed": 2, "attached": 4}
    assert verdict(scenario, trace, "completed").held


LOST = """
workflows: {w: {started_by: {event: go}, steps: [{run: a, takes: 20ms}]}}
deployments: {inngest: {app: {sdk: python}}}
workload: {runs: 6, arrivals: {every: 1ms}}
faults: [{crash: engine, at: 4ms, down_for: 1s}]
expect: {completed: 100%}
"""


def test_starts_that_an_engine_accepts_and_loses_have_not_completed() -> None:
    scenario = asked(LOST)
    trace = simulate(scenario, "inngest")
    assert by_status(trace).get("none", 0) > 0
    assert not verdict(scenario, trace, "completed").held


def test_starts_that_the_scenario_asks_to_drop_are_nothing_to_complete() -> None:
    scenario = asked("""
workflows: {w: {started_by: {event: go}, steps: [{run: a, takes: 20ms}]}}
deployments: {inngest: {app: {sdk: python}, flow: {debounce: {period: 1s}}}}
workload: {runs: 6, arrivals: {every: 1ms}}
expect: {completed: 100%}
""")
    trace = simulate(scenario, "inngest")
    assert by_status(trace) == {"completed": 1, "none": 5}
    assert verdict(scenario, trace, "completed").held


OF_TWO = """
workflows:
  print:
    key: customer
    input: {customer: {pool: 1}}
    steps: [{run: layout, takes: 500ms}]
  bind: {steps: [{run: glue, takes: 20ms}]}
workload: {runs: 4, of: [print, print, bind], arrivals: {every: 100ms}}
expect: {completed: {print: 100%, bind: 100%}}
"""


def test_a_refused_start_counts_for_its_workflow_and_for_no_other() -> None:
    scenario = asked(OF_TWO)
    trace = simulate(scenario, "temporal")
    assert by_status(trace) == {"completed": 3, "refused": 1}
    assert verdict(scenario, trace, "completed print") == Verdict("completed print: at least 100%", False, "50.0%")
    assert verdict(scenario, trace, "completed bind").held


def test_a_lost_start_counts_for_its_workflow() -> None:
    late = LOST.replace("completed: 100%", "completed: {w: 100%}").replace("every: 1ms", "every: 1s")
    scenario = asked(late.replace("at: 4ms", "at: 2002ms"))
    trace = simulate(scenario, "inngest")
    assert by_status(trace) == {"completed": 2, "none": 4}
    assert verdict(scenario, trace, "completed w").found == "33.3%"


DROPPED = """
workflows: {w: {started_by: {event: go}, steps: [{run: a, takes: 20ms}]}}
deployments: {inngest: {app: {sdk: python}, flow: {debounce: {period: 1s}}}}
workload: {runs: 6, arrivals: {every: 1ms}}
"""


@pytest.mark.parametrize(
    ("text", "engine", "completed", "failed"),
    [
        (SAME_KEY, "temporal", 2 / 6, 4 / 6),
        (SAME_KEY.replace("key: customer", "key: customer\n    id_conflict: use-existing"), "temporal", 1, 0),
        (DROPPED, "inngest", 1, 0),
    ],
    ids=["refused", "attached", "debounced"],
)
def test_a_decision_counts_starts_as_expectations_do(text: str, engine: str, completed: float, failed: float) -> None:
    found = estimates([replicate(asked(text), engine, 0)])
    assert found.completed is not None
    assert found.failed is not None
    assert (found.completed.value, found.failed.value) == pytest.approx((completed, failed))


def test_what_a_result_says_of_itself_names_the_starts_that_were_refused() -> None:
    assert str(run(asked(SAME_KEY), "temporal")) == "<Result s on Temporal: 2 completed, 4 refused, 2 effects>"


def test_a_picture_names_the_starts_that_were_refused() -> None:
    assert outcome_of(simulate(asked(SAME_KEY), "temporal")).startswith("6 starts: 2 completed, 4 refused ·")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (SAME_KEY, "run 2 never begins: its start is refused"),
        (SAME_KEY.replace("key: customer", "key: customer\n    id_conflict: use-existing"), None),
    ],
    ids=["refused", "attached"],
)
def test_a_start_is_lost_to_a_crash_if_it_is_refused_not_if_it_joins_another(text: str, found: str | None) -> None:
    """A crash makes the first run of the key last until the next one is started."""
    apart = text.replace("pool: 2", "pool: 1").replace("every: 100ms", "every: 700ms")
    scenario = asked(f"{apart}faults: [{{crash: app, at: 100ms, down_for: 300ms}}]")
    calm, disturbed = simulate(asked(apart), "temporal"), simulate(scenario, "temporal")
    assert by_status(calm) == {"completed": 6}
    assert set(by_status(disturbed)) > {"completed"}
    assert none_lost(scenario, Calm.of(calm), disturbed) == found
