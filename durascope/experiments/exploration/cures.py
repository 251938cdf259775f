"""Cures: remedies that a user can really apply, each tried: applied, explored again, before and after."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from durascope.experiments.exploration.explore import explore
from durascope.experiments.exploration.explored import Exploration, Explored
from durascope.experiments.exploration.findings import DUPLICATE, SLOW, Cure, Finding
from durascope.experiments.exploration.tally import Guarantee
from durascope.models.durations import format_duration
from durascope.models.faults import Deploy
from durascope.models.overrides import Overrides
from durascope.models.phrases import spell
from durascope.models.problems import ScenarioProblems
from durascope.models.reading import scenario_of
from durascope.models.run_step import Run
from durascope.models.scenario import Scenario
from durascope.models.source import Source
from durascope.models.writing import as_plain, as_yaml
from durascope.models.yaml12 import compose


@dataclass(frozen=True, slots=True)
class Remedy:
    """Something to change in a scenario."""

    title: str
    settings: tuple[str, ...]

    def applied_to(self, scenario: Scenario) -> Scenario:
        """The scenario with it. Raises `ScenarioProblems` where it does not fit."""
        value, problems = compose(Source("scenario", as_yaml(scenario)))
        changed, wrong = Overrides(self.settings).applied_to(value)
        return scenario_of(changed, [*problems, *wrong])


def cured(
    exploration: Exploration,
    *,
    processes: int | None = None,
    progress: Callable[[str, int, int], None] = lambda _engine, _done, _of: None,
) -> Exploration:
    """The exploration with the cures of its findings; each was applied and explored again at the steps' moments."""
    engines = {name: _of_engine(exploration, each, processes, progress) for name, each in exploration.engines.items()}
    return replace(exploration, engines=engines)


def _of_engine(
    exploration: Exploration,
    before: Explored,
    processes: int | None,
    progress: Callable[[str, int, int], None],
) -> Explored:
    tried: dict[Remedy, Explored | None] = {}

    def attempt(remedy: Remedy) -> Explored | None:
        if remedy not in tried:
            try:
                changed = remedy.applied_to(exploration.scenario)
                again = explore(
                    changed, [before.engine], seed=exploration.seed, whats=exploration.whats, between=False,
                    name=exploration.origin.name, runs=exploration.origin.runs,
                    settings=(*exploration.origin.settings, *remedy.settings), processes=processes, progress=progress,
                )  # fmt: skip
                tried[remedy] = again.engines[before.engine]
            except ScenarioProblems:
                tried[remedy] = None
        return tried[remedy]

    found: list[Finding] = []
    for finding in before.findings:
        cures: list[Cure] = []
        for remedy in _remedies(exploration.scenario, before.engine, finding):
            after = attempt(remedy)
            if after is not None:
                cures.append(_judged(remedy, finding, before, after))
        found.append(replace(finding, cures=tuple(cures)))
    return replace(before, findings=found)


def _judged(remedy: Remedy, finding: Finding, before: Explored, after: Explored) -> Cure:
    costs = _costs(before, after)
    if finding.property == DUPLICATE and finding.step is not None:
        old, new = before.steps[finding.step], after.steps.get(finding.step)
        shown = ["–" if each is None else _often(each) for each in (old, new)]
        return Cure(remedy.title, remedy.settings, *shown, helped=new is not None and new.most < old.most, costs=costs)
    if finding.property == SLOW:
        worst = [each.tally.excess_us for each in (before, after)]
        words = [f"{spell(us)} late" for us in worst]
        return Cure(remedy.title, remedy.settings, *words, helped=worst[1] < 0.9 * worst[0], costs=costs)
    counts = [each.broken.get(finding.property, 0) for each in (before, after)]
    words = [f"broken after {count:,}" if count else "held" for count in counts]
    return Cure(remedy.title, remedy.settings, *words, helped=not counts[1], costs=costs)


def _often(found: Guarantee) -> str:
    """`1–2 times`, `once`"""
    if found.fewest != found.most:
        return f"{found.fewest}–{found.most} times"
    return {0: "never", 1: "once"}.get(found.most, f"{found.most} times")


