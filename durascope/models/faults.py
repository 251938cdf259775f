"""Faults: what breaks, and exactly when."""

from __future__ import annotations

import re
from typing import Annotated, Final, cast

from pydantic import BeforeValidator, Discriminator, Field, model_validator

from durascope.models.fields import Flag, Model, Name, Whole, form
from durascope.models.steps import Step
from durascope.models.units import Duration, DurationOrForever, Misread, Spread
from durascope.models.workload import Trigger


class TimedFault(Model):
    """A fault that comes at a time of the clock, or counts from a moment."""

    may_miss: Flag = False
    """true: it is no failure of the scenario if its moment never comes."""
    at: Duration | None = None
    """The time of the clock; `0s`: before the first run."""
    when: Trigger | None = None
    """The moment that it counts from."""

    @model_validator(mode="before")
    @classmethod
    def _at_is_a_time(cls, written: object) -> object:
        at = cast("dict[str, object]", written).get("at") if isinstance(written, dict) else None
        if isinstance(at, str) and re.match("[a-z]", at):
            step = f"`when: {{step: {at:.60}, moment: after-effect}}`"
            help = f"write a time, such as 3s; at a step: {step}, in a phrase `app after-effect {at:.60}`"  # noqa: A001
            raise Misread("`at` is a time of the clock", help, ("at",))
        return written

    @model_validator(mode="after")
    def _one_time(self) -> TimedFault:
        if (self.at is None) == (self.when is None):
            raise Misread("a fault has one time", "write either `at: 3s` or `when: {step: NAME, moment: after-effect}`")
        return self


class Crash(TimedFault):
    """A component dies and comes back after `down_for`."""

    crash: Name
    """app, engine, or the name of a worker."""
    replica: Whole | None = Field(default=None, ge=1)
    """Which one, from 1; left out: the one that does the named step, or the first."""
    down_for: DurationOrForever = 2_000_000
    """How long until it works again; or `forever`."""
    graceful: Flag = False
    """It is stopped, not killed."""


class Hang(TimedFault):
    """A component stands still, then goes on as if nothing had happened."""

    hang: Name
    """app, engine, or the name of a worker."""
    replica: Whole | None = Field(default=None, ge=1)
    """Which one, from 1; left out: the one that does the named step, or the first."""
    for_: Duration = Field(alias="for")
    """How long it stands still."""


class Outage(TimedFault):
    """A service fails every call for a while."""

    outage: Name
    """The service."""
    for_: DurationOrForever = Field(alias="for")
    """How long."""


class Cut(TimedFault):
    """Two components can't reach each other for a while."""

    cut: tuple[Name, Name]
    """The two that can't reach each other."""
    for_: DurationOrForever = Field(alias="for")
    """How long."""


class Insert(Model):
    """A new step, before the one named."""

    step: Step
    """The new step."""
    before: Name
    """The step that it comes before."""


class Change(Model):
    """One change of a workflow's code: exactly one of the forms."""

    rename: dict[Name, Name] | None = None
    """Old names of steps and their new ones."""
    insert: Insert | None = None
    """A new step."""
    drop: Name | None = None
    """The name of a step that is gone."""
    swap: tuple[Name, Name] | None = None
    """The names of two steps that change places."""
    append: Step | None = None
    """A new last step."""

    @model_validator(mode="after")
    def _one_form(self) -> Change:
        if sum(each is not None for each in (self.rename, self.insert, self.drop, self.swap, self.append)) != 1:
            raise Misread("a change is one thing", "write one of rename, insert, drop, swap, append; or a list of them")
        return self


def _changes(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else (value,)


class Deploy(TimedFault):
    """New code while runs are in flight."""

    deploy: Name
    """The workflow."""
    down_for: DurationOrForever | None = None
    """The gap between old and new code; left out: none."""
    in_place: Flag = False
    """Restate: replace the code at the same address, without registering it."""
    change: Annotated[tuple[Change, ...], BeforeValidator(_changes)] = ()
    """What is new: one change, or a list."""
    rollback: Flag = False
    """The code before the latest deploy of the workflow comes back."""

    @model_validator(mode="after")
    def _one_code(self) -> Deploy:
        if bool(self.change) == self.rollback:
            raise Misread("a deploy brings new code, or the old back", "write either `change: …` or `rollback: true`")
        return self


class RandomCrash(Model):
    """A component that dies again and again."""

    crash: Name
    """app, engine, or the name of a worker."""
    every: Spread
    """The time between two crashes."""
    down_for: DurationOrForever = 2_000_000
    """How long until it works again."""

    @model_validator(mode="after")
    def _time_between(self) -> RandomCrash:
        if not self.every.at(0.999_999):  # also `{p50: 0s, p99: 1s}`, which is always 0
            raise Misread("crashes without any time between them never end", "write a time: `every: {exponential: 1m}`")
        return self


class RandomFault(Model):
    """Crashes at random times."""

    random: RandomCrash
    """What crashes, and how often."""


def follows_event(fault: object) -> bool:
    """Whether a fault follows an event of the trace by its number."""
    return isinstance(fault, TimedFault) and fault.when is not None and isinstance(fault.when.event, int)


FAULT_KINDS: Final = ("crash", "hang", "outage", "cut", "deploy", "random")


def _form_of_fault(value: object) -> str | None:
    if isinstance(value, dict):
        found = [kind for kind in FAULT_KINDS if kind in value]
        return f"«{found[0]}»" if len(found) == 1 else None
    return next((f"«{kind}»" for kind in FAULT_KINDS if hasattr(value, kind)), None)


Fault = Annotated[
    Annotated[Crash, form("crash")]
    | Annotated[Hang, form("hang")]
    | Annotated[Outage, form("outage")]
    | Annotated[Cut, form("cut")]
    | Annotated[Deploy, form("deploy")]
    | Annotated[RandomFault, form("random")],
    Discriminator(
        _form_of_fault,
        custom_error_type="fault_kind",
        custom_error_message=f"a fault has exactly one of these keys: {', '.join(FAULT_KINDS)}",
    ),
]
