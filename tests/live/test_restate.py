"""Scenarios on a real Restate server, processes really killed: each recording is the case's, and the predicted one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from durascope.live import node
from durascope.live.judging import judge
from durascope.live.processes import LiveProblem, Stage
from durascope.live.restate.server import Server, find
from durascope.live.restate.typescript import PACKAGE
from durascope.live.verification import Verification, told, verify
from durascope.models.cases import RestateCase, is_case
from durascope.models.loading import load, load_scenario
from durascope.models.source import Source
from durascope.models.yaml12 import compose
from durascope.render.exports.restate_journal import COLUMNS

pytestmark = pytest.mark.live

CASES = Path(__file__).parent.parent / "conformance" / "restate"

VERIFIED = (
    "sequential-steps",
    "sequential-steps-request-response",
    "crash-after-effect",
    "crash-between-steps",
    "crash-while-suspended",
    "engine-crash-during-sleep",
    "engine-crash-during-step",
    "terminal-failure-undoes-in-reverse",
    "wait-is-answered",
    "promise-peeked-and-answered-twice",
    "named-signal-races-the-step",
    "sleep-suspends",
    "object-serializes-per-key",
    "calls-and-sends",
    "cancel-during-step",
    "cancel-reaches-the-called",
    "kill-during-step",
    "policy-exhausted-pauses-then-resumed",
    "new-deployment-leaves-running-runs-alone",
    "restart-as-new",
)
IN_TYPESCRIPT = (
    "../own/restate/engine-crash-during-step-typescript",
    "../own/restate/branch-fails-typescript",
    "../own/restate/branches-of-several-steps-typescript",
    "cancel-during-step-typescript",
    "step-outlives-abort-timeout-and-drain-typescript",
    "wait-times-out-typescript",
)


@pytest.fixture(scope="module")
def server() -> str:
    try:
        return find()
    except LiveProblem as missing:
        pytest.skip(str(missing))


def recorded_otherwise(case: RestateCase, found: Verification) -> list[str]:
    """What the recording has otherwise than the case; nothing: the engine did what it had done before."""
    recording = found.recordings[0]
    alike = judge(case)
    wrong: list[str] = []

    def is_recorded(variant: Mapping[str, tuple[str, ...]]) -> bool:
        return all(alike(run, lines, recording.records.get(run, ())) for run, lines in variant.items())

    if not any(map(is_recorded, case.records)):
        wrong.append(f"records: {recording.records}")
    wrong += [f"status of {run}" for run, status in case.status.items() if recording.status.get(run) != status]
    wrong += [f"effects of {step}" for step, count in case.effects.items() if recording.effects.get(step, 0) != count]
    attempts: Any = recording.facts["attempts"]
    for run, rows in (case.attempts or {}).items():
        if attempts.get(run) != [row.model_dump(exclude_defaults=True) for row in rows]:
            wrong.append(f"attempts of {run}: {attempts.get(run)}")
    if case.events is not None:
        events: Any = recording.facts["events"]
        wrong += [f"events of {run}" for run, lines in case.events.items() if tuple(events.get(run, ())) != lines]
    return wrong


@pytest.mark.parametrize("name", VERIFIED)
def test_the_server_does_what_was_recorded_and_what_is_predicted(name: str, server: str) -> None:
    case = load(CASES / f"{name}.yaml")
    assert isinstance(case, RestateCase)
    found = verify(case.scenario, "restate", case=case, server=server)
    assert recorded_otherwise(case, found) == []
    assert found.agrees, told(found)


@pytest.mark.parametrize("name", IN_TYPESCRIPT)
def test_the_typescript_sdk_does_what_was_recorded(name: str, server: str) -> None:
    if not node.installed():
        pytest.skip("the TypeScript SDKs are not installed: make .engines/.typescript")
    case = load(CASES / f"{name}.yaml")
    assert isinstance(case, RestateCase)
    found = verify(case.scenario, "restate", case=case, server=server)
    assert found.recordings[0].sdk == f"restate-sdk typescript {node.sdk_version(PACKAGE)}"
    assert recorded_otherwise(case, found) == []
    assert found.agrees, told(found)


@pytest.mark.parametrize("name", ["payment", "order-fulfillment", "onboarding"])
def test_scenarios_that_ship_are_predicted(name: str, server: str) -> None:
    found = verify(load_scenario(name), "restate", server=server)
    assert found.agrees, told(found)


def test_a_kept_recording_is_a_case(tmp_path: Path, server: str) -> None:
    from durascope.live.keeping import case_yaml

    found = verify(load_scenario(CASES / "parallel-steps.yaml"), "restate", server=server)
    kept = tmp_path / "kept.yaml"
    kept.write_text(case_yaml(found, "kept"), "utf-8")
    assert is_case(compose(Source("kept.yaml", kept.read_text("utf-8")))[0])
    case = load(kept)
    assert isinstance(case, RestateCase)
    assert recorded_otherwise(case, found) == []


def test_exported_tables_have_the_servers_columns(server: str) -> None:
    sql = "SELECT column_name FROM information_schema.columns WHERE table_name = '{}' ORDER BY ordinal_position"
    with Stage() as stage:
        running = Server(stage, server, protocol=6, partitions=1)
        running.start()
        for table, columns in COLUMNS.items():
            assert [row["column_name"] for row in running.query(sql.format(table))] == list(columns)


def test_nothing_stays_in_the_folder_for_temporary_files(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server makes a folder `invoker-…` for each of its partitions there, and leaves them."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert verify(load_scenario(CASES / "crash-after-effect.yaml"), "restate", server=server).agrees
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks for processes in /proc")
def test_a_verification_that_is_told_to_stop_leaves_nothing_behind(tmp_path: Path, server: str) -> None:
    command = [sys.executable, "-m", "durascope", "verify", str(CASES / "wait-times-out.yaml"), "--server", server]
    verification = subprocess.Popen(command, env={**os.environ, "TMPDIR": str(tmp_path)}, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while len(_processes_in(tmp_path)) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        verification.send_signal(signal.SIGTERM)
        verification.wait(20)
    finally:
        verification.kill()
    assert _processes_in(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def _processes_in(folder: Path) -> list[str]:
    """The processes that work in a folder."""
    found: list[str] = []
    for each in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if each.readlink().is_relative_to(folder):
                found.append(each.parent.name)
        except OSError:
            continue
    return found
