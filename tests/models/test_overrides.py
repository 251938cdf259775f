"""A command line changes any field of a scenario, and is told where it is wrong as a file is."""

from __future__ import annotations

import pytest

from durascope.models.faults import Crash
from durascope.models.loading import load_scenario
from durascope.models.overrides import Overrides
from durascope.models.phrases import fault_text
from durascope.models.problems import Problem, ScenarioProblems
from durascope.models.scenario import Scenario
from durascope.models.steps import Run
from durascope.models.units import SECOND, Spread


def order(*settings: str, **others: object) -> Scenario:
    """Order fulfillment with overrides."""
    return load_scenario("order-fulfillment", Overrides(settings, **others))  # pyright: ignore[reportArgumentType]


def wrong(*settings: str, **others: object) -> Problem:
    """The one thing that is wrong with overrides."""
    with pytest.raises(ScenarioProblems) as raised:
        order(*settings, **others)
    (problem,) = raised.value.problems
    return problem


def step(scenario: Scenario, name: str) -> Run:
    """A step of the scenario."""
    return next(run for _, run in scenario.runs() if run.run == name)


class TestSet:
    def test_a_field_by_the_index_of_its_item(self) -> None:
        scenario = order("deployments.temporal.workers.0.replicas=7")
        assert [worker.replicas for worker in scenario.deployments.temporal.workers] == [7, 5]

    def test_a_field_by_the_name_of_its_item(self) -> None:
        scenario = order("deployments.temporal.workers.activity-worker.replicas=9")
        assert [worker.replicas for worker in scenario.deployments.temporal.workers] == [3, 9]

    def test_a_mapping(self) -> None:
        scenario = order("services.stripe.latency={p50: 1s, p99: 2s}")
        assert scenario.services["stripe"].latency == Spread("log-normal", (SECOND, 2 * SECOND))

    def test_a_step_by_its_label(self) -> None:
        scenario = order("workflows.fulfill-order.steps.charge-payment.takes=3s")
        assert step(scenario, "charge-payment").takes == Spread.of(3 * SECOND)

    def test_an_undo_step_by_its_label(self) -> None:
        scenario = order("workflows.fulfill-order.steps.refund-payment.fails.times=2")
        refund = step(scenario, "refund-payment")
        assert refund.fails is not None
        assert refund.fails.times == 2

    def test_a_short_form_grows(self) -> None:
        path = "workflows.fulfill-order.steps.send-confirmation"
        scenario = order(f"{path}.fails=2", f"{path}.fails.error=Down", f"{path}.undo=unsend", f"{path}.undo.takes=1s")
        fails = step(scenario, "send-confirmation").fails
        assert fails is not None
        assert (fails.times, fails.error) == (2, "Down")
        assert step(scenario, "unsend").takes == Spread.of(SECOND)

    def test_what_the_file_leaves_to_its_default(self) -> None:
        scenario = load_scenario(
            "agent", Overrides(("deployments.restate.retry.max_attempts=3", "expect.latency.p99=1m"))
        )
        assert scenario.deployments.restate.retry.max_attempts == 3

    def test_later_settings_win(self) -> None:
        assert order("workload.runs=2", "workload.runs=3").workload.runs == 3

    def test_an_item_is_appended(self) -> None:
        assert len(order("faults.1={outage: stripe, at: 1s, for: 2s}").faults) == 2

    @pytest.mark.parametrize(
        ("setting", "column", "code", "help"),
        [
            ("services.stripe.latency=5", 25, "bad-value", "write 5s or 5ms"),
            ("services.stripe.latncy=5s", 17, "unknown-field", "did you mean `latency`?"),
            ("servces.stripe.latency=5s", 1, "unknown-field", "did you mean `services`?"),
            ("services.stripe.latency.p50.x=1", 29, "bad-setting", "shorten the path"),
            ("deployments.temporal.workers.5.replicas=1", 30, "bad-setting", "items are numbered from 0 to 2"),
            ("deployments.temporal.workers.activity.replicas=1", 30, "bad-setting", "did you mean `activity-worker`?"),
            ("workflows.fulfill-order.steps.charge.takes=1s", 31, "bad-setting", "did you mean `charge-payment`?"),
            ("workload.runs=[", 16, "yaml-syntax", "while parsing a flow node"),
            ("workload..runs=1", 10, "bad-setting", "write one dot between two parts"),
            ("workload.runs", 1, "bad-setting", "write --set path=value"),
            ("=1", 1, "bad-setting", "write --set path=value"),
        ],
    )
    def test_what_is_wrong_is_said_with_its_place(self, setting: str, column: int, code: str, help: str) -> None:  # noqa: A002
        problem = wrong(setting)
        assert (problem.file, problem.line, problem.code) == ("--set", 1, code)
        assert problem.source_line == setting
        assert problem.help == help
        assert problem.column == column


