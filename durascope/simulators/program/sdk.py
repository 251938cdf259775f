"""What an SDK offers a workflow's code; every engine's package has its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from durascope.models.steps import (
    Awakeable,
    Bug,
    Call,
    Clear,
    Compute,
    Fail,
    ForEach,
    Get,
    Parallel,
    Patched,
    Run,
    Send,
    Set,
    Sleep,
    Start,
    Step,
    Steps,
    WaitFor,
)
from durascope.simulators.program.loop import Block, Coroutine, Loop, first, gather
from durascope.simulators.program.members import Members


class TimedOut(Exception):
    """A wait has timed out."""


TIMED_OUT: Final = TimedOut()


class Passed(Protocol):
    """The first steps of a program, where a replay passes them all at once."""

    @property
    def length(self) -> int:
        """How many they are."""
        ...

    @property
    def names(self) -> Mapping[str, int]:
        """How many steps of each name are among them."""
        ...

    @property
    def values(self) -> Mapping[str, object]:
        """What they have returned."""
        ...


class Sdk(ABC):
    """What a workflow's code calls.

    Each method is a coroutine: it may `yield` futures of `self.loop`. `name` is the step's label with loop variables
    filled in; `key` tells several uses of one name apart (`name`, `name:1`, `name:2`, …). Whatever waits raises
    `RunCancelled` where the run is cancelled meanwhile, or what the SDK ends an execution of the code with.
    """

    loop: Loop
    catches_failures: bool = True
    """Whether `on_failure` is caught in the workflow's own code (else the engine runs it as a function of its own)."""

    @abstractmethod
    def run(self, step: Run, name: str, key: str) -> Coroutine:
        """Returns the named outcomes (a mapping); raises `WorkflowFailure` where the step failed for good."""

    @abstractmethod
    def sleep(self, step: Sleep, name: str, key: str) -> Coroutine:
        """Returns when the time is over; raises like whatever waits."""

    @abstractmethod
    def wait_for(self, step: WaitFor, name: str, key: str) -> Coroutine:
        """Returns the event's payload, or `TIMED_OUT`; raises like whatever waits."""

    @abstractmethod
    def call(self, step: Call, name: str, key: str) -> Coroutine:
        """Returns what the called workflow gives; raises `WorkflowFailure` where it failed."""

    @abstractmethod
    def start(self, step: Start, name: str, key: str) -> Coroutine: ...

    @abstractmethod
    def send(self, step: Send, name: str, key: str) -> Coroutine:
        """Returns when the event is under way; raises like whatever waits."""

    def awakeable(self, step: Awakeable) -> Coroutine:
        """Makes what a later wait of that name awaits; where events are addressed by name nothing is to be made."""
        return
        yield

    @abstractmethod
    def state(self, step: Get | Set | Clear) -> Coroutine: ...

    @abstractmethod
    def patched(self, step: Patched) -> Coroutine:
        """Returns whether the new code is to run."""

    def compute(self, step: Compute, name: str, us: int) -> Coroutine:
        """The code is busy; the host passes the moment `started` and lets the time go by."""
        yield Block(us, name)

    def code_fails(self, step: Fail | Bug, name: str, key: str) -> bool:
        """Whether a bug in the code (a `bug`, a retryable `fail`) shows this time. An SDK's own error it raises."""
        raise NotImplementedError

    def computed(self, step: Compute, key: str) -> int:
        """How many times the run's code has come to that step, over all its executions, this one included."""
        raise NotImplementedError

    def gather(self, branches: Sequence[Coroutine]) -> Coroutine:
        """Returns when all have ended; raises the first failure among them."""
        return (yield from gather(self.loop, branches))

    def race(self, branches: Sequence[Coroutine]) -> Coroutine:
        """The first to end wins, or raises; the losers are cancelled, which they notice one turn later."""
        index, tasks = yield from first(self.loop, branches)
        for task in tasks:
            if not task.done:
                task.cancel()
        if tasks[index].exception is not None:
            raise tasks[index].exception
        return index

    def passed(self, steps: Steps) -> Passed | None:
        """Those of the program's first steps that are recorded and need not be passed one by one, because nobody looks.

        A replay of thousands of steps, thousands of times, would else be nearly all that a simulation does.
        """
        return None

    def targeted(self, group: Parallel | ForEach) -> Members | None:
        """The group's branches, if at most one of them is wanted now and `find` finds it; else all are begun."""
        return None

    def find(self, members: Members) -> Coroutine:
        """Does what beginning all branches would come to; returns what those that are finished have returned."""
        raise NotImplementedError

    def before_step(self, step: Step) -> None:
        """Called before each step of the program proper; raises `RunCancelled` where the run has been cancelled."""

    def after_step(self, step: Step) -> None:
        """Called after each step of the program proper; raises `RunCancelled` where the run has been cancelled."""

    def continue_as_new(self, done: int) -> Coroutine:
        """Told after each `continue_as_new_every` rounds with the place to go on from; most engines just go on.

        Raises what ends this execution where another one goes on.
        """
        return
        yield
