"""Faults: what breaks, and exactly when."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BeforeValidator, Discriminator, Field, model_validator

from durascope.models.fields import Flag, Model, Name, Whole, form
from durascope.models.steps import Step
from durascope.models.units import Duration, DurationOrForever, Misread, Spread
from durascope.models.workload import Trigger


class TimedFault(Model):
    """A fault that comes at a time of the clock, or counts from a moment."""

    at: Duration | None = None
    when: Trigger | None = None

    @model_validator(mode="after")
    def _one_time(self) -> TimedFault:
        if (self.at is None) == (self.when is None):
            raise Misread("a fault has one time", "write either `at: 3s` or `when: {step: NAME, moment: after-effect}`")
        return self


class Crash(TimedFault):
    """A component dies and comes back after `down_for`."""

    crash: Name
    replica: Whole | None = Field(default=None, ge=1)
    down_for: DurationOrForever = 2_000_000
    graceful: Flag = False


class Hang(TimedFault):
    """A component stands still, then goes on as if nothing had happened."""

    hang: Name
    replica: Whole | None = Field(default=None, ge=1)
    for_: Duration = Field(alias="for")


class Outage(TimedFault):
    """A service fails every call for a while."""

    outage: Name
    for_: DurationOrForever = Field(alias="for")


class Cut(TimedFault):
    """Two components can't reach each other for a while."""

    cut: tuple[Name, Name]
    for_: DurationOrForever = Field(alias="for")


class Insert(Model):
    """A new step, before the one named."""

    step: Step
    before: Name


class Change(Model):
    """One change of a workflow's code: exactly one of the forms."""

    rename: dict[Name, Name] | None = None
    insert: Insert | None = None
    drop: Name | None = None
    swap: tuple[Name, Name] | None = None
    append: Step | None = None

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
    down_for: DurationOrForever | None = None
    in_place: Flag = False
    change: Annotated[tuple[Change, ...], BeforeValidator(_changes)]


class RandomCrash(Model):
    """A component that dies again and again."""

    crash: Name
    every: Spread
    down_for: DurationOrForever = 2_000_000


class RandomFault(Model):
    """Crashes at random times."""

    random: RandomCrash


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
