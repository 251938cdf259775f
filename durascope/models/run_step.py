"""The step with a side effect: what it calls, how long its attempts take, how they fail and how they are retried."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal, cast

from pydantic import BeforeValidator, Field, model_validator

from durascope.models.fields import Flag, Model, Name, Number, Whole
from durascope.models.units import Duration, DurationOrNever, Misread, Share, ShareOrNever, Size, Spread

if TYPE_CHECKING:
    from durascope.models.steps import Step


class Retry(Model):
    """A retry policy; what is left out is the engine's own default."""

    initial: Duration | None = None
    """The first pause."""
    factor: Number | None = Field(default=None, ge=1)
    """How much longer each pause is than the one before."""
    max_interval: Duration | None = None
    """The longest pause."""
    max_attempts: Whole | None = Field(default=None, ge=1)
    """How many attempts there are, the first included."""
    local_threshold: Duration | None = None
    """Temporal, local activities: a longer backoff becomes a timer in the history (default 60 s)."""

    @model_validator(mode="before")
    @classmethod
    def _no_bare_number(cls, written: object) -> object:
        if isinstance(written, int) and not isinstance(written, bool):
            attempts = f"{{max_attempts: {max(1, written)}}}"
            raise Misread("a retry policy is a mapping, not a number", f"write {attempts}; the first attempt counts")
        return written


class Fails(Model):
    """How a step's attempts fail."""

    times: Whole | None = Field(default=None, ge=0)
    """This many attempts fail; the next one works."""
    always: Flag = False
    """Every attempt fails."""
    error: str = "Error"
    """The error's type."""
    retryable: Flag = True
    """false: the first failure is one for good."""
    moment: Literal["before-effect", "after-effect"] = "before-effect"
    """Whether the failing attempts had their side effect."""
    retry_after: Duration | None = None
    """The pause that the error asks for."""

    @model_validator(mode="after")
    def _one_count(self) -> Fails:
        if (self.times is None) != self.always:
            raise Misread("a step that fails needs a count", "write either `times: N` or `always: true`")
        return self

    def fails(self, attempt: int) -> bool:
        """Whether that attempt (from 1) fails."""
        return self.always or attempt <= (self.times or 0)


class Heartbeat(Model):
    """How a step reports that it is alive, and for how long it may be silent."""

    timeout: Duration
    """Silent for longer than this, the attempt has failed."""
    every: DurationOrNever = None
    """How often the step reports life; left out: as often as the SDK lets it."""


class StepModel(Model):
    """What all kinds of steps have in common."""

    @property
    def kind(self) -> str:
        """The step's key, which says what kind it is."""
        return next(iter(type(self).model_fields))

    @property
    def label(self) -> str:
        """The name that faults, events and diagrams use for the step."""
        return str(getattr(self, "name", None) or getattr(self, self.kind))

    def blocks(self) -> Iterator[tuple[Step, ...]]:
        """The lists of steps inside this one, in the order in which they are written."""
        return iter(())


def _fails(value: object) -> object:
    if value is True:
        raise Misread("`true` does not say how often it fails", "write {always: true}, or how many attempts fail: 2")
    return {"times": value} if isinstance(value, int) and not isinstance(value, bool) else value


def undo_of(value: object) -> object:
    """An `undo` is a whole step, or the name of one."""
    return {"run": value} if isinstance(value, str) else value


def _takes(value: object) -> object:
    """Time spreads, one per attempt, or one for all."""
    if not isinstance(value, list) or not value:
        return None if value is None else Spread.parse(value)
    spreads: list[Spread] = []
    for index, each in enumerate(cast("list[object]", value)):
        try:
            spreads.append(Spread.parse(each))
        except Misread as misread:
            raise misread.inside(index) from None
    return tuple(spreads)


class Run(StepModel):
    """One durable step with a side effect."""

    run: Name
    """The step's name."""
    on: Name | None = None
    """The service that it calls; left out: a step of its own."""
    via: str | None = None
    """The code that makes the call, as diagrams name it: `PaymentService.charge`."""
    takes: Annotated[tuple[Spread, ...] | Spread | None, BeforeValidator(_takes)] = None
    """How long an attempt takes, instead of the service's latency. A list is per attempt, the last repeats."""
    effect_at: ShareOrNever = 1.0
    """How far into `takes` the side effect happens (default: just before the return); `never`."""
    fails: Annotated[Fails | None, BeforeValidator(_fails)] = None
    """How its attempts fail; a number: that many fail, retryably, before their effect."""
    retry: Retry | None = None
    """The retry policy; left out: the engine's own default."""
    timeout: Duration | None = None
    """The limit of one attempt (Temporal: start-to-close)."""
    queue_timeout: Duration | None = None
    """Temporal: schedule-to-start."""
    total_timeout: Duration | None = None
    """The limit of all attempts together (Temporal: schedule-to-close)."""
    heartbeat: Heartbeat | None = None
    """The step reports that it is alive."""
    cancellation: Literal["try", "wait", "abandon"] = "try"
    """Temporal: what the workflow does when the step is cancelled."""
    undo: Annotated[Run | None, BeforeValidator(undo_of)] = None
    """The step that undoes this one; its name, or a whole step."""
    idempotency_key: Name | None = None
    """The field that it hands to a service that deduplicates."""
    check_first: Duration | None = None
    """It first asks its service whether the effect has happened, which takes this long; if so, it does no more."""
    effect: Name | None = None
    """What the effect is called where it is counted; left out: by the idempotency key, else by the step's name."""
    result: dict[str, Share] | None = None
    """Named outcomes and how often each is true; usable in `when`."""
    size: Size | None = None
    """The size of the recorded result."""
    tokens: Whole | None = Field(default=None, ge=0)
    """How many tokens it uses, instead of the service's."""
    local: Flag = False
    """Temporal: a local activity."""
    queue: Name | None = None
    """Temporal: another task queue than the workers' own."""

    @property
    def undo_step(self) -> Run | None:
        """The step that undoes this one; unless it says otherwise it calls the same service."""
        undo = self.undo
        if undo is not None and undo.on is None and self.on is not None:
            return undo.model_copy(update={"on": self.on})
        return undo
