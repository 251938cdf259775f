"""The real `inngest` Python SDK as judge of the modelled host: over HTTP, it must answer every request as predicted."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from durascope.live.inngest.judge import JudgedEngine, RealHost, Script, judge
from durascope.models.loading import builtin_names, load, scenario_in
from durascope.models.reading import parse_scenario
from durascope.models.scenario import Scenario
from durascope.simulators.bodies import Outcome
from durascope.simulators.inngest import python_sdk
from durascope.simulators.inngest.protocol import STEP_ERROR, Answer, Op, SleepOpts

CASES = sorted((Path(__file__).parents[2] / "conformance" / "inngest").glob("*.yaml"))
ANSWERED = re.compile(r"^(?:POST .*)?-> (?:\d{3}|unheard)")
PYTHON = {"sdk": "python", "framework": "fastapi", "checkpointing": False}


@pytest.fixture(scope="module")
def host() -> Iterator[RealHost]:
    with RealHost() as host:
        yield host


def on_python(scenario: Scenario) -> Scenario:
    """The scenario with its app on the Python SDK."""
    inngest = scenario.deployments.inngest
    app = inngest.app.model_copy(update=PYTHON)
    deployments = scenario.deployments.model_copy(update={"inngest": inngest.model_copy(update={"app": app})})
    return scenario.model_copy(update={"deployments": deployments})


def agrees(scenario: Scenario, host: RealHost, seed: int = 0) -> int:
    verdict = judge(scenario, host, seed=seed)
    assert not verdict.disagreements, "\n".join(map(str, verdict.disagreements[:10]))
    answered = sum(len(ANSWERED.findall(line)) for lines in verdict.records.values() for line in lines)
    assert verdict.compared == answered, "every request that was answered is compared"
    return verdict.compared


@pytest.mark.parametrize("name", builtin_names())
@pytest.mark.parametrize("seed", [0, 1])
def test_a_scenario_that_ships(host: RealHost, name: str, seed: int) -> None:
    assert agrees(on_python(scenario_in(load(name))), host, seed)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_scenario_of_a_recording(host: RealHost, path: Path) -> None:
    """Those recorded with the TypeScript SDK too, moved to Python's."""
    agrees(on_python(scenario_in(load(path))), host)


RERUN = """
scenario: rerun
workflows:
  order:
    steps:
      - {run: check, takes: 50ms}
      - {sleep: 1s, name: pause}
      - parallel: [{run: charge, takes: 50ms}, {run: pack, takes: 90ms}]
      - {run: ship, takes: 50ms, fails: {always: true, error: NoStock}}
workload:
  of: order
  events:
    - {operator: reset, to: 1, step: pack, at: 6s}
    - {operator: reset, to: 1, step: ship, at: 9s}
    - {operator: reset, to: 1, step: pause, at: 12s}
deployments: {inngest: {retries: 0, app: {sdk: SDK}}}
"""


def test_reruns_from_a_step(host: RealHost) -> None:
    assert agrees(parse_scenario(RERUN.replace("SDK", "python")), host) > 12


def _any_scenario() -> st.SearchStrategy[Scenario]:
    """The scenarios of the test beside this one."""
    spec = importlib.util.spec_from_file_location("any_scenario", Path(__file__).with_name("test_any_scenario.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.scenarios()


@settings(max_examples=80, deadline=None, suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large))
@given(_any_scenario(), st.integers(0, 5))
def test_any_scenario(host: RealHost, scenario: Scenario, seed: int) -> None:
    agrees(on_python(scenario), host, seed)


# ---- the judge is not blind ---------------------------------------------------------------------------------


def case(name: str) -> Scenario:
    return scenario_in(load(next(path for path in CASES if path.stem == name)))


def test_another_op_code_is_seen(host: RealHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_sdk, "STEP_FAILED", STEP_ERROR)
    (found,) = judge(case("retries-exhausted"), host).disagreements
    assert found.what == "op 1: op: 'StepError' predicted, 'StepFailed' real"
    assert found.request == "POST step attempt=4 memo=[check-inventory, reserve-stock]"


def test_a_body_that_the_real_sdk_does_not_run_is_seen(host: RealHost, monkeypatch: pytest.MonkeyPatch) -> None:
    compare = JudgedEngine.compare

    def more(engine: JudgedEngine, script: Script, answer: Answer) -> None:
        script.outcomes["one-more"] = Outcome()
        compare(engine, script, answer)

    monkeypatch.setattr(JudgedEngine, "compare", more)
    found = judge(case("happy-path"), host).disagreements
    assert found[0].what == "bodies run: ['check-inventory', 'one-more'] predicted, ['check-inventory'] real"


def late(op: Op) -> Op:
    if not isinstance(op.opts, SleepOpts):
        return op
    return replace(op, opts=op.opts._replace(until=(op.opts.until or 0) + 50_000))


CHANGES: list[tuple[str, Callable[[Answer], Answer], str]] = [
    ("happy-path", lambda answer: replace(answer, no_retry=True), "x-inngest-no-retry"),
    ("happy-path", lambda answer: replace(answer, version=1), "x-inngest-req-version"),
    ("happy-path", lambda answer: replace(answer, status=201), "status"),
    ("parallel-mode-race", lambda answer: replace(answer, ops=answer.ops[::-1]), "op 1: id"),
    ("parallel-steps", lambda answer: replace(answer, ops=answer.ops[:1]), "number of ops"),
    ("deploy-swapped-steps", lambda answer: replace(answer, ops=tuple(map(late, answer.ops))), "op 1: until"),
    ("retry-after", lambda answer: replace(answer, retry_after=None), "retry-after"),
]
"""Of every answer of a case; and what the judge names."""


@pytest.mark.parametrize(("name", "change", "said"), CHANGES)
def test_any_difference_is_seen(
    host: RealHost, monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[Answer], Answer], said: str
) -> None:
    compare = JudgedEngine.compare

    def changed(engine: JudgedEngine, script: Script, answer: Answer) -> None:
        compare(engine, script, change(answer))

    monkeypatch.setattr(JudgedEngine, "compare", changed)
    assert any(said in each.what for each in judge(case(name), host).disagreements)
