"""Generated projects for Inngest: the real SDK answers every request of the executor as the model predicts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from durascope.live.inngest.judge import Verdict
from durascope.models.cases import Case
from durascope.models.loading import builtin_names, load, load_scenario
from durascope.models.reading import parse_scenario
from durascope.models.scenario import Scenario
from durascope.models.trace import Kind
from durascope.render.code.inngest.facts import written_for
from durascope.simulators.inngest.protocol import Answer
from durascope.simulators.simulate import simulate
from tests.live import inngest_projects
from tests.live.inngest_projects import PACKAGES, ProjectEngine, Python, TypeScript, judged

pytestmark = pytest.mark.live


@pytest.fixture
def installed() -> None:
    if not PACKAGES.exists():
        pytest.skip("Inngest's TypeScript SDK is not installed: make .engines/.written")


in_typescript = pytest.mark.usefixtures("installed")


def on_typescript(scenario: Scenario) -> Scenario:
    """The scenario on that SDK; where models think for long each step is a request: no time passes in the app."""
    made = written_for(scenario, "typescript")
    if not any(service.latency.typical > 1_000_000 for service in made.services.values()):
        return made
    inngest = made.deployments.inngest
    inngest = inngest.model_copy(update={"app": inngest.app.model_copy(update={"checkpointing": False})})
    return made.model_copy(update={"deployments": made.deployments.model_copy(update={"inngest": inngest})})


def agrees(verdict: Verdict) -> int:
    assert not verdict.disagreements, "\n".join(map(str, verdict.disagreements[:10]))
    return verdict.compared


def on_python(scenario: Scenario) -> Scenario:
    """The scenario on that SDK, which has no checkpointing."""
    inngest = scenario.deployments.inngest
    app = inngest.app.model_copy(update={"sdk": "python", "checkpointing": None})
    inngest = inngest.model_copy(update={"app": app})
    return scenario.model_copy(update={"deployments": scenario.deployments.model_copy(update={"inngest": inngest})})


@pytest.mark.parametrize("name", builtin_names())
def test_a_python_project_answers_as_predicted(name: str, tmp_path: Path) -> None:
    assert agrees(judged(on_python(load_scenario(name)), tmp_path, Python))


@in_typescript
@pytest.mark.parametrize("name", builtin_names())
def test_a_typescript_project_answers_as_predicted(name: str, tmp_path: Path) -> None:
    assert agrees(judged(on_typescript(load_scenario(name)), tmp_path, TypeScript))


SEVERAL = """
scenario: several
services: {bank: {title: Bank, rejections: 100%}}
workflows:
  order:
    key: order_id
    input: {order_id: unique}
    steps:
      - {run: check, takes: 20ms, result: {fraud: 50%}, undo: uncheck}
      - choose: [{when: fraud, do: [{run: review, takes: 5ms}]}, {otherwise: [{sleep: 2s, name: pause}]}]
      - parallel:
          - [{run: a, takes: 40ms}, {sleep: 3s, name: nap}]
          - {run: b, takes: 60ms, fails: {times: 2, error: Busy, retry_after: 4s}}
          - {call: child, key: order_id, timeout: 1m}
      - {for_each: 3, as: n, at_once: 2, do: [{run: "item-{n}", takes: 10ms}]}
      - race: [{run: fast, takes: 10ms}, {run: slow, takes: 90ms}]
      - {wait_for: go, timeout: 5s, on_timeout: [{send: late}]}
      - {start: child, key: other}
      - {run: pay, on: bank, undo: refund}
    on_failure: [{run: tell, takes: 5ms}]
  child: {key: order_id, steps: [{run: c, takes: 30ms}]}
workload: {of: order, runs: 2}
deployments: {inngest: {retries: 3, app: {sdk: typescript, checkpointing: CHECKPOINTING}}}
"""


def test_kinds_of_steps_answer_as_predicted_in_python(tmp_path: Path) -> None:
    scenario = parse_scenario(SEVERAL.replace("CHECKPOINTING", "false"))
    assert agrees(judged(on_python(scenario), tmp_path, Python)) > 15


@in_typescript
@pytest.mark.parametrize("checkpointing", ["true", "false"])
def test_kinds_of_steps_answer_as_predicted(checkpointing: str, tmp_path: Path) -> None:
    scenario = parse_scenario(SEVERAL.replace("CHECKPOINTING", checkpointing))
    assert agrees(judged(scenario, tmp_path, TypeScript)) > 15


ASKING = """
scenario: asking
services: {bank: {title: Bank}}
workflows:
  pay:
    key: id
    input: {id: unique}
    steps:
      - &charge
        {run: charge, on: bank, check_first: 40ms, result: {paid: 50%}, undo: {run: refund, check_first: 5ms}}
      - {run: book, on: bank, check_first: 20ms, idempotency_key: id}
      - {run: note, on: bank, effect: noted}
      - {run: note-again, on: bank, effect: noted, check_first: 5ms}
      - {repeat: 2, do: [{run: remind, check_first: 5ms, fails: {times: 1, error: Busy}}]}
      - {for_each: 2, as: n, do: [{run: "ship-{n}", check_first: 5ms}]}
      - *charge
      - {fail: Enough, retryable: false}
faults: [{crash: app, when: {step: charge, moment: after-effect}, down_for: 1s}]
deployments: {inngest: {retries: 3, app: {sdk: typescript, checkpointing: CHECKPOINTING}}}
"""
"""Steps that ask their service first: what is killed after its effect finds it, another step or round does not."""


def without_a_duplicate(scenario: Scenario) -> Scenario:
    """The scenario; in the model a killed attempt has had its effect, and the next one has found it."""
    trace = simulate(scenario, "inngest")
    begun = Counter(event.step for _, event in trace.of_kind(Kind.STEP_STARTED))
    assert (begun["charge"], trace.effects["charge"], trace.effects["note-again"]) == (3, 2, 0)
    return scenario


def test_a_step_that_asks_first_finds_what_a_killed_attempt_has_done_in_python(tmp_path: Path) -> None:
    scenario = on_python(parse_scenario(ASKING.replace("CHECKPOINTING", "false")))
    assert agrees(judged(without_a_duplicate(scenario), tmp_path, Python)) > 10


@in_typescript
@pytest.mark.parametrize("checkpointing", ["true", "false"])
def test_a_step_that_asks_first_finds_what_a_killed_attempt_has_done(checkpointing: str, tmp_path: Path) -> None:
    scenario = parse_scenario(ASKING.replace("CHECKPOINTING", checkpointing))
    assert agrees(judged(without_a_duplicate(scenario), tmp_path, TypeScript)) > 5


def test_another_answer_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compare = ProjectEngine.compare

    def changed(engine: ProjectEngine, script: inngest_projects.Script, answer: Answer) -> None:
        compare(engine, script, Answer(answer.status, answer.ops[1:], version=answer.version))

    monkeypatch.setattr(ProjectEngine, "compare", changed)
    assert judged(on_python(load_scenario("payment")), tmp_path, Python).disagreements


CASES = Path(__file__).parents[1] / "conformance" / "inngest"


@in_typescript
@pytest.mark.parametrize(
    "name", ["checkpointing-max-runtime", "deploy-planned-step-gone", "deploy-planned-step-gone-typescript"]
)
def test_a_typescript_project_answers_as_recorded_cases_say(name: str, tmp_path: Path) -> None:
    """A request's time that is over (time passes in the app then), and steps that new code no longer has."""
    case = load(CASES / f"{name}.yaml")
    assert isinstance(case, Case)
    assert agrees(judged(written_for(case.scenario, "typescript"), tmp_path, TypeScript))
