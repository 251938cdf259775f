"""What an executor asks of a function host and what the host answers: the bodies and headers of one HTTP exchange.

Everything that the two know of each other is in here (inngest.md §3), so that either side can be put behind real HTTP.
Nothing changes them; they are not frozen only because a million runs make many of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import Any, Final, NamedTuple

from durascope.models.units import MILLISECOND, SECOND, format_duration
from durascope.simulators.inngest.settings import NUMBERS
from durascope.simulators.program.endings import WorkflowFailure

STEP_RUN: Final = "StepRun"
STEP_ERROR: Final = "StepError"
STEP_FAILED: Final = "StepFailed"
STEP_PLANNED: Final = "StepPlanned"
SLEEP: Final = "Sleep"
WAIT_FOR_EVENT: Final = "WaitForEvent"
INVOKE_FUNCTION: Final = "InvokeFunction"
RUN_COMPLETE: Final = "RunComplete"


MOST_SHOWN: Final = 100
"""Finished steps that a line of a record names; of more it names the first and the last, and counts the others."""
_ENDS: Final = 20


@dataclass(slots=True)
class Memo:
    """A finished step's entry in `steps`."""

    name: str
    """The step's display name."""
    value: Mapping[str, Any] | None
    """Its result; None: a sleep that is over, a wait that timed out."""
    error: str | None
    """The message of the error that it failed with for good."""
    size: int
    """Bytes of its JSON."""

    @property
    def shown(self) -> str:
        """As `memo=[…]` shows it."""
        return self.name if self.error is None else f"{self.name}!"


def done(name: str, value: Mapping[str, Any], output: int) -> Memo:
    """`{"data": …}`, its JSON being `output` bytes long.

    >>> done("charge", {"paid": True}, output=13).size
    22
    """
    return Memo(name, value, None, output + 9)


def failed(name: str, error: str) -> Memo:
    """`{"error": {name, message, stack}}`."""
    return Memo(name, None, error, NUMBERS.error_json)


def nothing(name: str) -> Memo:
    """`null`."""
    return Memo(name, None, None, 4)


class SleepOpts(NamedTuple):
    """When a sleep ends: Python names a date, TypeScript whole seconds."""

    until: int | None
    seconds: int | None

    def wait(self, now: int) -> int:
        """The whole seconds that the server will wait, in microseconds (§4, SleepDuration)."""
        if self.until is None:
            return (self.seconds or 0) * SECOND
        ahead = self.until // MILLISECOND * MILLISECOND - now
        return max((ahead + SECOND // 2) // SECOND, 0) * SECOND


class WaitOpts(NamedTuple):
    event: str
    field: str | None
    """The field that must be equal in the event and in the run's own event."""
    timeout: int


class InvokeOpts(NamedTuple):
    function: str
    key: str | None
    timeout: int | None
    luck: str
    """The child's address for luck."""


@dataclass(slots=True)
class Op:
    """One op code of a 206."""

    code: str
    id: str
    """The step's id before hashing: `name`, `name:1`, …"""
    name: str
    memo: Memo | None = None
    """The output of StepRun, StepError and StepFailed."""
    opts: SleepOpts | WaitOpts | InvokeOpts | None = None
    race: bool = False
    """`parallelMode: race`."""

    @property
    def hashed(self) -> str:
        """The id as it travels."""
        return sha1(self.id.encode()).hexdigest()


@dataclass(slots=True, eq=False)
class Request:
    """POST <serve url>?fnId=…&stepId=…: the body and the headers that matter."""

    run: Any
    """The run's identity (`RunInfo`): what `event` and `ctx.run_id` tell the function."""
    function: str
    step: str | None
    """The step it is targeted at; None: `stepId=step`, a discovery."""
    step_name: str | None
    attempt: int
    max_attempts: int
    generation: int
    job: str
    steps: Mapping[str, Memo]
    stack: tuple[str, ...]
    """The finished steps in the order of their completion."""
    current: int
    plan_only: bool
    """`disable_immediate_execution`."""
    use_api: bool
    created_at: int
    """The time of the run's event."""
    size: int
    """Bytes of the body."""

    @property
    def line(self) -> str:
        """As a record shows it."""
        stack = self.stack
        if len(stack) > MOST_SHOWN:
            first, last = (
                ", ".join(self.steps[step].shown for step in part) for part in (stack[:_ENDS], stack[-_ENDS:])
            )
            memo = f"{first}, … {len(stack) - 2 * _ENDS} more …, {last}"
        else:
            memo = self._shown(stack)
        text = f"POST {self.step_name or 'step'} attempt={self.attempt} memo=[{memo}]"
        if self.generation > self.attempt + 1:
            text += f" generation={self.generation}"
        if self.plan_only and self.step is None:
            text += " plan-only"
        return f"{text} use-api" if self.use_api else text

    def _shown(self, stack: Sequence[str]) -> str:
        return ", ".join(self.steps[step].shown for step in stack)


@dataclass(slots=True)
class Answer:
    """The host's answer: status, ops or result, and the headers that matter."""

    status: int
    ops: tuple[Op, ...] = ()
    no_retry: bool = False
    retry_after: int | None = None
    """Microseconds that the header asks for."""
    whole_seconds: bool = False
    """The header names seconds (TypeScript), not a date (Python)."""
    error: str | None = None
    version: int = 2
    """`x-inngest-req-version`."""

    def text(self, now: int) -> str:
        """As a record shows it; `now`: when the server gets it."""
        words = [f"-> {self.status}"]
        if self.ops:
            words.append(shown(self.ops, now))
        if self.no_retry:
            words.append("no-retry")
        if self.retry_after is not None:
            words.append(f"retry-after={format_duration(self.retry_after)}")
        return " ".join(words)


_JOINED: Final = frozenset((STEP_RUN, STEP_PLANNED))


def shown(ops: Sequence[Op], now: int) -> str:
    """The op codes as a record shows them; several StepRun or StepPlanned in a row are joined."""
    parts: list[str] = []
    last = None
    for op in ops:
        if op.code == last and op.code in _JOINED:
            parts[-1] += f", {op.name}"
        else:
            parts.append(_text(op, now))
        last = op.code
    return "; ".join(parts)


def _text(op: Op, now: int) -> str:
    match op.opts:
        case SleepOpts():
            return f"{op.code} {op.name} {op.opts.wait(now) // SECOND}s"
        case WaitOpts():
            return f"{op.code} {op.name} {op.opts.event} {format_duration(op.opts.timeout)}"
        case InvokeOpts(function=function, timeout=None):
            return f"{op.code} {op.name} {function}"
        case InvokeOpts(function=function, timeout=timeout):
            return f"{op.code} {op.name} {function} {format_duration(timeout or 0)}"
        case None:
            return op.code if op.code == RUN_COMPLETE else f"{op.code} {op.name}"


def failure(memo: Memo) -> WorkflowFailure:
    """The StepError that a memoised error is raised as."""
    return WorkflowFailure(memo.error or "", step=memo.name)
