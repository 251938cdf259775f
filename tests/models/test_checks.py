"""What a scenario names must exist, and what it asks for must be able to happen."""

from __future__ import annotations

import pytest

from durascope.models.problems import Problem, ScenarioProblems
from durascope.models.reading import parse_scenario

WORLD = """
scenario: shop
services:
  stripe: {}
workflows:
  order:
    started_by: {event: order/created}
    key: order_id
    input: {order_id: unique, amount: {uniform: [1, 9]}}
    steps:
      - {run: charge, on: stripe, undo: refund, result: {paid: 99%}, retry: {max_attempts: 3}}
      - {run: flaky, fails: 2}
      - {run: hopeless, fails: {always: true}}
      - {run: silent, effect_at: never}
      - {sleep: 2s, name: nap}
      - {wait_for: Paid, timeout: 1m}
      - {compute: 1s, name: think}
      - parallel: [{run: left}, [{run: right}]]
      - {call: child}
      - {send: announced}
    signals: {Cancel: {then: cancel}}
    updates: {address: {rejects: amount > 5, steps: []}}
    queries: [status]
  child:
    steps: []
deployments:
  temporal: {workers: [{name: worker, replicas: 3}]}
workload:
  of: order
  keys: [k1]
"""


def problems_with(more: str) -> tuple[Problem, ...]:
    """What is wrong with the shop after some lines have been added."""
    try:
        parse_scenario(f"{WORLD.strip()}\n{more}")
    except ScenarioProblems as error:
        return error.problems
    return ()


def problem_with(more: str) -> Problem:
    """The one thing that is wrong then."""
    (problem,) = problems_with(more)
    return problem


def with_step(step: str) -> str:
    """A second workflow's worth of YAML, for one step."""
    return f"faults:\n  - {{deploy: order, at: 1s, change: {{append: {step}}}}}"


def test_the_shop_is_in_order() -> None:
    assert not problems_with("")


@pytest.mark.parametrize(
    ("event", "code", "help"),
    [
        ("{send: Cancell, at: 1s}", "unknown-event", "did you mean `Cancel`?"),
        ("{update: adress, at: 1s}", "unknown-update", "did you mean `address`?"),
        ("{query: state, at: 1s}", "unknown-query", "did you mean `status`?"),
        ("{send: Cancel, to: 2, at: 1s}", "unknown-run", "runs are numbered from 1 to 1"),
        ("{send: Cancel, to: k2, at: 1s}", "unknown-key", "the keys here: `k1`"),
        ("{send: Cancel, to: 200%, at: 1s}", "bad-value", "write a share between 0% and 100%"),
        ("{operator: kill, to: 1, from: 2}", "bad-value", "write `operator: restart`"),
        ("{send: Cancel, to: 1, when: {step: charg, moment: started}}", "unknown-step", "did you mean `charge`?"),
    ],
)
def test_events_name_what_there_is(event: str, code: str, help: str) -> None:  # noqa: A002
    problem = problem_with(f"  events:\n    - {event}")
    assert (problem.code, problem.help) == (code, help)


@pytest.mark.parametrize(
    "event",
    [
        "{send: Cancel, to: k1, at: 1s}",
        "{send: Paid, to: each, at: 1s}",
        "{send: Paid, to: 2.5%, when: {event: SleepStarted}}",
        "{send: order/created, to: k9, at: 1s}",
        "{operator: restart, to: 1, from: 2}",
        "{send: Cancel, to: 1, when: {step: refund, moment: after-effect}}",
        "{send: Cancel, to: 1, when: {step: right, moment: recorded}}",
    ],
)
def test_events_may_go_to_runs_keys_shares_and_all(event: str) -> None:
    assert not problems_with(f"  events:\n    - {event}")


