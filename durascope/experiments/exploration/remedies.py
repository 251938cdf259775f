"""Remedies: what a user can really change in a scenario against what an exploration has found."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from durascope.experiments.exploration.findings import DUPLICATE, SLOW, Finding
from durascope.models.attempt_limits import slowest
from durascope.models.deployments import TemporalWorker
from durascope.models.durations import format_duration
from durascope.models.faults import Deploy
from durascope.models.overrides import Overrides
from durascope.models.phrases import spell
from durascope.models.reading import scenario_of
from durascope.models.run_step import Run
from durascope.models.scenario import Scenario
from durascope.models.source import Source, Value
from durascope.models.units import SECOND
from durascope.models.workflow import Workflow
from durascope.models.writing import as_plain, as_yaml
from durascope.models.yaml12 import compose

SILENCE: Final = SECOND
"""A heartbeat that is tried may be missing for so long."""
CACHE: Final = 1_000
"""Runs that a Temporal worker keeps in memory, unless it is told otherwise."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """Something to change in a scenario."""

    title: str
    settings: tuple[str, ...]

    def applied_to(self, document: Value) -> Scenario:
        """The scenario as it was `written`, with it. Raises `ScenarioProblems` if it does not fit."""
        return scenario_of(*Overrides(self.settings).applied_to(document))


def written(scenario: Scenario) -> Value:
    """The scenario as a document that remedies change."""
    return compose(Source("scenario", as_yaml(scenario)))[0]


def remedies(scenario: Scenario, engine: str, finding: Finding, ran: Collection[str]) -> Iterator[Remedy]:
    """What fits the finding; the settings are what `--set` takes. `ran`: the steps that were seen at all."""
    if finding.property == DUPLICATE and finding.step is not None:
        yield from against_duplicates(scenario, engine, finding.step)
    if finding.property in (SLOW, "no-run-lost"):
        yield from _against_delay(scenario, engine, ran)
    if finding.property == "no-run-lost" and any(isinstance(fault, Deploy) for fault in scenario.faults):
        yield from _guards(scenario)
    if finding.property == "one-at-a-time":
        for name, workflow in scenario.workflows.items():
            if not workflow.one_at_a_time and workflow.key is not None:
                yield Remedy(f"one run per key at a time for {name}", (f"workflows.{name}.one_at_a_time=true",))


def _steps(scenario: Scenario, label: str) -> Sequence[tuple[str, Run]]:
    return [(name, step) for name, step in scenario.runs() if step.label == label]


def against_duplicates(scenario: Scenario, engine: str, label: str) -> Iterator[Remedy]:
    """What may keep a step's effect from happening again."""
    for workflow, step in _steps(scenario, label):
        program = scenario.workflows[workflow]
        path = f"workflows.{workflow}.steps.{label}"
        key = _telling(program)
        if step.on is not None and key is not None and step.idempotency_key is None:
            yield Remedy(
                f"an idempotency key at {scenario.services[step.on].title or step.on}",
                (f"services.{step.on}.deduplicates=true", f"{path}.idempotency_key={key}"),
            )
        if step.check_first is None:
            asking = scenario.services[step.on].latency.at(0.5) if step.on is not None else 0
            yield Remedy(
                f"checking before acting ({spell(asking)})",
                (f"{path}.check_first={format_duration(asking)}",),
            )
        if step.retry is None or step.retry.max_attempts != 1:
            yield Remedy("at most one attempt", (f"{path}.retry.max_attempts=1",))
    if engine == "temporal" and scenario.deployments.temporal.eager_activities:
        yield Remedy("no eager activities", ("deployments.temporal.eager_activities=false",))
    if engine == "inngest" and scenario.deployments.inngest.app.checkpoints is not None:
        yield Remedy("no checkpointing", ("deployments.inngest.app.checkpointing=false",))


def _telling(workflow: Workflow) -> str | None:
    """The field that tells a run's effect from all others' best: a unique one, else the key, else the first."""
    unique = (name for name, value in workflow.input.items() if value == "unique")
    return next(unique, None) or workflow.key or next(iter(workflow.input), None)


