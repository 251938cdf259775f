"""Workload: who starts runs and sends events, and when."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, cast, get_args

from pydantic import BeforeValidator, Field, model_validator

from durascope.models.fields import Model, Name, Reference, Scalar, Whole
from durascope.models.units import Duration, Misread, Rate, rate_meant

Moment = Literal["scheduled", "started", "before-effect", "after-effect", "reported", "recorded"]
MOMENTS: Final[tuple[Moment, ...]] = get_args(Moment)


class Trigger(Model):
    """A moment to count from: a step's, or a trace event's (`{event: SleepStarted}`, or `{event: 57}`)."""

    step: Name | None = None
    """The step's name, or label."""
    attempt: Whole | None = Field(default=None, ge=1)
    """Which attempt, from 1."""
    moment: Moment | None = None
    """The attempt's moment."""
    event: Literal["SleepStarted", "WaitStarted"] | Annotated[Whole, Field(ge=0)] | None = None
    """A sleep or a wait has begun; or, for a fault, the number of an event in the trace (of one engine, one seed)."""
    after: Duration = 0
    """How long after that."""

    @model_validator(mode="before")
    @classmethod
    def _no_phrase(cls, written: object) -> object:
        if isinstance(written, str):
            raise Misread("a moment is written with its fields", f"write {{{_meant(written)}}}")
        return written

    @model_validator(mode="after")
    def _one_moment(self) -> Trigger:
        if (self.step is None) == (self.event is None):
            raise Misread("this is not a moment", "write {step: NAME, moment: started} or {event: SleepStarted}")
        if self.step is not None and self.moment is None:
            raise Misread("a step has several moments", f"add moment: one of {', '.join(MOMENTS)}")
        return self


def _meant(phrase: str) -> str:
    """The fields for a moment that is told in words: `after the effect of charge`, `charge started`."""
    for moment in MOMENTS:
        words = moment.replace("-", "[- ](?:the )?")
        told = re.fullmatch(f"(?:{words} (?:of )?(?P<later>.+))|(?:(?P<first>.+) {words})", phrase.strip())
        if told is not None:
            return f"moment: {moment}, step: {(told['later'] or told['first']):.60}"
    return "step: NAME, moment: started"


class Arrivals(Model):
    """When runs start: exactly one of the forms."""

    poisson: Rate | None = None
    """At random times, at this mean rate."""
    every: Duration | None = None
    """At equal distances."""
    at: tuple[Duration, ...] | None = None
    """At these times; one time: all at once."""
    together: Literal[True] | None = None
    """All at once."""

    @model_validator(mode="before")
    @classmethod
    def _no_bare_value(cls, written: object) -> object:
        if isinstance(written, str):
            rate = rate_meant(written)
            form = f"every: {written:.20}" if rate is None and "/" not in written else f"poisson: {rate or '5/s'}"
            raise Misread("how runs arrive is a mapping", f"write {{{form}}}")
        return written

    @model_validator(mode="after")
    def _one_form(self) -> Arrivals:
        if sum(each is not None for each in (self.poisson, self.every, self.at, self.together)) != 1:
            raise Misread(
                "runs arrive in one way",
                "write one of {poisson: 5/s}, {every: 200ms}, {at: [0s, 1s]}, {together: true}",
            )
        return self


class WorkloadEvent(Model):
    """Something sent from outside: an event, an update, a query or an operator's command."""

    send: Name | None = None
    """The event that is sent."""
    update: Name | None = None
    """The update that is asked for."""
    query: Name | None = None
    """The query that is asked."""
    operator: Literal["cancel", "kill", "pause", "resume", "restart", "reset"] | None = None
    """An operator's command."""
    to: Reference | None = None
    """A run's number, a key, `each`, or a share of the runs (`2%`)."""
    of: Name | None = None
    """A workflow: what that run, or the run of that key, has called, started or continued as."""
    with_: dict[Name, Any] = Field(default={}, alias="with")
    """The fields of the event or request."""
    at: Duration | None = None
    """The time of the clock."""
    when: Trigger | None = None
    """The moment that it counts from."""
    from_: Whole | None = Field(default=None, alias="from", ge=0)
    """restart: the journal entry to start from."""
    step: Name | None = None
    """reset: the step that the run is to go on from; all after it is done again."""
    time: Duration | None = None
    """Inngest: the event's own time, where it is not the time at which it is sent."""
    deployment: Whole | None = Field(default=None, ge=1)
    """resume, restart: the deployment to run on, from 1."""

    @model_validator(mode="before")
    @classmethod
    def _no_bare_delay(cls, written: object) -> object:
        """`after` alone does not say after what."""
        if isinstance(written, dict) and "after" in written:
            delay = cast("dict[str, object]", written)["after"]
            help = f"write `at: {delay}`, or `when: {{event: WaitStarted, after: {delay}}}` with `to: each`"  # noqa: A001
            raise Misread("an event comes at a time, or some time after a moment", help, ("after",))
        return written

    @model_validator(mode="after")
    def _one_kind_one_time(self) -> WorkloadEvent:
        if sum(each is not None for each in (self.send, self.update, self.query, self.operator)) != 1:
            raise Misread("an event is one thing", "write exactly one of send, update, query, operator")
        if self.at is not None and self.when is not None:
            raise Misread("an event has one time", "write either `at` or `when`")
        if (self.operator == "reset") != (self.step is not None):
            raise Misread("a reset goes back to a step", "write {operator: reset, to: 1, step: NAME}")
        if self.time is not None and self.send is None:
            raise Misread("only an event has a time of its own", "write {send: EVENT, time: 1s, at: 3s}")
        return self

    @property
    def kind(self) -> Literal["send", "update", "query", "operator"]:
        """Which of the four it is."""
        return next(each for each in ("send", "update", "query", "operator") if getattr(self, each) is not None)

    @property
    def name(self) -> str:
        """What is sent, asked or ordered."""
        return str(getattr(self, self.kind))


class StartWith(Model):
    """What comes with the start request: a signal (signal-with-start) or an update (update-with-start)."""

    send: Name | None = None
    """The signal that comes with the start."""
    update: Name | None = None
    """The update that comes with the start."""
    with_: dict[Name, Any] = Field(default={}, alias="with")
    """The fields of the request."""

    @model_validator(mode="after")
    def _one(self) -> StartWith:
        if (self.send is None) == (self.update is None):
            raise Misread("this cannot come with a start", "write {send: EVENT} or {update: NAME}")
        return self


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Workload(Model):
    """Who starts runs and sends events, and when."""

    runs: Whole = Field(default=1, ge=0, le=10_000_000)
    """How many runs are started."""
    arrivals: Arrivals = Arrivals.model_construct(at=(0,))
    """When they start."""
    of: Annotated[tuple[Name, ...] | None, BeforeValidator(_one_or_many)] = None
    """The workflow; a list names one per run. Needed only if there are several."""
    keys: tuple[Scalar, ...] | None = None
    """The key of each run, in order."""
    inputs: tuple[dict[Name, Any], ...] | None = None
    """More input of each run, in order."""
    after: Duration | None = None
    """A delayed start, asked of the engine."""
    idempotency_keys: tuple[str, ...] | None = None
    """Inngest: the id of each start's event, in order."""
    start_with: StartWith | None = None
    """A signal or update that comes with the start."""
    events: tuple[WorkloadEvent, ...] = ()
    """What is sent, asked and ordered from outside."""
