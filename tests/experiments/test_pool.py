"""Processes of a pool: the same results in the same order, and none left behind by a parent that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from durascope.experiments.pool import Pool

WORKS = """
import os, sys, time
from durascope.experiments.pool import Pool

def work(task):
    with open(sys.argv[1], "a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(600)

with Pool(work, processes=2) as pool:
    list(pool.stream([1, 2, 3], of=3))
"""


def _double(task: int) -> int:
    return 2 * task


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_the_order_of_the_tasks_from_stream_to_stream(processes: int) -> None:
    with Pool(_double, processes=processes) as pool:
        assert list(pool.stream(range(50), of=50)) == [2 * n for n in range(50)]
        assert list(pool.stream(iter([7]), of=1)) == [14]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="it looks for processes in /proc")
def test_a_parent_that_is_killed_takes_its_processes_with_it(tmp_path: Path) -> None:
    script, pids = tmp_path / "works.py", tmp_path / "pids"
    script.write_text(WORKS)
    parent = subprocess.Popen([sys.executable, str(script), str(pids)])
    try:
        workers = _soon(lambda: [int(line) for line in pids.read_text().split()] if pids.exists() else [], 2)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert len(workers) == 2
    until = time.monotonic() + 20
    while any(map(_alive, workers)) and time.monotonic() < until:
        time.sleep(0.1)
    left = [pid for pid in workers if _alive(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="it looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_pool_that_is_interrupted_does_not_wait_for_its_work(tmp_path: Path, number: int) -> None:
    """As `timeout` does: a signal to the process, then one to its whole group."""
    script, pids = tmp_path / "works.py", tmp_path / "pids"
    script.write_text(f"from durascope.cli.signals import heed\nheed()\n{WORKS}")
    parent = subprocess.Popen(
        [sys.executable, str(script), str(pids)], start_new_session=True, stderr=subprocess.DEVNULL
    )
    try:
        workers = _soon(lambda: [int(line) for line in pids.read_text().split()] if pids.exists() else [], 2)
        parent.send_signal(number)
        if number == signal.SIGTERM:
            os.killpg(parent.pid, number)
        parent.wait(timeout=30)
    finally:
        parent.kill()
        parent.wait()
    left = [pid for pid in workers if _alive(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert (len(workers), left) == (2, [])


def _soon(read: Callable[[], list[int]], count: int) -> list[int]:
    until = time.monotonic() + 60
    while len(found := read()) < count and time.monotonic() < until:
        time.sleep(0.1)
    return found


def _alive(pid: int) -> bool:
    """Running, and no process that has only not been waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
