"""Deployments: how each engine, its stores and its apps are laid out, and the options that each of them has."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Final, Literal, Self, cast

from pydantic import ConfigDict, Field, SerializerFunctionWrapHandler, create_model, model_serializer, model_validator

from durascope.models.durations import Misread
from durascope.models.engine import BUILT_IN, engine, names
from durascope.models.fields import Flag, Model, Name, Number, Whole, by_shape, form
from durascope.models.flow import Flow
from durascope.models.platforms import longest_request
from durascope.models.units import Duration, DurationOrDefault, Rate, Spread

DAY: Final = 86_400_000_000
Sdk = Literal["python", "typescript", "go", "java", "kotlin", "dotnet", "php", "ruby", "rust"]


def nearest(sdk: Sdk) -> Literal["python", "typescript"]:
    """The SDK that is modelled and nearest: Python, or TypeScript."""
    return "python" if sdk in ("python", "java", "kotlin", "dotnet", "php", "ruby", "rust") else "typescript"


class TemporalServer(Model):
    """The Temporal Server and its store."""

    hosting: Literal["dev", "self-hosted", "cloud"] = "dev"
    """Where it runs."""
    persistence: str = "sqlite"
    """The database: sqlite, postgresql, …"""
    shards: Whole = Field(default=1, ge=1)
    """History shards."""
    partitions: Whole = Field(default=4, ge=1)
    """Partitions of each task queue."""


class TemporalWorker(Model):
    """A pool of worker processes."""

    name: Name = "worker"
    """How faults and pictures call it."""
    runs: Literal["workflows", "activities", "both"] = "both"
    """What it polls for."""
    queue: Name | None = None
    """The task queue that it polls."""
    replicas: Whole = Field(default=1, ge=1)
    """How many processes."""
    sdk: Sdk = "python"
    """The language of the SDK."""
    platform: str | None = None
    """Where it runs, as pictures name it."""
    cache: Whole = Field(default=1000, ge=0)
    """Cached workflow runs; 0: every task replays."""
    slots: Whole = Field(default=100, ge=1)
    """Tasks at once."""
    threads: Whole | None = Field(default=None, ge=1)
    """Activities that can run at once where they block a thread each; a task beyond them holds its slot and waits."""
    queue_rate: Rate | None = None
    """The most activities that the server hands out of this worker's task queue in a second."""


