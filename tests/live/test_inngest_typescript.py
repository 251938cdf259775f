"""Inngest's TypeScript SDK in `verify`: the app on Node.js answers every request as the model predicts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from durascope.cli import main
from durascope.live import node
from durascope.live.inngest.typescript import PACKAGE, SERVICE
from durascope.live.judging import judge as alike
from durascope.models.cases import InngestCase
from durascope.models.loading import builtin_names, load, scenario_in
from durascope.models.reading import parse_scenario
from durascope.models.scenario import Scenario
from tests.live.inngest_typescript import Host, judged
from tests.live.test_inngest import fake, no_difference, rerun_for_real
from tests.live.test_inngest_code import SEVERAL
from tests.simulators.inngest.test_real_sdk import RERUN

__all__ = ["fake"]

FOLDER = Path(__file__).parents[1] / "conformance" / "inngest"
CASES = [
    path
    for path in sorted(FOLDER.glob("*.yaml"))
    if scenario_in(load(path)).deployments.inngest.app.sdk == "typescript" and path.stem != "checkpointing-max-runtime"
]
"""In that one the time decides that passes in the app: a stand-in for the server has it, below."""
STAND_IN = [
    "checkpointing-max-runtime",
    "crash-between-steps-checkpointing",
    "crash-mid-step-checkpointing",
    "happy-path-buffered-checkpoints",
    "happy-path-checkpointing",
    "parallel-steps-checkpointing",
    "retries-exhausted-typescript",
    "retry-checkpointing",
    "undo-non-retriable-typescript",
]
"""Cases that need no more of a server than the stand-in has."""

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        not node.installed(SERVICE), reason="the TypeScript SDKs are not installed: make .engines/.typescript"
    ),
]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with Host(tmp_path_factory.mktemp("host")) as host:
        yield host


def on_typescript(scenario: Scenario, **options: bool) -> Scenario:
    inngest = scenario.deployments.inngest
    app = inngest.app.model_copy(update={"sdk": "typescript", "transport": "http", **options})
    deployments = scenario.deployments.model_copy(update={"inngest": inngest.model_copy(update={"app": app})})
    return scenario.model_copy(update={"deployments": deployments})


def agrees(scenario: Scenario, host: Host) -> int:
    verdict = judged(scenario, host)
    assert not verdict.disagreements, "\n".join(map(str, verdict.disagreements[:10]))
    return verdict.compared


@pytest.mark.parametrize("name", builtin_names())
def test_a_scenario_that_ships(host: Host, name: str) -> None:
    """Where models think for long each step is a request: no time passes in the app."""
    scenario = scenario_in(load(name))
    long = any(service.latency.typical > 1_000_000 for service in scenario.services.values())
    assert agrees(on_typescript(scenario, checkpointing=not long), host)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_scenario_of_a_recording(host: Host, path: Path) -> None:
    """Those recorded with the TypeScript SDK."""
    agrees(on_typescript(scenario_in(load(path))), host)


@pytest.mark.parametrize("checkpointing", ["true", "false"])
def test_kinds_of_steps(host: Host, checkpointing: str) -> None:
    assert agrees(parse_scenario(SEVERAL.replace("CHECKPOINTING", checkpointing)), host) > 15


@pytest.mark.parametrize("checkpointing", [True, False])
def test_reruns_from_a_step(host: Host, checkpointing: bool) -> None:
    assert agrees(on_typescript(parse_scenario(RERUN.replace("SDK", "typescript")), checkpointing=checkpointing), host)


def test_a_rerun_for_real_on_a_stand_in_for_the_server(fake: Path) -> None:
    rerun_for_real(fake, "typescript")


@pytest.mark.parametrize("name", STAND_IN)
def test_a_case_runs_for_real_on_a_stand_in_for_the_server(
    fake: Path, tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real processes, real kills, the real SDK; only the server is a stand-in, which is faster than the real one."""
    monkeypatch.setattr("durascope.live.timing.differences", no_difference)
    kept, file = tmp_path / f"{name}.yaml", FOLDER / f"{name}.yaml"
    assert main(["verify", str(file), "-e", "inngest", "--server", str(fake), "--save", str(kept)]) == 0, (
        capfd.readouterr().out
    )
    case, again = load(file), load(kept)
    assert isinstance(case, InngestCase)
    assert isinstance(again, InngestCase)
    assert again.recorded.sdk == f"inngest {node.sdk_version(PACKAGE)} (TypeScript)"
    assert alike(case)("run 1", case.records[0]["run 1"], again.records[0]["run 1"])
    assert again.status == case.status
