"""A scenario: what was asked.

The outside world, the workflows, the deployments, the load, the faults and the expectations. The names of the
fields are the words of the scenario language; durations are integer microseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import Discriminator, Field

from durascope.models.deployments import (
    Checkpointing,
    Deployments,
    InngestApp,
    InngestDeployment,
    InngestServer,
    QueueDeployment,
    RestateDeployment,
    RestateRetry,
    RestateServer,
    RestateService,
    Sdk,
    TemporalDeployment,
    TemporalServer,
    TemporalWorker,
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
from durascope.models.fields import Flag, Model, Name, Whole, by_shape, form, shape
from durascope.models.flow import (
    Batch,
    Concurrency,
    Debounce,
    Flow,
    FlowTimeouts,
    PriorityArm,
    RateLimit,
    Singleton,
    Throttle,
)
from durascope.models.run_step import Retry, Run
from durascope.models.steps import Step
from durascope.models.units import Duration, Money, Share, Spread
from durascope.models.workflow import (
    InputField,
    InputPool,
    InputShare,
    InputUniform,
    Signal,
    StartedBy,
    Update,
    Workflow,
)
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
    "MOMENTS",
    "OWN_STEP",
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

Id = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]


class Service(Model):
    """Something outside the engines that steps call; it keeps a ledger of the effects it has had."""

    kind: Literal["api", "database", "email", "llm", "storage", "queue"] = "api"
    """What it is; drawn differently."""
    title: str | None = None
    """Its name in pictures."""
    latency: Spread = Spread.of(30_000)
    """How long a call takes."""
    failures: Share = 0.0
    """The share of calls that fail in a way worth retrying."""
    rejections: Share = 0.0
    """The share of calls that fail for good."""
    deduplicates: Flag = False
    """true: a second call with the same idempotency key has no second effect."""
    price: Money = 0.0
    """What a call costs."""
    tokens: Whole = Field(default=0, ge=0)
    """How many tokens a call uses (a language model's, in and out)."""


OWN_STEP: Final = Service(latency=Spread.of(5_000))
"""A step that calls no service: code of its own, 5 ms."""


class Count(Model):
    """Bounds of a number, both included."""

    at_least: Whole | None = Field(default=None, ge=0)
    """The least."""
    at_most: Whole | None = Field(default=None, ge=0)
    """The most."""


Effects = Annotated[
    Annotated[Whole, Field(ge=0), form("number")] | Annotated[Count, form("mapping")],
    by_shape("a number, or {at_least: N, at_most: N}"),
]


class LatencyLimits(Model):
    """The longest that runs may last, by share of the runs."""

    p50: Duration | None = None
    """Half of the runs."""
    p90: Duration | None = None
    """90 % of the runs."""
    p99: Duration | None = None
    """99 % of the runs."""
    max: Duration | None = None
    """All runs."""


def _form_of_share(value: object) -> str:
    return "«mapping»" if shape(value) == "«mapping»" else "«share»"


class ShareBounds(Model):
    """Bounds of a share, both included."""

    at_least: Share | None = None
    """The least."""
    at_most: Share | None = None
    """The most."""


ShareOrBounds = Annotated[
    Annotated[Share, form("share")] | Annotated[ShareBounds, form("mapping")],
    Discriminator(_form_of_share),
]
"""A share, the most that there may be, or its bounds."""

Completed = Annotated[
    Annotated[Share, form("share")] | Annotated[dict[Name, Share], form("mapping")],
    Discriminator(_form_of_share),
]
"""A share, or one for each of several workflows."""


class Expect(Model):
    """What must hold at the end."""

    completed: Completed | None = None
    """The share of the started runs that complete, at least; or by workflow, called and started ones too."""
    failed: ShareOrBounds | None = None
    """The share of runs that fail, at most; or its bounds."""
    cancelled: ShareOrBounds | None = None
    """The share of runs that are cancelled, at most; or its bounds."""
    effects: dict[Name, Effects] = {}
    """Side effects of a step per run, counted in the services' ledgers."""
    latency: LatencyLimits | None = None
    """How long runs may last."""
    one_at_a_time: Flag | None = None
    """No two runs with the same key overlapped."""
    unconsumed: Effects | None = None
    """Messages that an engine accepted and no code of a run handled."""

    def bounds_of(self, status: Literal["failed", "cancelled"]) -> ShareBounds | None:
        """The bounds of the share of runs with that status; a share alone is the most."""
        wanted = self.failed if status == "failed" else self.cancelled
        return wanted if wanted is None or isinstance(wanted, ShareBounds) else ShareBounds(at_most=wanted)


class Scenario(Model):
    """A durascope scenario."""

    scenario: Id
    """The id, kebab-case, equal to the file's stem."""
    title: str | None = None
    """Its name in lists and pictures."""
    about: str = ""
    """Markdown, shown in reports and docs."""
    services: dict[Name, Service] = {}
    """The outside world: where side effects happen."""
    workflows: Annotated[dict[Name, Workflow], Field(min_length=1)]
    """The durable programs."""
    deployments: Deployments = Deployments()
    """How each engine and its apps are laid out."""
    workload: Workload = Workload()
    """Who starts runs and sends events, and when."""
    faults: tuple[Fault, ...] = ()
    """What breaks, and exactly when."""
    expect: Expect = Expect()
    """What must hold at the end (exit status 1 if not)."""

    def __repr__(self) -> str:
        """Short: a scenario printed in full is what `durascope show` is for."""
        many = ((len(self.workflows), "workflow"), (self.workload.runs, "run"), (len(self.faults), "fault"))
        counted = (f"{count:,} {what}{'' if count == 1 else 's'}" for count, what in many)
        return f"<Scenario {self.scenario}: {', '.join(counted)}>"

    __str__ = __repr__

    @property
    def started(self) -> tuple[str, ...]:
        """The workflows that the workload starts, in order (`workload.of`, or the only or first workflow)."""
        return self.workload.of or (next(iter(self.workflows)),)

    def workflow_of(self, number: int) -> str:
        """The workflow of the start with that number, from 1; starts beyond `workload.of` are of its last one."""
        started = self.started
        return started[min(number, len(started)) - 1]

    @property
    def leaves_starts_out(self) -> bool:
        """Whether the scenario asks that starts be merged or dropped (flow control, ids of events)."""
        flows = [self.deployments.inngest.flow, *(self.workflows[name].flow for name in self.started)]
        return bool(self.workload.idempotency_keys) or any(flow and flow.leaves_starts_out for flow in flows)

    def runs(self) -> Iterator[tuple[str, Run]]:
        """Every `run` step of the file with the workflow it stands in."""
        for name, workflow in self.workflows.items():
            for step in workflow.walk():
                if isinstance(step, Run):
                    yield name, step
