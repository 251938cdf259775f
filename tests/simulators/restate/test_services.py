"""Services, their keys and what is remembered of them, limits, resets, and nodes that take over from each other."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from durascope.models.scenario import Scenario
from durascope.models.trace import Kind, Trace
from durascope.models.units import SECOND
from durascope.simulators.simulate import simulate


def scenario_of(text: str) -> Scenario:
    return Scenario.model_validate(yaml.safe_load(f"scenario: s\n{text}"))


def predicted(text: str) -> Trace:
    return simulate(scenario_of(text), "restate", records=True)


ORDER_CALLS_PAYMENT = """
workflows:
  order: {key: id, kind: object, steps: [{run: reserve, takes: 20ms}, {call: payment, key: id}]}
  payment: {key: id, kind: object, %ssteps: [{run: charge, takes: 20ms}]}
workload: {of: order, keys: [o1]}
"""


def test_two_objects_may_have_one_key() -> None:
    assert predicted(ORDER_CALLS_PAYMENT % "").status == {"run 1": "completed", "run 1.1": "completed"}


def test_handlers_of_one_object_wait_for_each_other_at_the_key() -> None:
    assert predicted(ORDER_CALLS_PAYMENT % "service: order, ").status == {"run 1": "running", "run 1.1": "running"}


REQUESTS = """
workflows:
  pay: {steps: [{run: charge, takes: 100ms}]}
deployments: {restate: {service: {kind: %s, idempotency_retention: 1h, workflow_retention: 1h}}}
workload: {runs: 3, arrivals: {at: [0s, 1s, %s]}, %s}
"""


@pytest.mark.parametrize(("third", "charges"), [("30m", 1), ("2h", 2)])
def test_an_idempotency_key_of_a_plain_service_is_known_until_its_retention_is_over(third: str, charges: int) -> None:
    trace = predicted(REQUESTS % ("service", third, "idempotency_keys: [p, p, p]"))
    assert trace.effects == {"charge": charges}
    assert trace.status["run 2"] == "attached"


@pytest.mark.parametrize(("third", "charges"), [("30m", 1), ("2h", 2)])
def test_a_workflow_runs_once_for_its_key_until_its_retention_is_over(third: str, charges: int) -> None:
    keyed = REQUESTS.replace("{steps", "{key: id, steps")
    trace = predicted(keyed % ("workflow", third, "keys: [w, w, w]"))
    assert trace.effects == {"charge": charges}
    assert trace.status["run 2"] == "refused"


def test_a_workflow_has_a_retention_of_its_own() -> None:
    keyed = REQUESTS.replace("{steps", "{key: id, steps").replace(
        "idempotency_retention: 1h", "idempotency_retention: 5h"
    )
    assert predicted(keyed % ("workflow", "2h", "keys: [w, w, w]")).effects == {"charge": 2}


def test_a_workflow_takes_no_idempotency_key() -> None:
    trace = predicted(REQUESTS % ("workflow", "2s", "idempotency_keys: [p, p, p]"))
    assert set(trace.status.values()) == {"refused"}


def test_callers_hold_their_places_so_that_none_is_left_for_what_they_call() -> None:
    trace = predicted("""
workflows:
  parent: {steps: [{call: child}]}
  child: {steps: [{run: c, takes: 20ms}]}
deployments: {restate: {server: {concurrent_invocations: 2}, inactivity_timeout: 10s}}
workload: {runs: 2, of: parent, arrivals: {together: true}}
""")
    assert set(trace.status.values()) == {"completed"}
    assert trace.ended_at > 10 * SECOND, "they give them back when they are suspended"


def test_a_reset_does_all_again_from_that_step_on() -> None:
    trace = predicted("""
workflows:
  order: {steps: [{run: reserve}, {run: charge}, {run: ship}]}
workload: {events: [{operator: reset, to: 1, step: charge, at: 2s}]}
""")
    assert trace.effects == {"reserve": 1, "charge": 2, "ship": 2}
    assert trace.records["run 2"] == trace.records["run 1"]


def test_an_awakeable_that_was_made_first_takes_an_event_that_comes_before_its_wait() -> None:
    trace = predicted("""
workflows:
  order: {steps: [{awakeable: sorted}, {run: send-id, takes: 1s}, {wait_for: sorted, timeout: 1m}]}
workload: {events: [{send: sorted, to: 1, at: 500ms}]}
""")
    assert trace.records["run 1"][1:3] == ["Run send-id #1", "> Signal 17"]


def test_a_host_that_kills_long_requests_has_the_step_repeated() -> None:
    trace = predicted("""