@pytest.mark.parametrize(
    ("fault", "code", "message"),
    [
        ("{crash: workr, at: 1s}", "unknown-component", "there is no component `workr`"),
        ("{hang: stripe, at: 1s, for: 1s}", "unknown-component", "there is no component `stripe`"),
        ("{outage: app, at: 1s, for: 1s}", "unknown-service", "there is no service `app`"),
        ("{cut: [app, app], at: 1s, for: 1s}", "unreachable", "`app` cannot be cut off from itself"),
        ("{crash: worker, replica: 4, at: 1s}", "unreachable", "`worker` has no replica 4"),
        ("{random: {crash: db, every: 1h}}", "unknown-component", "there is no component `db`"),
        ("{deploy: ordr, at: 1s, change: {drop: charge}}", "unknown-workflow", "there is no workflow `ordr`"),
        ("{deploy: order, at: 1s, change: {drop: chrge}}", "unknown-step", "there is no step `chrge`"),
        ("{deploy: order, at: 1s, change: {swap: [charge, x]}}", "unknown-step", "there is no step `x`"),
        ("{deploy: order, at: 1s, change: {rename: {x: y}}}", "unknown-step", "there is no step `x`"),
        (
            "{deploy: order, at: 1s, change: {insert: {step: {run: a}, before: x}}}",
            "unknown-step",
            "there is no step `x`",
        ),
    ],
)
def test_faults_name_what_there_is(fault: str, code: str, message: str) -> None:
    problem = problem_with(f"faults:\n  - {fault}")
    assert (problem.code, problem.message) == (code, message)


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("{step: charge, moment: started, attempt: 4}", "`charge` never has attempt 4"),
        ("{step: nap, moment: after-effect}", "a `sleep` step never passes `after-effect`"),
        ("{step: think, moment: recorded}", "a `compute` step never passes `recorded`"),
        ("{step: parallel, moment: started}", "a `parallel` has no moments of its own"),
        ("{step: flaky, moment: after-effect, attempt: 2}", "attempt 2 of `flaky` fails before its effect"),
        ("{step: hopeless, moment: after-effect}", "every attempt of `hopeless` fails before its effect"),
        ("{step: silent, moment: after-effect}", "`silent` has no effect"),
    ],
)
def test_a_moment_that_never_comes_is_an_error(when: str, message: str) -> None:
    problem = problem_with(f"faults:\n  - {{crash: app, when: {when}}}")
    assert (problem.code, problem.message) == ("unreachable", message)


@pytest.mark.parametrize(
    "when",
    [
        "{step: charge, moment: started, attempt: 3}",
        "{step: flaky, moment: after-effect, attempt: 3}",
        "{step: flaky, moment: after-effect}",
        "{step: announced, moment: after-effect}",
        "{step: Paid, moment: scheduled}",
        "{event: WaitStarted, after: 1s}",
    ],
)
def test_moments_that_come(when: str) -> None:
    assert not problems_with(f"faults:\n  - {{crash: app, when: {when}}}")


def test_a_wait_that_nobody_has_never_starts() -> None:
    text = "scenario: s\nworkflows: {w: {steps: [{run: a}]}}\nfaults: [{crash: app, when: {event: WaitStarted}}]"
    with pytest.raises(ScenarioProblems, match="no step waits for an event"):
        parse_scenario(text)


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ("{run: a, on: strip}", "unknown-service"),
        ("{run: a, undo: {run: b, on: strip}}", "unknown-service"),
        ("{call: chld}", "unknown-workflow"),
        ("{start: chld}", "unknown-workflow"),
        ("{send: Payd}", "unknown-event"),
        ("{send: nothing-like-it, to: k1}", "unknown-event"),
        ("{wait_for: x, match: ordr_id}", "unknown-field"),
        ("{choose: [{when: payed, do: []}]}", "unknown-name"),
        ("{run: a, idempotency_key: ordr_id}", "unknown-field"),
        ("{repeat: 2, do: [{race: [{parallel: [{run: x, on: y}]}]}]}", "unknown-service"),
    ],
)
def test_steps_name_what_there_is(step: str, code: str) -> None:
    assert problem_with(with_step(step)).code == code


