"""The steps that a workflow is made of, one frozen model per kind.

A step is a mapping with exactly one of the keys in `STEP_KINDS`; the other keys of the mapping are its options.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Discriminator, Field, model_validator

from durascope.models.conditions import Condition
from durascope.models.fields import (
    Model,
    Name,
    Scalar,
    Whole,
    form,
)
from durascope.models.leaf_steps import Awakeable, Bug, Call, Clear, Compute, Fail, Finish, Get, Send, Set, Sleep, Start
from durascope.models.run_step import Fails, Heartbeat, Retry, Run, StepModel
from durascope.models.units import (
    Duration,
    Misread,
)

__all__ = [
    "STEP_KINDS",
    "Awakeable",
    "Branch",
    "Bug",
    "Call",
    "Choice",
    "Choose",
    "Clear",
    "Compute",
    "Fail",
    "Fails",
    "Finish",
    "ForEach",
    "Get",
    "Heartbeat",
    "Model",
    "Name",
    "Parallel",
    "Patched",
    "Race",
    "Repeat",
    "Retry",
    "Run",
    "Scalar",
    "Send",
    "Set",
    "Sleep",
    "Start",
    "Step",
    "Steps",
    "WaitFor",
    "step_kind",
    "walk",
]


class WaitFor(StepModel):
    """Waits for an event or signal, `times` of them, at most `timeout` long."""

    wait_for: Name
    """The event or signal."""
    name: Name | None = None
    """The step's name."""
    timeout: Duration | None = None
    """The longest wait; left out: for ever."""
    times: Whole = Field(default=1, ge=1)
    """How many events."""
    match: Name | None = None
    """The field that must be equal in event and input."""
    then: Steps = ()
    """Steps once the event has come."""
    on_timeout: Steps = ()
    """Steps if it has not."""

    def blocks(self) -> Iterator[tuple[Step, ...]]:
        return iter((self.then, self.on_timeout))


class Parallel(StepModel):
    """All branches side by side; goes on when the last has ended."""

    parallel: Annotated[tuple[Branch, ...], Field(min_length=1)]
    """The branches: each a step or a list of steps."""
    mode: Literal["wait", "race"] = "wait"
    """Inngest's parallel mode; in both modes all branches are awaited."""

    @property
    def label(self) -> str:
        return "parallel"

    def blocks(self) -> Iterator[tuple[Step, ...]]:
        return iter(self.parallel)


class Race(StepModel):
    """All branches side by side; goes on with the first that ends."""

    race: Annotated[tuple[Branch, ...], Field(min_length=1)]
    """The branches: each a step or a list of steps."""
    mode: Literal["first", "plain"] = "first"
    """Inngest: `plain` is a race without `group.parallel`'s race mode, which goes on once all branches have ended."""

    @property
    def label(self) -> str:
        return "race"

    def blocks(self) -> Iterator[tuple[Step, ...]]:
        return iter(self.race)


class Repeat(StepModel):
    """The steps N times, one after the other."""

    repeat: Whole = Field(ge=0, le=100_000)
    """How many rounds."""
    do: Steps
    """The steps of a round."""
    as_: Name | None = Field(default=None, alias="as")
    """The name of the round in conditions."""
    continue_as_new_every: Whole | None = Field(default=None, ge=1)
    """Temporal: continue as new after this many rounds."""

    @property
    def label(self) -> str:
        return f"repeat {self.repeat}"

    def blocks(self) -> Iterator[tuple[Step, ...]]:
        return iter((self.do,))


class ForEach(StepModel):
    """The steps N times side by side, at most `at_once` at a time."""

    for_each: Whole = Field(ge=0, le=10_000)
    """How many."""
    do: Steps
    """The steps of each."""
    as_: Name | None = Field(default=None, alias="as")
    """The name of its number in conditions."""
    at_once: Whole | None = Field(default=None, ge=1)
    """The most side by side."""

    @property
    def label(self) -> str:
        return f"for each of {self.for_each}"

    def blocks(self) -> Iterator[tuple[Step, ...]]:
        return iter((self.do,))


