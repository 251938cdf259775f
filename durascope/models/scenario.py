"""A scenario: what was asked.

The outside world, the workflows, the deployments, the load, the faults and the expectations. The names of the
fields are the words of the scenario language; durations are integer microseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal, cast, get_args

from pydantic import Discriminator, Field, model_validator

from durascope.models.conditions import Condition
from durascope.models.deployments import (
    Batch,
    Checkpointing,
    Concurrency,
    Debounce,
    Deployments,
    Flow,
    FlowTimeouts,
    InngestApp,
    InngestDeployment,
    InngestServer,
    PriorityArm,
    QueueDeployment,
    RateLimit,
    RestateDeployment,
    RestateRetry,
    RestateServer,
    RestateService,
    Sdk,
    Singleton,
    TemporalDeployment,
    TemporalServer,
    TemporalWorker,
    Throttle,
)
from durascope.models.faults import (
    Change,
    Crash,
    Cut,
    Deploy,
    Fault,
    Hang,
    Insert,
    Outage,
    RandomCrash,
    RandomFault,
)
from durascope.models.fields import Flag, Model, Name, Number, Scalar, Whole, by_shape, form, shape
from durascope.models.run_step import Retry, Run
from durascope.models.steps import Step, Steps, walk
from durascope.models.units import Duration, Misread, Money, Share, Spread
from durascope.models.workload import (
    MOMENTS,
    Arrivals,
    Moment,
    StartWith,
    Trigger,
    Workload,
    WorkloadEvent,
)

__all__ = [
    "ENGINES",
    "MOMENTS",
    "Arrivals",
    "Batch",
    "Change",
    "Checkpointing",
    "Concurrency",
    "Count",
    "Crash",
    "Cut",
    "Debounce",
    "Deploy",
    "Deployments",
    "Engine",
    "Expect",
    "Fault",
    "Flow",
    "FlowTimeouts",
    "Hang",
    "Id",
    "InngestApp",
    "InngestDeployment",
    "InngestServer",
    "InputField",
    "InputPool",
    "InputShare",
    "InputUniform",
    "Insert",
    "LatencyLimits",
    "Moment",
    "Outage",
    "PriorityArm",
    "QueueDeployment",
    "RandomCrash",
    "RandomFault",
    "RateLimit",
    "RestateDeployment",
    "RestateRetry",
    "RestateServer",
    "RestateService",
    "Retry",
    "Run",
    "Scenario",
    "Sdk",
    "Service",
    "Signal",
    "Singleton",
    "StartWith",
    "StartedBy",
    "Step",
    "TemporalDeployment",
    "TemporalServer",
    "TemporalWorker",
    "Throttle",
    "Trigger",
    "Update",
    "Workflow",
    "Workload",
    "WorkloadEvent",
]

Engine = Literal["temporal", "inngest", "restate"]
ENGINES: Final[tuple[Engine, ...]] = get_args(Engine)

Id = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]


class Service(Model):
    """Something outside the engines that steps call; it keeps a ledger of the effects it has had."""

    kind: Literal["api", "database", "email", "llm", "storage", "queue"] = "api"
    title: str | None = None
    latency: Spread = Spread.of(30_000)
    failures: Share = 0.0
    rejections: Share = 0.0
    deduplicates: Flag = False
    price: Money = 0.0


class StartedBy(Model):
    """Who starts a run, and with what."""

    from_: str | None = Field(default=None, alias="from")
    event: Name | None = None
    request: str | None = None
    cron: str | None = None
    of: Name | None = None

    @model_validator(mode="after")
    def _one_trigger(self) -> StartedBy:
        if sum(each is not None for each in (self.event, self.request, self.cron)) > 1:
            raise Misread("a run is started in one way", "write one of event, request, cron")
        return self


class Signal(Model):
    """An event that may arrive while a run is in flight, and what it does to the run."""

    from_: str | None = Field(default=None, alias="from")
    then: Literal["cancel", "cancel-now", "ignore"] = "ignore"
    match: Name | None = None


class Update(Model):
    """A request that a running workflow answers."""

    steps: Steps = ()
    rejects: Condition | None = None
    one_at_a_time: Flag = False


class InputPool(Model):
    """One of a pool of N values, drawn for each run."""

    pool: Whole = Field(ge=1)


class InputUniform(Model):
    """A number between two, drawn for each run."""

    uniform: tuple[Number, Number]


class InputShare(Model):
    """True for that share of the runs."""

    share: Share


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
    started_by: StartedBy | None = None
    key: Name | None = None
    one_at_a_time: Flag = False
    id_conflict: Literal["fail", "use-existing"] = "fail"
    input: dict[str, InputField] = {}
    steps: Steps
    signals: dict[Name, Signal] = {}
    updates: dict[Name, Update] = {}
    queries: tuple[Name, ...] = ()
    retry: Retry | None = None
    run_timeout: Duration | None = None
    after_undo: Literal["fail", "complete"] = "fail"
    on_failure: Steps = ()

    def walk(self) -> Iterator[Step]:
        """Every step: the program's, its updates', its failure handler's."""
        yield from walk(self.steps)
        for update in self.updates.values():
            yield from walk(update.steps)
        yield from walk(self.on_failure)


class Count(Model):
    """Bounds of a number, both included."""

    at_least: Whole | None = Field(default=None, ge=0)
    at_most: Whole | None = Field(default=None, ge=0)


Effects = Annotated[
    Annotated[Whole, Field(ge=0), form("number")] | Annotated[Count, form("mapping")],
    by_shape("a number, or {at_least: N, at_most: N}"),
]


class LatencyLimits(Model):
    """The longest that runs may last, by share of the runs."""

    p50: Duration | None = None
    p90: Duration | None = None
    p99: Duration | None = None
    max: Duration | None = None


class Expect(Model):
    """What must hold at the end."""

    completed: Share | None = None
    failed: Share | None = None
    cancelled: Share | None = None
    effects: dict[Name, Effects] = {}
    latency: LatencyLimits | None = None
    one_at_a_time: Flag | None = None


class Scenario(Model):
    """Everything that was asked."""

    scenario: Id
    title: str | None = None
    about: str = ""
    services: dict[Name, Service] = {}
    workflows: Annotated[dict[Name, Workflow], Field(min_length=1)]
    deployments: Deployments = Deployments()
    workload: Workload = Workload()
    faults: tuple[Fault, ...] = ()
    expect: Expect = Expect()

    @property
    def started(self) -> tuple[str, ...]:
        """The workflows that the workload starts, in order (`workload.of`, or the only or first workflow)."""
        return self.workload.of or (next(iter(self.workflows)),)

    def runs(self) -> Iterator[tuple[str, Run]]:
        """Every `run` step of the file with the workflow it stands in."""
        for name, workflow in self.workflows.items():
            for step in workflow.walk():
                if isinstance(step, Run):
                    yield name, step