class TestCrash:
    def test_a_crash_in_one_phrase(self) -> None:
        fault = order(crashes=("engine before-effect create-shipment attempt 2 down 5s",)).faults[-1]
        assert isinstance(fault, Crash)
        assert fault.when is not None
        assert (fault.crash, fault.down_for) == ("engine", 5 * SECOND)
        assert (fault.when.step, fault.when.moment, fault.when.attempt) == ("create-shipment", "before-effect", 2)

    def test_a_crash_at_a_time(self) -> None:
        fault = order(crashes=("app at 3s down forever",)).faults[-1]
        assert isinstance(fault, Crash)
        assert fault.at == 3 * SECOND

    def test_a_crash_may_follow_any_event_of_the_trace_and_name_a_replica(self) -> None:
        fault = order(crashes=("app after event 57 replica 2 down 5s",)).faults[-1]
        assert isinstance(fault, Crash)
        assert fault.when is not None
        assert (fault.when.event, fault.replica, fault.down_for) == (57, 2, 5 * SECOND)
        assert "after event 57" in fault_text(fault)

    def test_the_scenarios_own_crash_is_not_doubled(self) -> None:
        assert len(order(crashes=("app after-effect charge-payment",)).faults) == 1
        assert len(order(crashes=("app before-effect charge-payment",)).faults) == 2

    @pytest.mark.parametrize(
        ("phrase", "column", "help"),
        [
            ("app after-efect charge-payment", 5, "did you mean `after-effect`?"),
            ("app after-effect charge-paymnt", 18, "did you mean `charge-payment`?"),
            ("ap after-effect charge-payment", 1, "did you mean `app`?"),
            (
                "app at charge",
                8,
                "write a time, such as 3s; at a step: `when: {step: charge, moment: after-effect}`, "
                "in a phrase `app after-effect charge`",
            ),
            ("app after-effect charge-payment down 5", 38, "write 5s or 5ms"),
        ],
    )
    def test_what_is_wrong_in_a_phrase(self, phrase: str, column: int, help: str) -> None:  # noqa: A002
        problem = wrong(crashes=(phrase,))
        assert (problem.file, problem.column, problem.help) == ("--crash", column, help)

    @pytest.mark.parametrize(
        "phrase", ["", "app", "app at", "app at 3s 4s", "app started charge-payment attempt", "app at 1s attempt 2"]
    )
    def test_a_phrase_that_is_none_says_its_form(self, phrase: str) -> None:
        assert "COMPONENT MOMENT STEP" in wrong(crashes=(phrase,)).help


class TestLoad:
    def test_runs_and_rate(self) -> None:
        workload = order(runs=1000, rate="50/s").workload
        assert (workload.runs, workload.arrivals.poisson) == (1000, 50.0)

    def test_arrivals_meant_for_another_number_of_runs_make_way(self) -> None:
        workload = order("workload.runs=2", "workload.arrivals={at: [0s, 1s]}").workload
        assert workload.arrivals.at == (0, SECOND)
        payment = load_scenario("payment", Overrides(runs=50))
        assert payment.workload.runs == 50

    def test_a_bad_rate(self) -> None:
        problem = wrong(rate="5")
        assert (problem.file, problem.help) == ("--rate", "write 5/s, 300/m or 20/h")


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ScenarioProblems) as raised:
        order("workload.runs=x", "nothing=1", rate="often", crashes=("app",))
    assert {problem.file for problem in raised.value.problems} == {"--set", "--rate", "--crash"}
    assert len(raised.value.problems) == 4


def test_crashes_after_two_events_are_two_crashes() -> None:
    scenario = load_scenario(
        "order-fulfillment",
        Overrides(("faults=[]",), ("app after event 39", "app after event 82", "app after event 39")),
    )
    assert [fault.when.event for fault in scenario.faults if isinstance(fault, Crash) and fault.when] == [82, 39]
