"""How runs are addressed and started: workflow ids, and the start request itself."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowHandle,
    WorkflowUpdateHandle,
    WorkflowUpdateStage,
)
from temporalio.common import RetryPolicy, WorkflowIDConflictPolicy

from durascope.live.temporal.settings import workflow_queue
from durascope.models.run_step import Retry
from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import WaitFor
from durascope.simulators.engine import StartRequest
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.workload import run_info

if TYPE_CHECKING:
    from durascope.live.temporal.workflow import ScenarioWorkflow


REQUEST: Final = "request"
"""The update by which an entity workflow takes a request (`one_at_a_time`)."""


def workflow_id(run: RunInfo) -> str:
    """The id of a run: its workflow and its entity's key, or else its own name."""
    return f"{run.workflow}/{run.key}" if run.key is not None else run.name


def external_id(scenario: Scenario, reference: object, event: str | None = None, seed: int = 0) -> str:
    """The id of the run that a step or an event is addressed to: a run's number, or a key."""
    if isinstance(reference, int):
        started = scenario.started
        workflow = started[min(reference, len(started)) - 1]
        return workflow_id(run_info(World(seed, full=False), scenario, workflow, f"run {reference}", reference))
    keyed = {name: each for name, each in scenario.workflows.items() if each.key is not None}
    listening = [name for name, each in keyed.items() if event is None or hears(each, event)]
    name = next(iter(listening or keyed), None)
    return str(reference) if name is None else f"{name}/{reference}"


def hears(workflow: Workflow, event: str) -> bool:
    """Whether the workflow does something with that event."""
    waits = (step.wait_for == event for step in workflow.walk() if isinstance(step, WaitFor))
    return event in workflow.signals or any(waits)


def started_by(scenario: Scenario, event: str) -> list[str]:
    """The workflows that an event starts."""
    workflows = scenario.workflows.items()
    return [name for name, each in workflows if each.started_by is not None and each.started_by.event == event]


def is_entity(workflow: Workflow, run: RunInfo) -> bool:
    """Whether runs with the same key are one entity workflow, which takes them as requests."""
    return workflow.one_at_a_time and run.key is not None


def child_start(
    parent: ScenarioWorkflow, info: RunInfo, target: str, key: str, reference: object
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The argument and the options of a child's start; who it is, is decided as in the model."""
    scenario, definition = parent.scenario, parent.scenario.workflows[target]
    label, _, again = key.partition(":")
    name = f"{info.name}{parent.link}/{label}{f' {int(again) + 1}' if again.isdigit() else ''}"
    given = {field: value for field, value in info.input.items() if field in definition.input}
    entity = None if reference is None else str(reference)
    if entity is None and definition.key is not None and definition.key in info.input:
        entity = str(info.input[definition.key])
    world = World(parent.seed, full=False)
    child = run_info(world, scenario, target, name, info.number, key=entity, given=given)
    child = RunInfo(name, target, info.number, child.key, child.input, f"{info.luck}/{key}")
    options: dict[str, Any] = {
        "id": f"{target}/{entity}" if reference is not None else f"{parent.workflow_id}/{key}",
        "task_queue": workflow_queue(scenario, target),
        "retry_policy": retry_policy(definition.retry),
        "run_timeout": _time(definition.run_timeout),
    }
    return child.plain(), options


@dataclass(frozen=True, slots=True)
class StartOrder:
    """A start request, in a form that can be handed to a worker's process (an eager start comes from there)."""

    workflow: str
    id: str
    argument: Mapping[str, Any]
    queue: str
    conflict: str
    task_timeout: int
    run_timeout: int | None = None
    retry: Mapping[str, Any] | None = None
    after: int = 0
    eager: bool = False
    signal: tuple[str, Mapping[str, Any]] | None = None
    update: tuple[str, Mapping[str, Any]] | None = None


def order(scenario: Scenario, request: StartRequest) -> StartOrder:
    """The start of a run, as its workflow, the deployment and the workload say."""
    run = request.run
    definition, deployment = scenario.workflows[run.workflow], scenario.deployments.temporal
    retry, start_with = definition.retry, request.start_with
    signal = update = None
    if is_entity(definition, run):
        update = (REQUEST, run.plain())
    elif start_with is not None and start_with.send is not None:
        signal = (start_with.send, start_with.with_)
    elif start_with is not None:
        update = (str(start_with.update), start_with.with_)
    return StartOrder(
        workflow=run.workflow,
        id=workflow_id(run),
        argument=run.plain() | ({"entity": True} if is_entity(definition, run) else {}),
        queue=workflow_queue(scenario, run.workflow),
        conflict=definition.id_conflict if update is None else "use-existing",
        task_timeout=deployment.workflow_task_timeout,
        run_timeout=definition.run_timeout,
        retry=None if retry is None else retry.model_dump(mode="python"),
        after=request.after,
        eager=deployment.eager_start and not request.after and update is None,
        signal=signal,
        update=update,
    )


async def start(client: Client, asked: StartOrder) -> WorkflowHandle[Any, Any]:
    """Makes the request. Raises `WorkflowAlreadyStartedError`."""
    if asked.signal is not None:
        name, payload = asked.signal
        return await client.start_workflow(
            asked.workflow, asked.argument, start_signal=name, start_signal_args=[payload], **_options(asked)
        )
    return await client.start_workflow(
        asked.workflow,
        asked.argument,
        id_conflict_policy=_policy(asked),
        start_delay=_time(asked.after or None),
        request_eager_start=asked.eager,
        **_options(asked),
    )


def start_with_update(
    client: Client, asked: StartOrder
) -> tuple[WithStartWorkflowOperation[Any, Any], Awaitable[object]]:
    """An update-with-start: the start that it makes, and the update itself, to be awaited.

    The server answers the start together with the stage of the update that is waited for: with its acceptance, so that
    the run can be followed before the update has completed.
    """
    assert asked.update is not None
    name, payload = asked.update
    operation: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
        asked.workflow, asked.argument, id_conflict_policy=_policy(asked), **_options(asked)
    )

    async def completed() -> object:
        update: WorkflowUpdateHandle[Any] = await client.start_update_with_start_workflow(
            name, payload, start_workflow_operation=operation, wait_for_stage=WorkflowUpdateStage.ACCEPTED
        )
        return await update.result()

    return operation, completed()


def retry_policy(retry: Retry | None) -> RetryPolicy | None:
    """The SDK's policy; what the scenario leaves out is the server's default (an SDK sends its own, the same)."""
    if retry is None:
        return None
    return RetryPolicy(
        initial_interval=_time(retry.initial) or timedelta(seconds=1),
        backoff_coefficient=retry.factor or 2.0,
        maximum_interval=_time(retry.max_interval),
        maximum_attempts=retry.max_attempts or 0,
    )


def _options(asked: StartOrder) -> dict[str, Any]:
    return {
        "id": asked.id,
        "task_queue": asked.queue,
        "task_timeout": timedelta(microseconds=asked.task_timeout),
        "run_timeout": _time(asked.run_timeout),
        "retry_policy": None if asked.retry is None else retry_policy(Retry.model_construct(**asked.retry)),
    }


def _policy(asked: StartOrder) -> WorkflowIDConflictPolicy:
    return WorkflowIDConflictPolicy.FAIL if asked.conflict == "fail" else WorkflowIDConflictPolicy.USE_EXISTING


def _time(us: int | None) -> timedelta | None:
    return None if us is None else timedelta(microseconds=us)