workflows: {order: {steps: [{run: render, takes: 12s}]}}
deployments: {restate: {service: {max_duration: 10s}, retry: {max_attempts: 3}}}
""")
    assert trace.effects == {"render": 0}
    assert trace.facts["executions"] == {"render": 3}
    assert trace.status == {"run 1": "paused"}


NODES = """
workflows: {order: {steps: [{run: a, takes: 500ms}, {run: b, takes: 500ms}, {sleep: 1s}]}}
deployments: {restate: {server: {nodes: %d, hosting: cluster}}}
workload: {runs: 6}
faults: [{crash: engine, at: 600ms, down_for: 1m}]
"""


@pytest.mark.parametrize(("nodes", "least", "most"), [(1, 60 * SECOND, 70 * SECOND), (3, 2 * SECOND, 6 * SECOND)])
def test_the_partitions_of_a_dead_node_are_led_by_another_soon(nodes: int, least: int, most: int) -> None:
    trace = predicted(NODES % nodes)
    assert set(trace.status.values()) == {"completed"}
    assert least < max(run.ended_at or 0 for run in trace.runs) < most


def test_of_two_replicas_that_one_which_hangs_is_asked_again_over_its_connection() -> None:
    trace = predicted("""
workflows: {fn: {steps: [{run: charge, takes: 3s}]}}
deployments: {restate: {service: {replicas: 2}, inactivity_timeout: 2s, abort_timeout: 2s}}
faults: [{hang: app, when: {step: charge, attempt: 1, moment: started, after: 1s}, for: 14s}]
""")
    assert trace.facts["executions"] == {"charge": 3}


def test_a_connection_meets_any_of_the_replicas() -> None:
    scenario = scenario_of("""
workflows: {order: {steps: [{run: charge}]}}
deployments: {restate: {service: {replicas: 2}}}
""")
    met = {event.lane for seed in range(9) for event in simulate(scenario, "restate", seed=seed).events}
    assert {"service-1", "service-2"} <= met


def test_two_timers_of_one_turn_may_be_due_one_after_the_other() -> None:
    """The SDK reads its clock for each of them; it has gone on in between once in forty times."""
    scenario = scenario_of("workflows: {order: {steps: [{parallel: [{sleep: 1s, name: a}, {sleep: 1s, name: b}]}]}}")
    times = [
        len({event.detail for event in simulate(scenario, "restate", seed=seed).events if event.kind is Kind.TIMER_SET})
        for seed in range(200)
    ]
    assert 1 <= times.count(2) <= 20
    assert times.count(1) == 200 - times.count(2)


def test_attempts_of_a_run_count_for_the_time_that_its_policy_gives_it() -> None:
    """§9: attempts of 200 ms and pauses of 10 ms: after the third, 500 ms are over."""
    trace = predicted("""
workflows:
  order:
    steps:
    - {run: charge, takes: 200ms, fails: {always: true}, total_timeout: 500ms, retry: {initial: 10ms, factor: 1}}
""")
    assert trace.facts["executions"] == {"charge": 3}
    assert trace.status == {"run 1": "failed"}


@pytest.mark.parametrize(("down_for", "back_at"), [("1s", 12 * SECOND), ("20s", 31 * SECOND)])
def test_a_service_that_serves_on_while_it_stops_comes_back_all_the_same(down_for: str, back_at: int) -> None:
    """It is killed 10 s after it was asked to stop, and is down from then on."""
    trace = predicted(f"""
workflows: {{order: {{steps: [{{run: a, takes: 30s}}]}}}}
faults: [{{crash: app, graceful: true, at: 1s, down_for: {down_for}}}]
""")
    times = [(event.kind, event.at) for event in trace.events if event.kind in (Kind.CRASHED, Kind.RESTARTED)]
    assert times == [(Kind.CRASHED, 11 * SECOND), (Kind.RESTARTED, back_at)]
    assert trace.facts["executions"] == {"a": 2}


@pytest.mark.parametrize(
    ("stopped_for", "killed_for", "back_at"), [("2s", "1s", 4), ("1s", "2s", 4), ("500ms", "forever", 3.5)]
)
def test_a_service_that_is_killed_while_it_stops_is_down_from_then_on(
    stopped_for: str, killed_for: str, back_at: float
) -> None:
    """Recorded (r-1122): it is back when the first of the two faults brings it back, both counted from its end."""
    trace = predicted(f"""