@pytest.mark.parametrize(
    "step",
    [
        "{send: nobody-listens}",
        "{choose: [{when: paid and amount > 3 and attempts < 2 and order_id == 'x', do: []}]}",
        "{repeat: 3, as: turn, do: [{choose: [{when: turn > 1, do: []}]}]}",
        "{run: a, idempotency_key: a-key-of-its-own}",
    ],
)
def test_steps_may_use(step: str) -> None:
    assert not problems_with(with_step(step))


def test_steps_that_a_deploy_brings_can_be_named() -> None:
    assert not problems_with(
        "faults:\n"
        "  - {deploy: order, at: 1s, change: [{append: {run: new}}, {rename: {charge: charge-2}}]}\n"
        "  - {deploy: order, at: 2s, change: {rename: {charge-2: charge}}}\n"
        "  - {crash: app, when: {step: new, moment: after-effect}}\n"
        "  - {crash: app, when: {step: charge-2, moment: after-effect}}\n"
        "expect: {effects: {new: 1, charge-2: 1, refund: 0}}"
    )


def test_expectations_name_steps_with_effects() -> None:
    assert problem_with("expect: {effects: {nap: 1}}").code == "unknown-step"


def test_several_workflows_need_a_choice() -> None:
    with pytest.raises(ScenarioProblems) as raised:
        parse_scenario(WORLD.replace("  of: order\n", ""))
    assert [problem.help for problem in raised.value.problems] == ["add `of: order`"]


def test_a_key_that_is_nearly_a_field_is_a_slip() -> None:
    with pytest.raises(ScenarioProblems, match="did you mean `order_id`"):
        parse_scenario(WORLD.replace("key: order_id", "key: orderId"))


def test_flow_control_names_fields() -> None:
    world = WORLD.replace("workers: [{name: worker, replicas: 3}]}", "workers: [{}]}\n  inngest: {flow: {batch: FLOW}}")
    assert parse_scenario(world.replace("FLOW", "{max_size: 2, key: amount}"))
    with pytest.raises(ScenarioProblems, match="there is no field `colour`"):
        parse_scenario(world.replace("FLOW", "{max_size: 2, key: colour}"))


@pytest.mark.parametrize(
    ("more", "code", "help"),
    [
        (with_step("{awakeable: Payd}"), "unknown-event", "did you mean `Paid`?"),
        ("faults: [{deploy: order, at: 1s, rollback: true}]", "unreachable", "add the deploy that it undoes"),
        ("faults: [{deploy: order, at: 1s}]", "bad-value", "write either `change: …` or `rollback: true`"),
        ("expect: {completed: {ordr: 100%}}", "unknown-workflow", "did you mean `order`?"),
        (with_step("{call: child, on_close: kill}"), "bad-value", "use one of: `terminate`, `cancel`, `abandon`"),
    ],
)
def test_what_is_new_in_the_language_is_checked_too(more: str, code: str, help: str) -> None:  # noqa: A002
    found = problem_with(more)
    assert found.code == code
    assert help in found.help


@pytest.mark.parametrize(
    ("event", "help"),
    [
        ("{operator: reset, to: 1, at: 1s}", "write {operator: reset, to: 1, step: NAME}"),
        ("{operator: reset, to: 1, step: chrge, at: 1s}", "did you mean `charge`?"),
        ("{query: status, to: 1, time: 1s}", "write {send: EVENT, time: 1s, at: 3s}"),
        ("{send: Paid, to: 1, of: chld, at: 1s}", "did you mean `child`?"),
    ],
)
def test_what_events_can_say_is_checked(event: str, help: str) -> None:  # noqa: A002
    text = WORLD.replace("  keys: [k1]", f"  keys: [k1]\n  events: [{event}]")
    with pytest.raises(ScenarioProblems) as error:
        parse_scenario(text)
    (problem,) = error.value.problems
    assert help in problem.help
