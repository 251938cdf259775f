"""A workflow: one durable program, who starts it, and what may reach it while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, cast

from pydantic import Discriminator, Field, model_validator

from durascope.models.conditions import Condition
from durascope.models.fields import Flag, Model, Name, Number, Scalar, Whole, form, shape
from durascope.models.flow import Flow
from durascope.models.run_step import Retry
from durascope.models.steps import Step, Steps, walk
from durascope.models.units import Duration, Misread, Share


class StartedBy(Model):
    """Who starts a run, and with what."""

    from_: str | None = Field(default=None, alias="from")
    """Who starts a run, as pictures name it."""
    event: Name | None = None
    """The event that does it."""
    request: str | None = None
    """The request that does it, and waits for the result: `POST /payments/charge/{userId}`."""
    cron: str | None = None
    """The schedule that does it."""
    of: Name | None = None
    """For `inngest/function.failed` and the like: whose end it is."""

    @model_validator(mode="after")
    def _one_trigger(self) -> StartedBy:
        if sum(each is not None for each in (self.event, self.request, self.cron)) > 1:
            raise Misread("a run is started in one way", "write one of event, request, cron")
        return self


class Signal(Model):
    """An event that may arrive while a run is in flight, and what it does to the run."""

    from_: str | None = Field(default=None, alias="from")
    """Who sends it, as pictures name it."""
    then: Literal["cancel", "cancel-now", "ignore"] = "ignore"
    """What it does to the run: cancel it after the step in flight, cancel that too, or nothing."""
    match: Name | None = None
    """The field that must be equal in event and input."""


class Update(Model):
    """A request that a running workflow answers."""

    steps: Steps = ()
    """What the run does for it."""
    rejects: Condition | None = None
    """When it is refused."""
    one_at_a_time: Flag = False
    """Its requests are served one after the other."""


class InputPool(Model):
    """One of a pool of N values, drawn for each run."""

    pool: Whole = Field(ge=1)
    """How many values."""


class InputUniform(Model):
    """A number between two, drawn for each run."""

    uniform: tuple[Number, Number]
    """The least and the most."""


class InputShare(Model):
    """True for that share of the runs."""

    share: Share
    """How often it is true."""


def _form_of_input(value: object) -> str:
    if shape(value) == "«list»":
        return "«list»"
    if shape(value) != "«mapping»":
        return "«value»"
    keys = set(cast("dict[str, object]", value) if isinstance(value, dict) else type(value).model_fields)  # pyright: ignore[reportAttributeAccessIssue]
    return next((f"«{key}»" for key in ("pool", "uniform", "share") if key in keys), "«mapping»")


InputField = Annotated[
    Annotated[InputPool, form("pool")]
    | Annotated[InputUniform, form("uniform")]
    | Annotated[InputShare, form("share")]
    | Annotated[Scalar, form("value")],
    Discriminator(
        _form_of_input,
        custom_error_type="wrong_shape",
        custom_error_message="expected unique, a fixed value, {pool: N}, {uniform: [a, b]} or {share: 5%}",
    ),
]
"""`unique`, `{pool: N}`, `{uniform: [a, b]}`, `{share: 5%}` (true that often), or a fixed value."""


class Workflow(Model):
    """One durable program."""

    title: str | None = None
    """Its name in pictures."""
    started_by: StartedBy | None = None
    """Who starts a run, and with what."""
    key: Name | None = None
    """The field of the input that identifies the entity; also the id of the run."""
    one_at_a_time: Flag = False
    """Runs with the same key are serialized."""
    id_conflict: Literal["fail", "use-existing"] = "fail"
    """Temporal: a second start with the key of a running one."""
    input: dict[str, InputField] = {}
    """The fields of the input, and how each is made."""
    steps: Steps
    """The program."""
    signals: dict[Name, Signal] = {}
    """Events that may arrive while a run is in flight."""
    updates: dict[Name, Update] = {}
    """Requests that a running workflow answers."""
    queries: tuple[Name, ...] = ()
    """Reads of the run's state from outside."""
    retry: Retry | None = None
    """Retries of the whole workflow; default: none."""
    run_timeout: Duration | None = None
    """The longest that a run may last."""
    flow: Flow | None = None
    """Inngest: flow control of this function, instead of the deployment's."""
    retries: Whole | None = Field(default=None, ge=0, le=20)
    """Inngest: attempts after the first one, of each step of this function."""
    kind: Literal["service", "object", "workflow"] | None = None
    """Restate: what its service is, instead of the deployment's."""
    service: Name | None = None
    """Restate: the service that it is a handler of; left out: one of its own."""
    after_undo: Literal["fail", "complete"] = "fail"
    """How a run ends that failed and was undone."""
    on_failure: Steps = ()
    """Steps after the run has failed for good, with their own durability."""

    @property
    def cancellable(self) -> bool:
        """Whether an event can cancel its runs."""
        return any(signal.then != "ignore" for signal in self.signals.values())

    def walk(self) -> Iterator[Step]:
        """Every step: the program's, its updates', its failure handler's."""
        yield from walk(self.steps)
        for update in self.updates.values():
            yield from walk(update.steps)
        yield from walk(self.on_failure)
