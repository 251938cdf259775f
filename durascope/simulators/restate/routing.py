"""Who serves what, and which partition it belongs to: what the schema and the partition table say (restate.md §2).

Each workflow is a handler of a service of its own, or of the one that it names (`serving`): exclusive handlers of one
virtual object wait for each other at a key, those of different objects do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from durascope.models.scenario import Scenario
from durascope.models.serving import serving
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.restate.journal import Command, Journal
from durascope.simulators.restate.store import (
    HandlerKind,
    Invocation,
    Partition,
    Sink,
    Status,
    Target,
    partition_number,
)
from durascope.simulators.workload import run_info


class Outgoing(NamedTuple):
    """What a Call or OneWayCall asks for."""

    workflow: str
    key: str | None
    luck: str
    """Where the called run's luck comes from: the step that calls it."""
    invoke_at: int | None = None
    """Microseconds; a delayed send."""
    kind: HandlerKind = "run"
    handler: str | None = None
    payload: object = None


class Router:
    """Makes the rows of new invocations."""

    def __init__(self, world: World, scenario: Scenario, partitions: Sequence[Partition]) -> None:
        self.world = world
        self.scenario = scenario
        self.partitions = partitions
        started_by = [name for name, workflow in scenario.workflows.items() if workflow.started_by is not None]
        self.outer = frozenset((*scenario.started, *started_by))
        """The workflows that are started from outside; the others are only called."""

    # ---- targets ---------------------------------------------------------------------------------------------

    def target(self, workflow: str, key: str | None, kind: HandlerKind = "run", handler: str | None = None) -> Target:
        """A handler of the workflow's service; `run` is the workflow itself, the others stand beside it."""
        service, service_kind = serving(self.scenario, workflow)
        handler = handler or workflow
        if service_kind == "service":
            return Target(workflow, handler, kind, service)
        exclusive = service_kind == "object" and kind in ("run", "update")
        return Target(
            workflow, handler, kind, service, service_kind, key or workflow, exclusive=exclusive, stateful=True
        )

    def key_of(self, workflow: str, key: str | None, run: str) -> str | None:
        """The key that a run is invoked at; a workflow's run needs one, and gets its name."""
        return run if key is None and serving(self.scenario, workflow).kind == "workflow" else key

    def partition(self, target: Target, name: str) -> Partition:
        """By the key of an object or workflow, else by `name`: an idempotency key, or the (random) id."""
        key = f"{target.service}/{target.key}" if target.key is not None else name
        return self.partitions[partition_number(key, len(self.partitions))]

    def invocation(
        self,
        run: RunInfo,
        target: Target,
        *,
        due: int | None = None,
        source: str = "ingress",
        idempotency_key: str | None = None,
    ) -> Invocation:
        partition = self.partition(target, run.name if idempotency_key is None else idempotency_key)
        vobject = None
        if target.key is not None:
            vobject = partition.vobject(target.service, target.key)
        now = self.world.now
        row = Invocation(run, target, partition, Journal(), Status.FREE, now, vobject, source=source, due=due)
        row.modified_at = now
        return row

    def child(self, caller: Invocation, command: Command) -> Invocation:
        """The row of what a Call or OneWayCall asks for."""
        outgoing: Outgoing = command.detail
        name = f"{caller.name}.{len(caller.children or ()) + 1}"
        run = self.run(outgoing.workflow, name, caller.run, outgoing.key, outgoing.luck)
        key = self.key_of(outgoing.workflow, run.key, name) if outgoing.kind == "run" else outgoing.key
        target = self.target(outgoing.workflow, key, outgoing.kind, outgoing.handler)
        row = self.invocation(run, target, due=outgoing.invoke_at, source=caller.name)
        if command.type == "Call":
            row.sinks = (Sink(caller, command.ids[1]),)
        return row

    def run(self, workflow: str, name: str, caller: RunInfo, key: str | None, luck: str) -> RunInfo:
        """The identity of a run that another has started; it inherits the caller's input."""
        given: Mapping[str, object] = caller.input
        info = run_info(self.world, self.scenario, workflow, name, caller.number, key=key, given=given)
        if key is not None and self.scenario.workflows[workflow].key is None:
            info = replace(info, key=key)
        return replace(info, luck=f"{caller.luck}/{luck}", parent=caller.name)

    # ---- finding ---------------------------------------------------------------------------------------------

    def find(self, name: str) -> Invocation | None:
        """The row of that name, wherever it is."""
        for partition in self.partitions:
            row = partition.invocations.get(name)
            if row is not None:
                return row
        return None

    def of_key(self, key: str) -> Invocation | None:
        """The latest run of that key which has not ended."""
        found: Invocation | None = None
        for partition in self.partitions:
            for row in partition.invocations.values():
                if row.run.key == key and row.target.kind == "run" and row.status is not Status.COMPLETED:
                    found = row if found is None or row.accepted_at >= found.accepted_at else found
        return found
