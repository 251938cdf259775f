"""Deployments: how each engine, its stores and its apps are laid out, and the options that each of them has."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from durascope.models.conditions import Condition
from durascope.models.fields import Flag, Model, Name, Number, Whole, by_shape, form
from durascope.models.units import Duration, DurationOrDefault, Misread, Spread

Sdk = Literal["python", "typescript", "go", "java", "kotlin", "dotnet", "php", "ruby", "rust"]


class TemporalServer(Model):
    """The Temporal Server and its store."""

    hosting: Literal["dev", "self-hosted", "cloud"] = "dev"
    persistence: str = "sqlite"
    shards: Whole = Field(default=1, ge=1)
    partitions: Whole = Field(default=4, ge=1)


class TemporalWorker(Model):
    """A pool of worker processes."""

    name: Name = "worker"
    runs: Literal["workflows", "activities", "both"] = "both"
    queue: Name | None = None
    replicas: Whole = Field(default=1, ge=1)
    sdk: Sdk = "python"
    platform: str | None = None
    cache: Whole = Field(default=1000, ge=0)
    slots: Whole = Field(default=100, ge=1)


class TemporalDeployment(Model):
    """Temporal: the server and its workers."""

    server: TemporalServer = TemporalServer()
    workers: Annotated[tuple[TemporalWorker, ...], Field(min_length=1)] = (TemporalWorker(),)
    eager_activities: Flag = True
    eager_start: Flag = False
    sticky_timeout: Duration = 10_000_000
    workflow_task_timeout: Duration = 10_000_000
    step_timeout: Duration = 10_000_000
    latencies: dict[Name, Spread] = {}


class InngestServer(Model):
    """The Inngest server and its store."""

    hosting: Literal["dev", "self-hosted", "cloud"] = "dev"
    store: Literal["memory", "redis"] | None = None
    step_limit: Whole = Field(default=1000, ge=1, le=10_000)

    @property
    def survives(self) -> bool:
        """Whether queue and run state outlive the server's process (inngest.md §2)."""
        return self.store == "redis" or (self.store is None and self.hosting == "cloud")


class Checkpointing(Model):
    """How many steps the SDK runs before it reports them."""

    buffered_steps: Whole = Field(default=1, ge=1)
    max_interval: Duration = 0
    max_runtime: Duration | None = None


class InngestApp(Model):
    """The app that serves the functions."""

    framework: str = "fastapi"
    platform: str | None = None
    endpoint: str = "/api/inngest"
    sdk: Sdk = "python"
    replicas: Whole = Field(default=1, ge=1)
    checkpointing: (
        Annotated[
            Annotated[Flag, form("flag")] | Annotated[Checkpointing, form("mapping")],
            by_shape("true, false or {buffered_steps: N, max_interval: 5s, max_runtime: 10s}"),
        ]
        | None
    ) = None
    optimize_parallelism: Flag = True
    transport: Literal["http", "connect"] = "http"

    @property
    def checkpoints(self) -> Checkpointing | None:
        """The checkpointing in force, None without: on by default in TypeScript, absent in Python (inngest.md §11)."""
        chosen = self.checkpointing
        if isinstance(chosen, Checkpointing):
            return chosen
        on = (self.sdk == "typescript") if chosen is None else chosen
        return Checkpointing() if on else None


class Concurrency(Model):
    """How many steps run at once, over all runs or per value of `key`."""

    limit: Whole = Field(ge=1)
    key: Name | None = None
    scope: Literal["fn", "env", "account"] = "fn"


class Throttle(Model):
    """Starts are spread over time; none is lost."""

    limit: Whole = Field(ge=1)
    period: Duration
    burst: Whole | None = Field(default=None, ge=0)
    key: Name | None = None


class RateLimit(Model):
    """Starts above the limit are dropped."""

    limit: Whole = Field(ge=1)
    period: Duration
    key: Name | None = None


class Debounce(Model):
    """A start waits until no other has come for `period`."""

    period: Duration
    key: Name | None = None
    timeout: Duration | None = None


class Batch(Model):
    """One run for several events."""

    max_size: Whole = Field(ge=2)
    timeout: Duration = 60_000_000
    key: Name | None = None


class Singleton(Model):
    """One run at a time: a second start is skipped, or cancels the first."""

    mode: Literal["skip", "cancel"] = "skip"
    key: Name | None = None


class PriorityArm(Model):
    """One arm of a priority: how many seconds a run counts as older."""

    when: Condition | None = None
    is_: Whole | None = Field(default=None, alias="is")
    otherwise: Whole | None = None

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
    finish: Duration | None = None


class Flow(Model):
    """Inngest's flow control."""

    concurrency: Concurrency | None = None
    throttle: Throttle | None = None
    rate_limit: RateLimit | None = None
    debounce: Debounce | None = None
    batch: Batch | None = None
    idempotency: Name | None = None
    singleton: Singleton | None = None
    priority: (
        Annotated[
            Annotated[tuple[PriorityArm, ...], form("list")] | Annotated[Name, form("text")],
            by_shape("an expression, or a list of {when: CONDITION, is: SECONDS}"),
        ]
        | None
    ) = None
    timeouts: FlowTimeouts | None = None


class InngestDeployment(Model):
    """Inngest: the server, the app and flow control."""

    server: InngestServer = InngestServer()
    app: InngestApp = InngestApp()
    retries: Whole = Field(default=4, ge=0, le=20)
    backoff: DurationOrDefault = "default"
    flow: Flow = Flow()
    latencies: dict[Name, Spread] = {}


class RestateServer(Model):
    """The Restate server: one node or several."""

    hosting: Literal["sidecar", "single", "cluster", "cloud"] = "single"
    nodes: Whole = Field(default=1, ge=1)
    partitions: Whole = Field(default=24, ge=1)
    protocol: Literal[6, 7] = 6


class RestateService(Model):
    """The service that Restate calls."""

    name: Name | None = None
    kind: Literal["service", "object", "workflow"] = "service"
    sdk: Sdk = "python"
    replicas: Whole = Field(default=1, ge=1)
    platform: str | None = None
    mode: Literal["bidirectional", "request-response"] = "bidirectional"
    lazy_state: Flag = False
    wait_for: Literal["awakeable", "signal"] = "awakeable"


class RestateRetry(Model):
    """The retry policy of an invocation."""

    initial: Duration = 500_000
    factor: Number = Field(default=2.0, ge=1)
    max_interval: Duration = 60_000_000
    max_attempts: Whole = Field(default=70, ge=1)
    then: Literal["pause", "kill"] = "pause"


class RestateDeployment(Model):
    """Restate: the server and the service."""

    server: RestateServer = RestateServer()
    service: RestateService = RestateService()
    inactivity_timeout: Duration = 60_000_000
    abort_timeout: Duration = 600_000_000
    retry: RestateRetry = RestateRetry()
    latencies: dict[Name, Spread] = {}


class QueueDeployment(Model):
    """The baseline: a consumer of a message queue, without durable execution."""

    visibility_timeout: Duration = 30_000_000
    max_receives: Whole = Field(default=5, ge=1)
    workers: Whole = Field(default=1, ge=1)
    latencies: dict[Name, Spread] = {}


class Deployments(Model):
    """How each engine is laid out."""

    temporal: TemporalDeployment = TemporalDeployment()
    inngest: InngestDeployment = InngestDeployment()
    restate: RestateDeployment = RestateDeployment()
    queue: QueueDeployment | None = None