workflows: {{order: {{steps: [{{run: a, takes: 30s}}]}}}}
faults:
- {{crash: app, graceful: true, at: 1s, down_for: {stopped_for}}}
- {{crash: app, at: 3s, down_for: {killed_for}}}
""")
    times = [(event.kind, event.at) for event in trace.events if event.kind in (Kind.CRASHED, Kind.RESTARTED)]
    assert times == [(Kind.CRASHED, 3 * SECOND), (Kind.RESTARTED, back_at * SECOND)]


@pytest.mark.parametrize(("cut_at", "ended_at"), [("0s", 3), ("1900ms", 2.2)])
def test_in_a_cut_a_request_over_a_connection_that_there_is_waits_no_second(cut_at: str, ended_at: float) -> None:
    """Recorded (seed 6060, 26): repeated after 0.2 s as data are; only a new connection's SYN waits a second."""
    trace = predicted(f"""
workflows: {{order: {{steps: [{{sleep: 2s}}]}}}}
deployments: {{restate: {{service: {{mode: request-response}}}}}}
faults: [{{cut: [app, engine], at: {cut_at}, for: 150ms}}]
""")
    assert trace.ended_at / SECOND == pytest.approx(ended_at, abs=0.05)


def test_a_connection_that_answers_no_ping_is_not_used_again() -> None:
    """The request that found it waits for its ping, 40 s and 20 s; the ones after that for a new one, 10 s each."""
    trace = predicted("""
workflows: {order: {steps: [{sleep: 2s}]}}
deployments: {restate: {service: {mode: request-response}}}
faults: [{cut: [app, engine], at: 1900ms, for: 5m}]
""")
    sent = [event.at for event in trace.events if event.detail == ("service", "POST /invoke")]
    tried_again = [
        event.at for _, event in trace.of_kind(Kind.STEP_RETRIED, Kind.TIMER_SET) if event.step == "back-off"
    ]
    waits = [round((failed - asked) / SECOND) for asked, failed in zip(sent[1:], tried_again, strict=False)]
    assert waits[0] == 60
    assert set(waits[1:-1]) == {10}
    assert trace.status == {"run 1": "completed"}


@pytest.mark.parametrize(("protocol", "result"), [(6, "Notification"), (7, "ProposeRunCompletionAck")])
def test_under_protocol_7_a_runs_result_is_acknowledged_and_a_sleeps_end_told(protocol: int, result: str) -> None:
    trace = predicted(f"""
workflows: {{order: {{steps: [{{sleep: 100ms}}, {{run: charge, takes: 5ms}}]}}}}
deployments: {{restate: {{server: {{protocol: {protocol}}}}}}}
""")
    sent = [event.detail for event in trace.events if event.kind is Kind.MESSAGE_SENT and event.lane == "invoker"]
    answers = [("service", what) for what in ("Notification", "ProposeRunCompletionAck")]
    assert [each for each in sent if each in answers] == [("service", "Notification"), ("service", result)]


def test_an_event_without_an_address_is_sent_to_the_runs_whose_field_it_names() -> None:
    trace = predicted("""
workflows: {order: {key: id, steps: [{wait_for: paid, match: id, timeout: 10s}]}}
workload: {runs: 3, keys: [a, b, c], events: [{send: paid, with: {id: b}, at: 2s}]}
""")
    woken = [run for run, record in trace.records.items() if "> Signal 17" in record]
    assert woken == ["run 2"]


def test_an_event_that_starts_a_workflow_is_known_though_nobody_waits_for_it() -> None:
    trace = predicted("""
workflows: {order: {started_by: {event: order/created}, steps: [{run: charge}]}}
workload: {events: [{send: order/created, at: 1s}]}
""")
    assert trace.effects == {"charge": 2}
    asked = [event for event in trace.events if event.kind is Kind.MESSAGE_SENT and event.lane == "client"]
    assert len(asked) == 2, "one call for each order, and none to a handler that there is not"


def test_closures_that_fail_together_all_have_their_effects() -> None:
    step = "takes: 50ms, fails: {always: true, moment: after-effect}, retry: {initial: 200ms, max_attempts: 3}"
    trace = predicted(f"workflows: {{fn: {{steps: [{{parallel: [{{run: a, {step}}}, {{run: b, {step}}}]}}]}}}}")
    assert trace.effects == {"a": 3, "b": 3}


