"""Processes of a verification: on free loopback ports, killed for real, and all gone at the end, whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

HOST = "127.0.0.1"


class LiveProblem(Exception):  # noqa: N818  (what is wrong is outside of this program)
    """Something is missing or does not start; its text is one line that says what to do."""


def free_ports(count: int) -> list[int]:
    """So many ports of the loopback that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((HOST, port)) == 0


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float = 30.0, every: float = 0.02) -> None:
    """Waits for a condition; raises `LiveProblem` naming `what` where it does not come about in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise LiveProblem(f"{what} did not come about within {seconds:.0f} s")
        time.sleep(every)


@dataclass(eq=False)
class Managed:
    """One process with its log; `start` may be called again after a kill."""

    name: str
    command: Sequence[str]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    lead: float = 0.0
    """Seconds from its start until it works: it is started again by so much before the end of a fault."""
    ended: list[float] = field(default_factory=list[float])
    """When it was killed or told to end, on the monotonic clock."""

    @property
    def log(self) -> Path:
        return self.directory / f"{self.name}.log"

    def start(self) -> None:
        self.starts += 1
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                list(self.command),
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=self.directory,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> None:
        """Signals the whole process group (a server may have children)."""
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """SIGKILL, and waits until it is gone."""
        self.ended.append(time.monotonic())
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait(10)

    def terminate(self, seconds: float = 10.0) -> None:
        """SIGTERM; SIGKILL where that is not heeded in time."""
        self.ended.append(time.monotonic())
        self.signal(signal.SIGTERM)
        if self.process is not None:
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()

    def tail(self, lines: int = 20) -> str:
        """The last lines of its log, for a message."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])


class Stage:
    """Everything that a verification starts; leaving it ends all of it and removes its folder."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="durascope-", ignore_cleanup_errors=True)
        self.directory = Path(self._folder.name)
        self._processes: list[Managed] = []

    def process(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Managed:
        """A process that this stage will end; not started yet."""
        managed = Managed(name, command, self.directory, environment or {})
        self._processes.append(managed)
        return managed

    def processes(self) -> Iterator[Managed]:
        return iter(self._processes)

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for managed in reversed(self._processes):
            managed.signal(signal.SIGCONT)
            managed.kill()
        self._folder.cleanup()
