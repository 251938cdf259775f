"""Cures: remedies that a user can really apply, each tried: applied, explored again, before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from durascope.experiments.exploration.explore import Exploration, Explored, explore
from durascope.experiments.exploration.findings import Cure, Finding
from durascope.models.durations import format_duration
from durascope.models.overrides import Overrides
from durascope.models.problems import ScenarioProblems
from durascope.models.reading import scenario_of
from durascope.models.run_step import Run
from durascope.models.scenario import Scenario
from durascope.models.source import Source
from durascope.models.writing import as_yaml
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
                    processes=processes, progress=progress,
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
    if finding.property == "duplicate" and finding.step is not None:
        old, new = before.steps[finding.step], after.steps.get(finding.step)
        shown = [f"{each.fewest}–{each.most} times" if each is not None else "–" for each in (old, new)]
        return Cure(remedy.title, remedy.settings, *shown, helped=new is not None and new.most < old.most)
    moments = [o.delay_us for d, o in before.outcomes if d.step is not None]
    old_worst = None if None in moments else max((d for d in moments if d is not None), default=0)
    words = ["does not end" if w is None else f"{w / 1e6:.3g} s late" for w in (old_worst, after.worst_delay_us)]
    helped = after.worst_delay_us is not None and (old_worst is None or after.worst_delay_us < 0.9 * old_worst)
    return Cure(remedy.title, remedy.settings, *words, helped=helped)


def _remedies(scenario: Scenario, engine: str, finding: Finding) -> Iterator[Remedy]:
    """What fits the finding; the settings are what `--set` takes."""
    if finding.property == "duplicate" and finding.step is not None:
        yield from _against_duplicates(scenario, finding.step)
    if finding.property in ("slow", "no-run-lost"):
        yield from _against_delay(scenario, engine)
    if engine == "temporal" and scenario.deployments.temporal.eager_activities:
        yield Remedy("no eager activities", ("deployments.temporal.eager_activities=false",))


def _steps(scenario: Scenario, label: str) -> Sequence[tuple[str, Run]]:
    return [(name, step) for name, step in scenario.runs() if step.label == label]


def _against_duplicates(scenario: Scenario, label: str) -> Iterator[Remedy]:
    for workflow, step in _steps(scenario, label):
        program = scenario.workflows[workflow]
        key = program.key or next(iter(program.input), None)
        if step.on is not None and key is not None and step.idempotency_key is None:
            yield Remedy(
                f"an idempotency key at {scenario.services[step.on].title or step.on}",
                (f"services.{step.on}.deduplicates=true", f"workflows.{workflow}.steps.{label}.idempotency_key={key}"),
            )


def _against_delay(scenario: Scenario, engine: str) -> Iterator[Remedy]:
    if engine == "temporal":
        slowest = max((_slowest(scenario, step) for _, step in scenario.runs()), default=0)
        shorter = max(1_000_000, 2 * slowest)
        limit = scenario.deployments.temporal.step_timeout
        if limit and shorter < limit:
            yield Remedy(
                f"a start-to-close timeout of {format_duration(shorter)}, twice the slowest step",
                (f"deployments.temporal.step_timeout={shorter}us",),
            )
    if engine == "inngest":
        yield Remedy("a constant backoff of 1 s", ("deployments.inngest.backoff=1s",))
    if engine == "restate":
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
