"""What a run's code and the core share in a worker: what the code asks for, and what it waits for then.

The SDK wraps some of what is awaited in tasks of their own, so that a result takes a few turns of the loop to reach the
code. The order of commands depends on it; each says how many turns it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from durascope.models.scenario import Workflow
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.program.endings import WorkflowFailure
from durascope.simulators.program.loop import Cancelled, Future, Loop
from durascope.simulators.temporal.commands import Command
from durascope.simulators.temporal.failure import Failure, FailureKind
from durascope.simulators.temporal.history import HistoryEvent
from durascope.simulators.temporal.mutable_state import StartOptions

C = TypeVar("C", bound=Command)


class TaskFailure(Exception):
    """The workflow task fails, not the workflow (W11)."""


class WorkflowContext:
    """Of one run in one worker process."""

    __slots__ = (
        "_seqs", "cancel_requested", "conditions", "failure", "issued", "loop", "options", "patches", "rejections",
        "replaying", "waits", "workflow",
    )  # fmt: skip

    def __init__(self, options: StartOptions, workflow: Workflow) -> None:
        self.options = options
        self.workflow = workflow
        self.loop = Loop()
        self.replaying = False
        """The code goes through what the history tells already."""
        self.patches: set[str] = set()
        """Those that the history tells of."""
        self.cancel_requested = False
        self.issued: list[Command] = []
        """Commands of the activation under way."""
        self.conditions: list[tuple[Callable[[], bool], Future]] = []
        """What the code waits for until it holds."""
        self.waits: list[tuple[str, str, RunInfo]] = []
        """Waits without a timer that this task has begun: the step, the event, whose."""
        self.rejections = False
        """Whether there may be rejections among the commands: they leave no events."""
        self.failure: TaskFailure | None = None
        """The code has thrown something that is no failure of the run: the task fails (W11)."""
        self._seqs = {"activity": 0, "timer": 0, "child": 0, "signal": 0}
        """The last number that each of the SDK's counters has given."""

    def issue(self, command: C, handle: Any = None) -> C:
        """The code asks for something; `handle` waits for it."""
        counter = command.counter
        if counter:
            command.seq = self._seqs[counter] = self._seqs[counter] + 1
        command.handle = handle
        self.issued.append(command)
        return command


class Backoff(Exception):
    """A local activity is to be tried again after so long a pause that the pause becomes a timer (§7)."""

    def __init__(self, us: int, attempt: int, since: int) -> None:
        super().__init__(us)
        self.us = us
        self.attempt = attempt
        self.since = since


class Pending(Future):
    """Something that later events of the history will answer."""

    __slots__ = ("event_id",)

    awaits_events = True
    """Later events of the history refer to the one that began it."""

    def __init__(self, context: WorkflowContext) -> None:
        super().__init__(context.loop)
        self.event_id = 0
        """Of the event that began it; 0 until it has been seen."""

    def confirmed(self, event: HistoryEvent) -> None:
        """The server has written the command that began it."""
        self.event_id = event.id


class Operation(Pending):
    """A task of the SDK around the result: its awaiter is resumed three turns after the result is in.

    Cancelling it asks for the operation's cancellation one turn later and goes on waiting; a result that is already
    on its way then is lost (the SDK's flag RAISE_ON_CANCELLING_COMPLETED_ACTIVITY), or comes all the same (children).
    """

    __slots__ = ("_outcome", "command", "context", "name", "settled")

    cancelled_when_settled = True

    def __init__(self, context: WorkflowContext, name: str, command: Command) -> None:
        super().__init__(context)
        self.context = context
        self.name = name
        self.command = context.issue(command, self)
        """What began it."""
        self.settled = False
        """The result is in."""
        self._outcome: tuple[Mapping[str, Any] | None, Failure | None, Any]

    @property
    def open(self) -> bool:
        """Whether the core has yet to learn how it ends: then it can be cancelled."""
        raise NotImplementedError

    def settle(self, values: Mapping[str, Any] | None, failure: Failure | None, backoff: Any = None) -> None:
        self.settled = backoff is None
        self._outcome = (values, failure, backoff)
        self.loop.call_soon(self._noticed)

    def _noticed(self) -> None:
        self.loop.call_soon(self._returned)

    def _returned(self) -> None:
        values, failure, backoff = self._outcome
        if backoff is not None:
            self.fail(Backoff(*backoff))
        elif failure is None:
            self.resolve(values)
        elif failure.kind is FailureKind.CANCELED:
            self.fail(Cancelled())
        else:
            retryable = self.retryable_after(failure)
            self.fail(WorkflowFailure(f"{self.name}: {failure.message}", step=self.name, retryable=retryable))

    def retryable_after(self, _failure: Failure) -> bool:
        """Whether what the code throws then leaves a retry to the workflow: a wrapper of the failure always does."""
        return True

    def cancel(self) -> bool:
        if self.done:
            return False
        if self.settled and self.cancelled_when_settled:
            self.fail(Cancelled())
        else:
            self.loop.call_soon(self._ask_to_cancel)
        return True

    def _ask_to_cancel(self) -> None:
        if self.settled and self.cancelled_when_settled:
            self.fail(Cancelled())
        elif not self.done and self.open:
            self.context.issue(self.cancellation_command(), self)

    def cancellation_command(self) -> Command:
        raise NotImplementedError
