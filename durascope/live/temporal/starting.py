"""How runs are addressed and started: workflow ids, a run's one argument, and the start request itself."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy

from durascope.models.run_step import Retry
from durascope.models.scenario import Scenario
from durascope.simulators.engine import StartRequest
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.workload import run_info

if TYPE_CHECKING:
    from durascope.live.temporal.workflow import ScenarioWorkflow


def workflow_id(run: RunInfo) -> str:
    """The id of a run: its entity's key, or else its own name."""
    return external_id(run.key) if run.key is not None else run.name.replace(" ", "-")


def external_id(key: object) -> str:
    """The id of the run with that key."""
    return str(key)


def argument(run: RunInfo) -> dict[str, Any]:
    """What a run is told of itself: the only argument of its workflow."""
    return {
        "run": run.name,
        "workflow": run.workflow,
        "number": run.number,
        "key": run.key,
        "input": dict(run.input),
        "luck": run.luck,
    }


def child_start(
    parent: ScenarioWorkflow, target: str, name: str, key: str, reference: object
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The argument and the options of a child's start."""
    from durascope.live.temporal.workflow import retry_policy

    info, scenario = parent.info, parent.scenario
    suffix = key.removeprefix(name)
    child = run_info(
        World(0, full=False),
        scenario,
        target,
        f"{info.name}/{target}{suffix}",
        info.number,
        key=None if reference is None else str(reference),
        given={name: value for name, value in info.input.items() if name in scenario.workflows[target].input},
    )
    definition = scenario.workflows[target]
    options: dict[str, Any] = {"id": child.name.replace(" ", "-")}
    if reference is not None:
        options["id"] = external_id(reference)
    if definition.run_timeout is not None:
        options["run_timeout"] = timedelta(microseconds=definition.run_timeout)
    options["retry_policy"] = retry_policy(definition.retry)
    return argument(child), options


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


def order(scenario: Scenario, run: RunInfo, queue: str, request: StartRequest) -> StartOrder:
    """The start of a run, as its workflow, the deployment and the workload say."""
    definition, deployment = scenario.workflows[run.workflow], scenario.deployments.temporal
    retry, start_with = definition.retry, request.start_with
    return StartOrder(
        workflow=run.workflow,
        id=workflow_id(run),
        argument=argument(run),
        queue=queue,
        conflict=definition.id_conflict,
        task_timeout=deployment.workflow_task_timeout,
        run_timeout=definition.run_timeout,
        retry=None if retry is None else retry.model_dump(mode="python"),
        after=request.after,
        eager=deployment.eager_start,
        signal=None if start_with is None or start_with.send is None else (start_with.send, start_with.with_),
        update=None if start_with is None or start_with.update is None else (start_with.update, start_with.with_),
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
    """An update-with-start: the start that it makes, and the update itself, to be awaited."""
    assert asked.update is not None
    name, payload = asked.update
    operation: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
        asked.workflow, asked.argument, id_conflict_policy=_policy(asked), **_options(asked)
    )
    return operation, client.execute_update_with_start_workflow(name, payload, start_workflow_operation=operation)


def _options(asked: StartOrder) -> dict[str, Any]:
    from durascope.live.temporal.workflow import retry_policy

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