def _costs(before: Explored, after: Explored) -> str:
    """What the remedy changes where nothing breaks: the slowest run's time."""
    old, new = (_slowest_run(each) for each in (before, after))
    if not old or abs(new - old) < max(1_000, old // 100):
        return ""
    return f"undisturbed, a run takes {spell(new)} instead of {spell(old)}"


def _slowest_run(explored: Explored) -> int:
    runs = explored.undisturbed.trace.started
    return max((run.ended_at - run.started_at for run in runs if run.ended_at is not None), default=0)


def _remedies(scenario: Scenario, engine: str, finding: Finding) -> Iterator[Remedy]:
    """What fits the finding; the settings are what `--set` takes."""
    if finding.property == DUPLICATE and finding.step is not None:
        yield from against_duplicates(scenario, engine, finding.step)
    if finding.property in (SLOW, "no-run-lost"):
        yield from _against_delay(scenario, engine, finding.step)
    if finding.property == "no-run-lost" and any(isinstance(fault, Deploy) for fault in scenario.faults):
        yield from _guards(scenario)
    if finding.property == "one-at-a-time":
        for name, workflow in scenario.workflows.items():
            if not workflow.one_at_a_time and workflow.key is not None:
                yield Remedy(f"one run a key at a time for {name}", (f"workflows.{name}.one_at_a_time=true",))


def _steps(scenario: Scenario, label: str) -> Sequence[tuple[str, Run]]:
    return [(name, step) for name, step in scenario.runs() if step.label == label]


def against_duplicates(scenario: Scenario, engine: str, label: str) -> Iterator[Remedy]:
    """What may keep a step's effect from happening again."""
    for workflow, step in _steps(scenario, label):
        program = scenario.workflows[workflow]
        key = program.key or next(iter(program.input), None)
        if step.on is not None and key is not None and step.idempotency_key is None:
            yield Remedy(
                f"an idempotency key at {scenario.services[step.on].title or step.on}",
                (f"services.{step.on}.deduplicates=true", f"workflows.{workflow}.steps.{label}.idempotency_key={key}"),
            )
        if step.retry is None or step.retry.max_attempts != 1:
            yield Remedy(
                f"no second attempt of {label}: at most once, and somebody has to look",
                (f"workflows.{workflow}.steps.{label}.retry.max_attempts=1",),
            )
    if engine == "temporal" and scenario.deployments.temporal.eager_activities:
        yield Remedy("no eager activities", ("deployments.temporal.eager_activities=false",))
    if engine == "inngest" and scenario.deployments.inngest.app.checkpoints is not None:
        yield Remedy("no checkpointing", ("deployments.inngest.app.checkpointing=false",))


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


def _against_delay(scenario: Scenario, engine: str, label: str | None) -> Iterator[Remedy]:
    if engine == "temporal":
        for workflow, step in _steps(scenario, label or ""):
            if step.heartbeat is None:
                path = f"workflows.{workflow}.steps.{label}.heartbeat"
                yield Remedy(f"a heartbeat in {label}, missed after 1 s", (f"{path}={{timeout: 1s}}",))
        slowest = max((_slowest(scenario, step) for _, step in scenario.runs()), default=0)
        shorter = max(1_000_000, 2 * slowest)
        limit = scenario.deployments.temporal.step_timeout
        if limit and shorter < limit:
            yield Remedy(
                f"a start-to-close timeout of {format_duration(shorter)}, twice the slowest step",
                (f"deployments.temporal.step_timeout={shorter}us",),
            )
    if engine == "inngest":
        if scenario.deployments.inngest.app.replicas == 1:
            yield Remedy("a second replica of the app", ("deployments.inngest.app.replicas=2",))
        yield Remedy("a constant backoff of 1 s", ("deployments.inngest.backoff=1s",))
    if engine == "restate":
        if scenario.deployments.restate.service.replicas == 1:
            yield Remedy("a second replica of the service", ("deployments.restate.service.replicas=2",))
        retry = "deployments.restate.retry"
        settings = (f"{retry}.initial=100ms", f"{retry}.max_interval=1s")
        yield Remedy("retries of the invocation from 100 ms on, at most 1 s apart", settings)


def _slowest(scenario: Scenario, step: Run) -> int:
    """The duration that 99 of 100 executions stay below, in microseconds."""
    spreads = step.takes if isinstance(step.takes, tuple) else (step.takes,)
    known = [spread.at(0.99) for spread in spreads if spread is not None]
    if not known and step.on is not None:
        known = [scenario.services[step.on].latency.at(0.99)]
    return max(known, default=30_000)
