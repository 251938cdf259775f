"""What a step's moment sets off comes before what the step does next, as it did on the real server."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.simulators.simulate import simulate

STEPS = """
scenario: moments
workflows:
  order:
    steps:
    - run: charge
      takes: 200ms
"""


def predicted(more: str, steps: str = STEPS) -> Trace:
    return simulate(Scenario.model_validate(yaml.safe_load(steps + more)), "restate", records=True)


def attempts(trace: Trace) -> Any:
    rows = trace.facts["attempts"]
    assert isinstance(rows, dict)
    return rows["run 1"]


@pytest.mark.parametrize(("sdk", "effects"), [("python", 1), ("typescript", 2)])
def test_a_closure_hears_of_the_engines_death_before_its_effect_and_only_python_can_stop_it(
    sdk: str, effects: int
) -> None:
    trace = predicted(f"""
deployments: {{restate: {{service: {{sdk: {sdk}}}}}}}
faults:
- {{crash: engine, when: {{step: charge, moment: before-effect}}, down_for: 1s}}
""")
    assert trace.effects == {"charge": effects}
    assert trace.facts["executions"] == {"charge": 2}
    assert attempts(trace)[0]["ends"] == "connection-lost"


def test_a_result_is_lost_with_the_engine_that_dies_as_it_is_reported() -> None:
    trace = predicted("""
deployments: {restate: {service: {mode: request-response}}}
faults:
- {crash: engine, when: {step: charge, moment: reported}, down_for: 1s}
""")
    assert trace.effects == {"charge": 2}
    assert attempts(trace)[0] == {"entries": 1, "ends": "connection-lost"}


@pytest.mark.parametrize("what", ["crash: app", "crash: engine"])
def test_a_step_that_a_crash_meets_as_it_is_scheduled_has_not_begun(what: str) -> None:
    trace = predicted(f"""
faults:
- {{{what}, when: {{step: charge, moment: scheduled}}, down_for: 1s}}
""")
    assert trace.facts["executions"] == {"charge": 1}
    assert attempts(trace)[1]["entries"] == 2, "its command was stored"


def test_a_cancel_at_a_moment_comes_before_the_result() -> None:
    trace = predicted("""
deployments: {restate: {service: {mode: request-response}}}
workload:
  events:
  - {operator: cancel, to: 1, when: {step: charge, moment: after-effect}}
""")
    assert trace.records["run 1"] == ["Input", "Run charge #1", "> Signal 1 (cancel)", "> Run #1", "Output failed 409"]


WAIT = """
scenario: early
workflows:
  order:
    steps:
    - {run: charge, takes: 200ms}
    - {wait_for: paid, timeout: 1s}
"""


def test_an_event_that_waited_for_its_awakeable_comes_as_soon_as_the_id_is_told() -> None:
    trace = predicted(
        """
workload:
  events:
  - {send: paid, to: 1, at: 50ms}
""",
        WAIT,
    )
    assert trace.records["run 1"][3:] == ["> Signal 17", "Sleep paid-timeout #2", "Output"]


def test_an_object_has_no_promises_it_waits_for_an_awakeable_even_beside_workflows() -> None:
    keyed = WAIT.replace("    steps:", "    one_at_a_time: true\n    steps:")
    trace = predicted("\ndeployments: {restate: {service: {kind: workflow}}}\n", keyed)
    assert trace.records["run 1"][3:] == ["Sleep paid-timeout #2", "> Sleep #2", "Output"]


def test_the_timeout_of_a_wait_is_no_sleep_that_has_begun() -> None:
    trace = predicted("\nfaults:\n- {crash: app, when: {event: SleepStarted}, down_for: 1s}\n", WAIT)
    assert len(attempts(trace)) == 1
