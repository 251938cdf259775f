"""The steps that hold no others, the `run` step aside: timers, calls, events, state, and ends."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from durascope.models.fields import Flag, Name, Reference, Whole
from durascope.models.run_step import Run, StepModel, undo_of
from durascope.models.units import Duration, Spread, format_duration

OnClose = Literal["terminate", "cancel", "abandon"]
"""Temporal's parent close policies."""


class Sleep(StepModel):
    """A durable timer."""

    sleep: Duration
    """How long."""
    name: Name | None = None
    """The timer's name."""

    @property
    def label(self) -> str:
        return self.name or f"sleep {format_duration(self.sleep)}"


class Call(StepModel):
    """Runs another workflow of the file and waits for it."""

    call: Name
    """The workflow."""
    key: Reference | None = None
    """The called run's key."""
    name: Name | None = None
    """The step's name."""
    timeout: Duration | None = None
    """The longest that the call may last."""
    on_close: OnClose | None = None
    """Temporal: what becomes of the called run when this one closes first (default: terminate)."""
    undo: Annotated[Run | None, BeforeValidator(undo_of)] = None
    """The step that undoes what the called run did."""

    @property
    def undo_step(self) -> Run | None:
        """The step that undoes this one."""
        return self.undo


class Start(StepModel):
    """Starts another workflow and does not wait for it."""

    start: Name
    """The workflow."""
    key: Reference | None = None
    """The started run's key."""
    name: Name | None = None
    """The step's name."""
    after: Duration | None = None
    """A delay before the start."""
    confirm: Flag = False
    """Wait until the engine has accepted it."""
    on_close: OnClose | None = None
    """Temporal: what becomes of the started run when this one closes first (default: abandon)."""


class Send(StepModel):
    """Emits an event: it may start workflows and wake waiting runs."""

    send: Name
    """The event."""
    to: Reference | None = None
    """A key, or the number of a run."""
    name: Name | None = None
    """The step's name."""
    after: Duration | None = None
    """A delay before it is sent."""


class Awakeable(StepModel):
    """Makes what a later `wait_for` of that name awaits, before a step hands out its id."""

    awakeable: Name
    """The event that the later `wait_for` names."""

    @property
    def label(self) -> str:
        return f"awakeable {self.awakeable}"


class Get(StepModel):
    """Reads a name of the entity's state; `*`: all names."""

    get: Name
    """The name, or `*`."""


class Set(StepModel):
    """Writes a name of the entity's state."""

    set: Name
    """The name."""
    value: Any = None
    """Text, a number, true or false, a list or a mapping."""


class Clear(StepModel):
    """Removes a name of the entity's state; `*`: everything."""

    clear: Name
    """The name, or `*`."""


class Compute(StepModel):
    """The workflow's own code is busy: nothing durable, it runs again on every replay."""

    compute: Spread
    """How long; `0s`: a mere point in the code, for a fault to name."""
    name: Name | None = None
    """The step's name."""
    nondeterministic: Flag = False
    """Its value differs each time that it runs; the steps after it are other ones on a replay."""

    @property
    def label(self) -> str:
        return self.name or "compute"


class Fail(StepModel):
    """Ends the run as failed, after undoing; `retryable` and `times`: a bug that goes away."""

    fail: str
    """The message."""
    code: Whole = Field(default=500, ge=100, le=999)
    """The status code of the failure."""
    retryable: Flag = False
    """The engine tries the run again: a bug that goes away."""
    times: Whole | None = Field(default=None, ge=1)
    """This many times, then no more."""


class Bug(StepModel):
    """The workflow's code throws, until a deploy drops the step."""

    bug: str
    """The message."""
    name: Name | None = None
    """The step's name."""


class Finish(StepModel):
    """Ends the run as completed, with that result."""

    finish: Name
    """The result."""