class Choice(Model):
    """One arm of a `choose`: `{when: COND, do: steps}` or `{otherwise: steps}`."""

    when: Condition | None = None
    """The condition of this arm."""
    do: Steps | None = None
    """Its steps."""
    otherwise: Steps | None = None
    """The steps if no condition holds."""

    @model_validator(mode="after")
    def _one_form(self) -> Choice:
        if self.otherwise is not None:
            if self.when is not None or self.do is not None:
                raise Misread("`otherwise` stands alone", "write {otherwise: [steps]}")
        elif self.when is None or self.do is None:
            raise Misread(
                "this is not an arm of a choice",
                "write {when: CONDITION, do: [steps]} or {otherwise: [steps]}",
            )
        return self

    @property
    def steps(self) -> tuple[Step, ...]:
        return (self.do if self.otherwise is None else self.otherwise) or ()


class Choose(StepModel):
    """The steps of the first condition that holds."""

    choose: Annotated[tuple[Choice, ...], Field(min_length=1)]
    """The arms, in order."""

    @property
    def label(self) -> str:
        return "choose"

    def blocks(self) -> Iterator[tuple[Step, ...]]:
        return (choice.steps for choice in self.choose)


class Patched(StepModel):
    """Versioned code: new runs do `do`, old ones `otherwise`."""

    patched: Name
    """The patch's id."""
    do: Steps = ()
    """The steps of new runs."""
    otherwise: Steps = ()
    """The steps of old ones."""

    def blocks(self) -> Iterator[tuple[Step, ...]]:
        return iter((self.do, self.otherwise))


STEP_KINDS: Final[dict[str, type[StepModel]]] = {
    next(iter(model.model_fields)): model
    for model in (
        Run, Sleep, WaitFor, Parallel, Race, Repeat, ForEach, Choose, Call, Start, Send,
        Awakeable, Get, Set, Clear, Compute, Patched, Fail, Bug, Finish,
    )
}  # fmt: skip


def step_kind(value: object) -> str | None:
    """The kind of a written step: the one key of it that names a kind; None if there is none or several."""
    if isinstance(value, StepModel):
        return value.kind
    if not isinstance(value, dict):
        return None
    kinds = [key for key in STEP_KINDS if key in value]
    return kinds[0] if len(kinds) == 1 else None


def _form_of_step(value: object) -> str | None:
    kind = step_kind(value)
    return kind and f"«{kind}»"


Step = Annotated[
    Annotated[Run, form("run")]
    | Annotated[Sleep, form("sleep")]
    | Annotated[WaitFor, form("wait_for")]
    | Annotated[Parallel, form("parallel")]
    | Annotated[Race, form("race")]
    | Annotated[Repeat, form("repeat")]
    | Annotated[ForEach, form("for_each")]
    | Annotated[Choose, form("choose")]
    | Annotated[Call, form("call")]
    | Annotated[Start, form("start")]
    | Annotated[Send, form("send")]
    | Annotated[Awakeable, form("awakeable")]
    | Annotated[Get, form("get")]
    | Annotated[Set, form("set")]
    | Annotated[Clear, form("clear")]
    | Annotated[Compute, form("compute")]
    | Annotated[Patched, form("patched")]
    | Annotated[Fail, form("fail")]
    | Annotated[Bug, form("bug")]
    | Annotated[Finish, form("finish")],
    Discriminator(
        _form_of_step,
        custom_error_type="step_kind",
        custom_error_message=f"a step has exactly one of these keys: {', '.join(STEP_KINDS)}",
    ),
]
Steps = tuple[Step, ...]


def _branch(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else (value,)


Branch = Annotated[Steps, BeforeValidator(_branch)]

for _model in (*STEP_KINDS.values(), Choice):
    _model.model_rebuild()


def walk(steps: Steps) -> Iterator[Step]:
    """Every step of a program in the order in which they are written: outer before inner, undo after its step."""
    for step in steps:
        yield step
        if isinstance(step, Run | Call) and step.undo_step is not None:
            yield step.undo_step
        for block in step.blocks():
            yield from walk(block)