def _guards(scenario: Scenario) -> Iterator[Remedy]:
    """The new step of each deploy taken only by runs that begin with the new code."""
    faults = as_plain(scenario)["faults"]
    guarded = [_guarded(fault) if "deploy" in fault else fault for fault in faults]
    if guarded != faults:
        yield Remedy("a version guard (`patched`) around the new step", (f"faults={json.dumps(guarded)}",))


def _guarded(fault: dict[str, Any]) -> dict[str, Any]:
    change = fault.get("change", [])
    changes = [_in_guard(each) for each in (change if isinstance(change, list) else [change])]
    return {**fault, "change": changes}


def _in_guard(change: dict[str, Any]) -> dict[str, Any]:
    if "insert" in change and "patched" not in change["insert"]["step"]:
        step = {"patched": "new-step", "do": [change["insert"]["step"]]}
        return {"insert": {**change["insert"], "step": step}}
    if "append" in change and "patched" not in change["append"]:
        return {"append": {"patched": "new-step", "do": [change["append"]]}}
    return change


def _against_delay(scenario: Scenario, engine: str, ran: Collection[str]) -> Iterator[Remedy]:
    match engine:
        case "temporal":
            yield from _on_temporal(scenario, ran)
        case "inngest":
            if scenario.deployments.inngest.app.replicas == 1:
                yield Remedy("a second replica of the app", ("deployments.inngest.app.replicas=2",))
            yield Remedy("a constant backoff of 1 s", ("deployments.inngest.backoff=1s",))
        case "restate":
            if scenario.deployments.restate.service.replicas == 1:
                yield Remedy("a second replica of the service", ("deployments.restate.service.replicas=2",))
            retry = "deployments.restate.retry"
            settings = (f"{retry}.initial=100ms", f"{retry}.max_interval=1s")
            yield Remedy("retries of the invocation from 100 ms on, at most 1 s apart", settings)
        case _:
            return


def _on_temporal(scenario: Scenario, ran: Collection[str]) -> Iterator[Remedy]:
    """A worker's death is noticed by timeouts alone: shorter ones, a heartbeat, or another worker that has the work."""
    deployment = scenario.deployments.temporal
    silent = [(n, step) for n, step in scenario.runs() if step.label in ran and not (step.heartbeat or step.local)]
    if silent:
        yield Remedy(
            f"a heartbeat in every step ({spell(SILENCE)})",
            tuple(f"workflows.{name}.steps.{step.label}.heartbeat={{timeout: {format_duration(SILENCE)}}}"
                  for name, step in silent),
        )  # fmt: skip
    shorter = max([1_000_000, *(2 * slowest(scenario, step) for _, step in scenario.runs())])
    if deployment.step_timeout and shorter < deployment.step_timeout:
        yield Remedy(
            f"a start-to-close timeout of {spell(shorter)}",
            (f"deployments.temporal.step_timeout={format_duration(shorter)}",),
        )
    alone = [worker for worker in deployment.workers if worker.replicas == 1]
    if alone:
        who = " and ".join(worker.name for worker in alone)
        yield Remedy(f"a second replica of {who}", _of_workers(deployment.workers, alone, "replicas", 2))
    small = [worker for worker in deployment.workers if worker.cache < CACHE and worker.runs != "activities"]
    if small:
        yield Remedy(f"a cache of {CACHE:,} runs", _of_workers(deployment.workers, small, "cache", CACHE))


def _of_workers(
    workers: Sequence[TemporalWorker], chosen: Sequence[TemporalWorker], field: str, value: int
) -> tuple[str, ...]:
    """The settings that give these workers a value; a scenario that names no worker has one, which is named so."""
    if list(workers) == [TemporalWorker()]:
        return (f"deployments.temporal.workers=[{{{field}: {value}}}]",)
    return tuple(f"deployments.temporal.workers.{worker.name}.{field}={value}" for worker in chosen)
