"""A real server that is killed from outside: `verify` says so at once, in one line, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from durascope.live.conductor import Conductor
from tests.cli.commands import durascope

pytestmark = pytest.mark.live

SERVERS = {"restate": "restate-server", "temporal": "temporal", "inngest": "inngest"}
AT_ONCE_S = 30.0
"""Far less than the 150 s that it would wait; to leave takes up to 10 s on a busy machine."""
SLEEPS = """\
scenario: sleeps
workflows:
  main:
    steps:
      - {run: a, takes: 20ms}
      - {sleep: 19s, name: long}
workload: {runs: 1}
"""


@pytest.mark.parametrize("engine", SERVERS)
def test_a_server_that_is_killed_from_outside_is_told_at_once(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which(SERVERS[engine]) is None:
        pytest.skip(f"{SERVERS[engine]} is not on PATH")
    scenario, temporary = tmp_path / "sleeps.yaml", tmp_path / "tmp"
    scenario.write_text(SLEEPS)
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    conduct, killed = Conductor.conduct, list[float]()

    def conducted(self: Conductor, **options: Any) -> None:
        process = self.engine.replicas("engine")[0].process
        assert process is not None

        def strike() -> None:
            killed.append(time.monotonic())
            os.kill(process.pid, signal.SIGKILL)

        threading.Timer(2, strike).start()
        conduct(self, **options)

    monkeypatch.setattr(Conductor, "conduct", conducted)
    answer = durascope("verify", str(scenario), "-e", engine, "--within", "150")
    assert time.monotonic() - killed[0] < AT_ONCE_S
    assert (answer.status, answer.out) == (2, "")
    assert f"{SERVERS[engine]} has ended by itself (killed by SIGKILL): " in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    assert list(temporary.iterdir()) == []