def test_a_result_that_comes_after_anothers_failure_is_lost() -> None:
    """Recorded: three effects of `charge`, which twice ended in the millisecond after `ticket` had failed."""
    scenario = scenario_of(
        "workflows: {trip: {steps: [{parallel: [{run: charge, takes: 200ms},"
        " {run: ticket, takes: 200ms, fails: {times: 2}}]}]}}\n"
        "deployments: {restate: {retry: {initial: 100ms, max_attempts: 5}}}\n"
    )
    assert {simulate(scenario, "restate", seed=seed).effects["charge"] for seed in range(16)} == {1, 2, 3}


def test_what_begins_while_a_deployment_is_registered_goes_to_the_one_before() -> None:
    found = predicted(
        "workflows: {w: {steps: [{run: a, takes: 10ms}, {run: b, takes: 10ms}]}}\n"
        "workload: {runs: 2, arrivals: {at: [110ms, 200ms]}}\n"
        "faults: [{at: 100ms, deploy: w, change: [{swap: [a, b]}]}]\n"
    )
    assert [found.records[run][1] for run in ("run 1", "run 2")] == ["Run a #1", "Run b #1"]


def test_what_is_said_in_either_direction_keeps_a_stream_open() -> None:
    """§6: the sleep's notification comes after 200 ms, the command of the run 250 ms later, its result 200 ms later."""
    trace = predicted("""
workflows: {order: {steps: [{sleep: 200ms}, {compute: 250ms}, {run: charge, takes: 200ms}]}}
deployments: {restate: {inactivity_timeout: 300ms}}
""")
    attempts: Any = trace.facts["attempts"]
    assert [attempt["ends"] for attempt in attempts["run 1"]] == ["completed"]


def test_a_cancellation_leaves_what_was_sent_alone() -> None:
    trace = predicted("""
workflows:
  order: {steps: [{start: audit}, {run: charge, takes: 2s}], signals: {stop: {then: cancel}}}
  audit: {steps: [{sleep: 3s}]}
workload: {of: order, events: [{send: stop, to: 1, at: 1s}]}
""")
    assert trace.status == {"run 1": "cancelled", "run 1.1": "completed"}


def test_failures_of_the_step_before_do_not_count_for_a_steps_own_policy() -> None:
    """§9: the attempt begins with two failures of `reserve`; `charge` is a new command of it, and has failed once."""
    trace = predicted("""
workflows: {order: {steps: [{run: reserve, fails: 2}, {run: charge, fails: 1, retry: {max_attempts: 2}}]}}
""")
    assert trace.status == {"run 1": "completed"}
    assert trace.facts["executions"] == {"reserve": 3, "charge": 2}


def test_progress_gives_an_invocation_no_attempts_back() -> None:
    """§9: of three attempts `reserve` uses up two, `charge` the third."""
    trace = predicted("""
workflows: {order: {steps: [{run: reserve, fails: 2}, {run: charge, fails: 1}]}}
deployments: {restate: {retry: {initial: 100ms, max_attempts: 3}}}
""")
    assert trace.status == {"run 1": "paused"}
    assert trace.facts["executions"] == {"reserve": 3, "charge": 1}


def test_a_thousand_invocations_run_at_once() -> None:
    trace = predicted("""
workflows: {order: {steps: [{run: charge, takes: 10s}]}}
workload: {runs: 1001, arrivals: {together: true}}
""")
    ends = [run.ended_at or 0 for run in trace.runs]
    assert sum(end < 15 * SECOND for end in ends) == 1000
    assert max(ends) > 20 * SECOND


def test_a_request_that_waits_for_a_leader_is_looked_at_more_and_more_seldom() -> None:
    """What was in flight goes on first: what is sent in the outage comes later (recorded: 129-212 ms)."""
    scenario = scenario_of(
        """
workflows:
  order:
    steps:
    - wait_for: paid
      timeout: 600ms
    - sleep: 3s
faults:
- {at: 300ms, crash: engine, down_for: 1s}
workload:
  events:
  - {send: paid, to: 1, at: 500ms}
"""
    )
    late: list[int] = []
    for seed in range(20):
        events = simulate(scenario, "restate", seed=seed).events
        at = {str(each.detail): each.at for each in events if each.kind is Kind.RECORDED}
        late.append((at["> Signal 17"] - at["> Sleep #1"]) // 1_000)
    assert min(late) > 30
    assert 90 < sorted(late)[10] < 250
    assert max(late) < 350