class TemporalDeployment(Model):
    """Temporal: the server and its workers."""

    server: TemporalServer = TemporalServer()
    """The server and its store."""
    workers: Annotated[tuple[TemporalWorker, ...], Field(min_length=1)] = (TemporalWorker(),)
    """At least one that runs workflows and one that runs activities."""
    eager_activities: Flag = True
    """Activities may start at once on the worker that asked for them."""
    eager_start: Flag = False
    """The first workflow task comes back with the start."""
    sticky_timeout: Duration = 10_000_000
    """How long a task waits in a worker's own queue."""
    workflow_task_timeout: Duration = 10_000_000
    """The limit of one workflow task."""
    step_timeout: Duration = 10_000_000
    """start-to-close of a run step that names no `timeout`; one whose attempts take longer than the default gets a
    longer one, and a note says so."""
    latencies: dict[Name, Spread] = {}
    """Delays in place of the model's own, by name."""

    @model_serializer(mode="wrap")
    def _as_it_is_meant(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without a `step_timeout` that nobody has named: written, it would hold for long steps, too."""
        told: dict[str, Any] = plain(self)
        if "step_timeout" not in self.model_fields_set:
            told.pop("step_timeout", None)
        return told

    @model_validator(mode="after")
    def _names_of_their_own(self) -> Self:
        names = [worker.name for worker in self.workers]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise Misread(f"two pools of workers are called `{twice}`", "give each a `name` of its own")
        return self


class InngestServer(Model):
    """The Inngest server and its store."""

    hosting: Literal["dev", "self-hosted", "cloud"] = "dev"
    """Where it runs."""
    store: Literal["memory", "redis"] | None = None
    """Where queue and state are kept."""
    step_limit: Whole = Field(default=1000, ge=1, le=10_000)
    """The most steps of a run."""

    @property
    def survives(self) -> bool:
        """Whether queue and run state outlive the server's process (inngest.md §2)."""
        return self.store == "redis" or (self.store is None and self.hosting == "cloud")


class Checkpointing(Model):
    """How many steps the SDK runs before it reports them."""

    buffered_steps: Whole = Field(default=1, ge=1)
    """Steps that are kept before they are reported."""
    max_interval: Duration = 0
    """The longest that they are kept; `0s`: no limit."""
    max_runtime: Duration | None = None
    """The longest that a request runs steps one after the other."""


class InngestApp(Model):
    """The app that serves the functions."""

    framework: str = "fastapi"
    """next.js, fastapi, …, as pictures name it."""
    platform: str | None = None
    """Where it runs, as pictures name it."""
    endpoint: str = "/api/inngest"
    """The route that the engine calls."""
    sdk: Sdk = "python"
    """The language of the SDK."""
    replicas: Whole = Field(default=1, ge=1)
    """How many processes."""
    checkpointing: (
        Annotated[
            Annotated[Flag, form("flag")] | Annotated[Checkpointing, form("mapping")],
            by_shape("true, false or {buffered_steps: N, max_interval: 5s, max_runtime: 10s}"),
        ]
        | None
    ) = None
    """Steps run in one request and are reported on the way; on by default in TypeScript."""
    optimize_parallelism: Flag = True
    """Discoveries of a parallel group are saved where they can be."""
    max_duration: Duration | None = None
    """The host kills a request that lasts longer; left out: the default of the platform."""
    transport: Literal["http", "connect"] = "http"
    """http: the engine calls the app; connect: the app holds a connection."""

    @property
    def longest_request(self) -> int | None:
        """The longest that the host lets a request run, in microseconds; None: as long as it likes."""
        if self.transport == "connect":
            return self.max_duration
        return longest_request(self.max_duration, self.platform)

    @property
    def checkpoints(self) -> Checkpointing | None:
        """The checkpointing in force, None without: on by default in TypeScript, absent in Python (inngest.md §11)."""
        chosen = self.checkpointing
        if isinstance(chosen, Checkpointing):
            return chosen
        on = (self.sdk == "typescript") if chosen is None else chosen
        return Checkpointing() if on else None


class InngestDeployment(Model):
    """Inngest: the server, the app and flow control."""

    server: InngestServer = InngestServer()
    """The server and its store."""
    app: InngestApp = InngestApp()
    """The app that serves the functions."""
    retries: Whole = Field(default=4, ge=0, le=20)
    """Attempts after the first one, of each step."""
    backoff: DurationOrDefault = "default"
    """The pause between attempts: default, or a constant."""
    flow: Flow = Flow()
    """Flow control."""
    latencies: dict[Name, Spread] = {}
    """Delays in place of the model's own, by name."""


class RestateServer(Model):
    """The Restate server: one node or several."""

    hosting: Literal["sidecar", "single", "cluster", "cloud"] = "single"
    """Where it runs."""
    nodes: Whole = Field(default=1, ge=1)
    """How many."""
    partitions: Whole = Field(default=24, ge=1)
    """Partitions of the log."""
    protocol: Literal[6, 7] = 6
    """The version of the service protocol."""
    concurrent_invocations: Whole = Field(default=1000, ge=1)
    """Invocations that a node has in progress at once; one that waits for another holds its place."""


class RestateService(Model):
    """The service that Restate calls."""

    name: Name | None = None
    """Its name in pictures."""
    kind: Literal["service", "object", "workflow"] = "service"
    """What it is: state by key comes with object and workflow."""
    sdk: Sdk = "python"
    """The language of the SDK."""
    replicas: Whole = Field(default=1, ge=1)
    """How many processes."""
    platform: str | None = None
    """Where it runs, as pictures name it."""
    mode: Literal["bidirectional", "request-response"] = "bidirectional"
    """Whether the stream is open both ways."""
    lazy_state: Flag = False
    """State is fetched when it is asked for."""
    max_duration: Duration | None = None
    """The host kills a request that lasts longer; left out: the default of the platform."""
    idempotency_retention: Duration = DAY
    """How long a run that has ended is known by its idempotency key."""
    workflow_retention: Duration = DAY
    """How long a workflow that has ended is known by its key."""
    journal_retention: Duration = DAY
    """How long the journal of a run that has ended is kept."""
    wait_for: Literal["awakeable", "signal"] = "awakeable"
    """What a wait is on a service or object."""

    @property
    def longest_request(self) -> int | None:
        """The longest that the host lets an attempt run, in microseconds; None: as long as it likes."""
        return longest_request(self.max_duration, self.platform)


class RestateRetry(Model):
    """The retry policy of an invocation."""

    initial: Duration = 500_000
    """The first pause."""
    factor: Number = Field(default=2.0, ge=1)
    """How much longer each pause is than the one before."""
    max_interval: Duration = 60_000_000
    """The longest pause."""
    max_attempts: Whole = Field(default=70, ge=1)
    """How many attempts there are, the first included."""
    then: Literal["pause", "kill"] = "pause"
    """What becomes of the invocation after the last."""


class RestateDeployment(Model):
    """Restate: the server and the service."""

    server: RestateServer = RestateServer()
    """The server: one node or several."""
    service: RestateService = RestateService()
    """The service that it calls."""
    inactivity_timeout: Duration = 60_000_000
    """How long a stream may be silent before the handler is asked to suspend."""
    abort_timeout: Duration = 600_000_000
    """How long it may take after that."""
    retry: RestateRetry = RestateRetry()
    """The retry policy of the invocation."""
    latencies: dict[Name, Spread] = {}
    """Delays in place of the model's own, by name."""


class QueueDeployment(Model):
    """The baseline: a consumer of a message queue, without durable execution."""

    visibility_timeout: Duration = 30_000_000
    """How long a message that was taken stays hidden."""
    max_receives: Whole = Field(default=5, ge=1)
    """How many times a message is handed out before it goes to the dead-letter queue."""
    consumers: Whole = Field(default=1, ge=1)
    """How many processes take messages, one at a time each."""
    latencies: dict[Name, Spread] = {}
    """Delays in place of the model's own, by name."""

    @model_validator(mode="before")
    @classmethod
    def _workers(cls, written: object) -> object:
        """`workers`, as files from before `consumers` have it."""
        if isinstance(written, dict) and "workers" in written and "consumers" not in written:
            plain = cast("dict[str, object]", written)
            return {("consumers" if key == "workers" else key): value for key, value in plain.items()}
        return cast("object", written)


Resumes = Literal["anyone", "owner", "nobody"]
"""Who goes on with a run whose process has died."""


class StateMachineDeployment(Model):
    """The baseline that one writes oneself: a row per run in a database, and processes that poll for rows."""

    processes: Whole = Field(default=1, ge=1)
    """How many processes poll and work on rows."""
    at_once: Whole = Field(default=10, ge=1)
    """On how many rows a process works at a time."""
    poll_interval: Annotated[Duration, Field(ge=1_000)] = 1_000_000
    """How often a process asks for rows that are due."""
    lease: Annotated[Duration, Field(ge=1_000)] = 30_000_000
    """How long a row is a process's own; each transaction makes it begin anew."""
    resumes: Resumes = "anyone"
    """Who takes a row whose lease has run out: any process, the same process once it is back, or nobody."""
    latencies: dict[Name, Spread] = {}
    """Delays in place of the model's own, by name."""


class CheckpointDeployment(Model):
    """The baseline that only saves: the run's state is written after each step, and nobody resumes it."""

    processes: Whole = Field(default=1, ge=1)
    """How many processes take requests and run workflows."""
    latencies: dict[Name, Spread] = {}
    """Delays in place of the model's own, by name."""


class Deployments(Model):
    """How each engine is laid out."""

    # What other engines' options are is known only when they are installed: see `more_fields`.
    model_config = ConfigDict(extra="allow")

    temporal: TemporalDeployment = TemporalDeployment()
    """Temporal."""
    inngest: InngestDeployment = InngestDeployment()
    """Inngest."""
    restate: RestateDeployment = RestateDeployment()
    """Restate."""
    queue: QueueDeployment = QueueDeployment()
    """The baseline: a plain message-queue consumer."""
    state_machine: StateMachineDeployment = Field(default=StateMachineDeployment(), alias="state-machine")
    """The baseline: a state machine in a database, written by hand."""
    checkpoint: CheckpointDeployment = CheckpointDeployment()
    """The baseline: a checkpoint after each step, and nobody who resumes."""

    def of(self, name: str) -> Any:
        """The deployment of an engine, its defaults where the scenario says nothing of it; None: it has no options."""
        found = getattr(self, name.replace("-", "_"), None)
        model = self.more_fields().get(name)
        return model() if found is None and model is not None else found

    @classmethod
    def more_fields(cls) -> Mapping[str, type[Model]]:
        """The deployments of engines that other distributions add."""
        return {name: model for name in names() if name not in BUILT_IN if (model := _deployment(name)) is not None}

    @model_validator(mode="after")
    def _validate_others(self) -> Self:
        extra = self.__pydantic_extra__
        if extra:
            fields: dict[str, Any] = {name: (model, model()) for name, model in self.more_fields().items()}
            others = create_model("Deployments", __base__=Model, **fields).model_validate(extra)
            extra.update({name: getattr(others, name) for name in extra})
        return self


@cache
def _deployment(name: str) -> type[Model] | None:
    part = engine(name).deployment
    return part.load() if part else None
