"""What workflow code waits for: activities, timers, children, local activities, as the SDK's event loop has them.

The SDK wraps some of these in tasks of their own, so that a result takes a few turns of the loop to reach the code that
awaits it. The order of commands depends on it; each handle says how many turns it takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from durascope.models.steps import Run
from durascope.simulators.program import Cancelled, Future, Loop, WorkflowFailure
from durascope.simulators.temporal.commands import Command, Failure
from durascope.simulators.temporal.context import WorkflowContext


class Backoff(Exception):
    """A local activity is to be tried again after so long a pause that the pause becomes a timer (§7)."""

    def __init__(self, us: int, attempt: int, since: int) -> None:
        super().__init__(us)
        self.us = us
        self.attempt = attempt
        self.since = since


class Pending(Future):
    """Something that later events of the history will answer."""

    __slots__ = ("awaits_events", "event_id")

    def __init__(self, context: WorkflowContext) -> None:
        super().__init__(context.loop)
        self.event_id = 0
        """Of the event that began it; 0 until it has been seen."""
        self.awaits_events = True


class _Operation(Pending):
    """A task of the SDK around the result: its awaiter is resumed three turns after the result is in.

    Cancelling it asks for the operation's cancellation one turn later and goes on waiting; a result that is already
    on its way then is lost (the SDK's flag RAISE_ON_CANCELLING_COMPLETED_ACTIVITY), or comes all the same (children).
    """

    __slots__ = ("_outcome", "closed", "command", "context", "name", "resolved", "settled")

    cancelled_when_settled = True

    def __init__(self, context: WorkflowContext, name: str) -> None:
        Future.__init__(self, context.loop)
        self.event_id = 0
        self.awaits_events = True
        self.context = context
        self.name = name
        self.command: Command
        self.resolved = False
        """The code has its answer, or is about to."""
        self.closed = False
        """The server has written its end."""
        self.settled = False
        """The result is in."""
        self._outcome: tuple[Mapping[str, Any] | None, Failure | None, Any]

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
        elif failure.kind == "canceled":
            self.fail(Cancelled())
        else:
            self.fail(WorkflowFailure(f"{self.name}: {failure.message}", step=self.name))

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
        elif not self.done and not self.resolved:
            self.context.issued.append(self.cancellation_command())

    def cancellation_command(self) -> Command:
        raise NotImplementedError


class ActivityHandle(_Operation):
    """An activity; `cancellation` is try, wait or abandon (A10)."""

    __slots__ = ("cancellation",)

    def __init__(self, context: WorkflowContext, name: str, cancellation: str) -> None:
        _Operation.__init__(self, context, name)
        self.cancellation = cancellation

    def cancellation_command(self) -> Command:
        return Command("RequestCancelActivityTask", self.command.seq, self.name, {}, self)


class ChildHandle(_Operation):
    """A child workflow: first it starts, then it ends."""

    __slots__ = ("child_started", "start")

    cancelled_when_settled = False

    def __init__(self, context: WorkflowContext, name: str) -> None:
        super().__init__(context, name)
        self.start = ChildStart(self)
        self.child_started = False

    def settle(self, values: Mapping[str, Any] | None, failure: Failure | None, backoff: Any = None) -> None:
        if self.start.done:
            super().settle(values, failure, backoff)
        elif failure is not None and failure.kind == "canceled":
            self.start.fail(Cancelled())
        else:
            self.start.resolve()
            super().settle(values, failure, backoff)

    def cancellation_command(self) -> Command:
        return Command("RequestCancelChild", self.command.seq, self.name, {}, self)


class ChildStart(Future):
    """The child's start: a cancellation while it is awaited is a cancellation of the child."""

    __slots__ = ("child",)

    def __init__(self, child: ChildHandle) -> None:
        super().__init__(child.context.loop)
        self.child = child

    def cancel(self) -> bool:
        if self.done:
            return False
        self.child.context.issued.append(self.child.cancellation_command())
        if self.child.context.cancel_requested:
            return super().cancel()
        return True


class LocalActivity(_Operation):
    """A local activity: the worker itself runs it (§7)."""

    __slots__ = ("attempt", "key", "running", "seq", "since", "start_to_close", "step")

    def __init__(
        self,
        context: WorkflowContext,
        seq: int,
        step: Run,
        name: str,
        key: str,
        start_to_close: int,
        *,
        attempt: int = 1,
        since: int | None = None,
    ) -> None:
        super().__init__(context, name)
        self.seq = seq
        self.step = step
        self.key = key
        self.attempt = attempt
        self.start_to_close = start_to_close
        self.since = since
        """When it was first scheduled, where a timer has passed since; None: it is now."""
        self.running: Any = None
        """The worker's execution of it."""
        self.awaits_events = False

    def cancellation_command(self) -> Command:
        return Command("RequestCancelLocalActivity", self.seq, self.name, {}, self)


class TimerHandle:
    """A timer of the code: `fire` is what the loop calls when it has fired."""

    __slots__ = ("awaits_events", "command", "event_id", "fired", "future", "pending", "seq")

    def __init__(self, loop: Loop, seq: int, command: Command) -> None:
        self.seq = seq
        self.command = command
        self.future = Future(loop)
        self.event_id = 0
        self.awaits_events = True
        self.fired = False
        """The server has written so."""
        self.pending = True
        """The code has neither cancelled it nor been told that it has fired."""

    def fire(self) -> None:
        self.future.resolve()
