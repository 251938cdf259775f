"""Processes of a verification: on free loopback ports, really killed, and all gone at the end, whatever happens."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from durascope.live import guard
from durascope.live.interrupts import uninterrupted

HOST = "127.0.0.1"

NOTED = 'echo "+$$" >&0; exec "$@" </dev/null'
"""A shell's words: tells the guard, which reads its input, who it is, and becomes the program that follows."""


class LiveProblem(Exception):
    """Something is missing or does not start; the text is one line that says what to do."""


def free_ports(count: int) -> list[int]:
    """That many loopback ports on which nothing listens now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((HOST, port)) == 0


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float = 30.0, every_s: float = 0.02) -> None:
    """Waits for a condition. Raises `LiveProblem`, which names `what`, if it does not hold in time (seconds)."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise LiveProblem(f"{what} did not come about within {seconds:.0f} s")
        time.sleep(every_s)


class Gate:
    """Lets processes start until their stage is over, and keeps the guard informed (see `durascope.live.guard`).

    A process notes itself down with the guard before it becomes what it is to be: whenever the verification is killed,
    the guard knows of it. Its temporary files are in the stage's folder, and go with it.
    """

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._open = True
        self._temporary = folder / "tmp"
        command = [sys.executable, "-I", "-S", guard.__file__, str(folder)]
        self._guard = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, text=True)

    def start(self, managed: Managed) -> subprocess.Popen[bytes]:
        """Starts the process. Raises `LiveProblem` if the stage is over: nothing may outlive it."""
        with self._lock:
            if not self._open:
                raise LiveProblem(f"{managed.name} is not started any more: the verification is over")
            self._temporary.mkdir(exist_ok=True)
            temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(self._temporary))
            with managed.log.open("ab") as log:
                return subprocess.Popen(
                    ["/bin/sh", "-c", NOTED, "sh", *managed.command],
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    stdin=self._guard.stdin,
                    cwd=managed.directory,
                    env={**os.environ, **temporary, **managed.environment},
                    start_new_session=True,
                )

    def shut(self) -> None:
        """From now on nothing is started."""
        with self._lock:
            self._open = False

    def dismiss(self) -> None:
        """All has been ended: the guard has nothing left to do but to go."""
        if self._guard.stdin is not None:
            with contextlib.suppress(OSError):
                self._guard.stdin.close()
        self._guard.wait()

    def gone(self, pid: int) -> None:
        with self._lock:
            self._tell(f"-{pid}")

    def _tell(self, line: str) -> None:
        assert self._guard.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._guard.stdin.write(f"{line}\n")
            self._guard.stdin.flush()


@dataclass(eq=False)
class Managed:
    """One process with its log; `start` may be called again after a kill."""

    name: str
    command: Sequence[str]
    directory: Path
    gate: Gate
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    lead_s: float = 0.0
    """Seconds from its start until it works: it is started again by so much before the end of a fault."""
    due: float = 0.0
    """When a fault lets it work again, on the monotonic clock; a process that is ready earlier waits for it."""
    ended: list[float] = field(default_factory=list[float])
    """When it was killed or told to end, on the monotonic clock."""
    started_at: float = 0.0
    """When it was started last, on the monotonic clock."""
    log: Path = field(init=False)
    """What its process writes; a process keeps its log when it gets another name or another's place."""

    def __post_init__(self) -> None:
        self.log = self.directory / f"{self.name}.log"

    def start(self) -> None:
        self.starts += 1
        with uninterrupted():
            self.process = self.gate.start(self)
        self.started_at = time.monotonic()

    def replace_by(self, spare: Managed) -> None:
        """The spare's process works in this one's place from now on."""
        self.process, self.log = spare.process, spare.log
        spare.process = None
        self.starts += 1
        self.started_at = time.monotonic()

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def died(self) -> str | None:
        """How its process has ended, if nobody here has ended it since it was started."""
        status = None if self.process is None else self.process.poll()
        if status is None or (self.ended and self.ended[-1] >= self.started_at):
            return None
        how = f"exit status {status}" if status >= 0 else f"killed by {_signal_name(-status)}"
        return f"has ended by itself ({how}): {self.tail(1)}"

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
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
                self.gate.gone(self.process.pid)

    def terminate(self, seconds: float = 10.0) -> None:
        """SIGTERM, and SIGKILL if the process does not end in time."""
        self.ended.append(time.monotonic())
        self.signal(signal.SIGTERM)
        if self.process is not None:
            try:
                self.process.wait(seconds)
                self.gate.gone(self.process.pid)
            except subprocess.TimeoutExpired:
                self.kill()

    def tail(self, lines: int = 20) -> str:
        """The last lines of its log, for a message; without Node's stack, which stands below what it is about."""
        said = self.log.read_text("utf-8", "replace").splitlines() if self.log.exists() else []
        said = [line for line in said if line.strip() and not line.startswith("    at ")]
        return "\n".join(said[-lines:]) or "it said nothing"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class Stage:
    """Everything that a verification starts; leaving it ends all of it and removes its folder.

    The folder comes to be after the guard that will remove it. Raises `LiveProblem` if it can't be made.
    """

    def __init__(self) -> None:
        self.directory = Path(tempfile.gettempdir()).resolve() / f"durascope-{secrets.token_hex(8)}"
        self._processes: list[Managed] = []
        with uninterrupted():
            self._gate = Gate(self.directory)
        try:
            self.directory.mkdir(mode=0o700)
        except OSError as error:
            self._gate.dismiss()
            raise LiveProblem(f"{self.directory} can't be made: {error.strerror}") from None

    def process(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Managed:
        """A process that this stage will end; not started yet."""
        managed = Managed(name, command, self.directory, self._gate, environment or {})
        self._processes.append(managed)
        return managed

    def processes(self) -> Iterator[Managed]:
        return iter(self._processes)

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        with uninterrupted():
            self._gate.shut()
            for managed in reversed(self._processes):
                managed.signal(signal.SIGKILL)  # all at once, also those that are stopped
            for managed in self._processes:
                managed.kill()
            self._gate.dismiss()
            shutil.rmtree(self.directory, ignore_errors=True)  # should somebody have killed the guard
