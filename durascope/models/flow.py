"""Inngest's flow control: which starts make runs, which runs go first, and how many go at once."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from durascope.models.conditions import Condition
from durascope.models.fields import Model, Name, Whole, by_shape, form
from durascope.models.units import Duration, Misread


class Concurrency(Model):
    """How many steps run at once, over all runs or per value of `key`."""

    limit: Whole = Field(ge=1)
    """How many."""
    key: Name | None = None
    """The field whose values are counted apart."""
    scope: Literal["fn", "env", "account"] = "fn"
    """Over what it counts."""


class Throttle(Model):
    """Starts are spread over time; none is lost."""

    limit: Whole = Field(ge=1)
    """How many starts."""
    period: Duration
    """In what time."""
    burst: Whole | None = Field(default=None, ge=0)
    """This many more at once."""
    key: Name | None = None
    """The field whose values are counted apart."""


class RateLimit(Model):
    """Starts above the limit are dropped."""

    limit: Whole = Field(ge=1)
    """How many starts."""
    period: Duration
    """In what time."""
    key: Name | None = None
    """The field whose values are counted apart."""


class Debounce(Model):
    """A start waits until no other has come for `period`."""

    period: Duration
    """How long it must be quiet."""
    key: Name | None = None
    """The field whose values are looked at apart."""
    timeout: Duration | None = None
    """The longest delay."""


class Batch(Model):
    """One run for several events."""

    max_size: Whole = Field(ge=2)
    """The most events of a batch."""
    timeout: Duration = 60_000_000
    """The longest that a batch is kept open."""
    key: Name | None = None
    """The field whose values are batched apart."""


class Singleton(Model):
    """One run at a time: a second start is skipped, or cancels the first."""

    mode: Literal["skip", "cancel"] = "skip"
    """What a second start does."""
    key: Name | None = None
    """The field whose values are looked at apart."""


class PriorityArm(Model):
    """One arm of a priority: how many seconds a run counts as older."""

    when: Condition | None = None
    """The condition of this arm."""
    is_: Whole | None = Field(default=None, alias="is")
    """How many seconds older the run counts."""
    otherwise: Whole | None = None
    """The same, if no condition holds."""

    @model_validator(mode="after")
    def _one_form(self) -> PriorityArm:
        if (self.otherwise is None) == (self.when is None or self.is_ is None):
            raise Misread(
                "this is not an arm of a priority", "write {when: CONDITION, is: SECONDS} or {otherwise: SECONDS}"
            )
        return self


class FlowTimeouts(Model):
    """How long a run may wait to start, and last."""

    start: Duration | None = None
    """The longest wait for the start."""
    finish: Duration | None = None
    """The longest run."""


class Flow(Model):
    """Inngest's flow control."""

    concurrency: Concurrency | None = None
    """How many steps run at once."""
    throttle: Throttle | None = None
    """Starts are spread over time."""
    rate_limit: RateLimit | None = None
    """Starts above a limit are dropped."""
    debounce: Debounce | None = None
    """The last start of a burst counts."""
    batch: Batch | None = None
    """One run for several events."""
    idempotency: Name | None = None
    """The field by which a second start is dropped for 24 hours."""
    singleton: Singleton | None = None
    """One run at a time."""
    priority: (
        Annotated[
            Annotated[tuple[PriorityArm, ...], form("list")] | Annotated[Name, form("text")],
            by_shape("an expression, or a list of {when: CONDITION, is: SECONDS}"),
        ]
        | None
    ) = None
    """Which run goes first."""
    timeouts: FlowTimeouts | None = None
    """How long runs may wait and last."""

    @property
    def leaves_starts_out(self) -> bool:
        """Whether a start may become no run of its own, on purpose."""
        return any((self.rate_limit, self.debounce, self.batch, self.idempotency, self.singleton))
