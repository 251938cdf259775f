"""Trials: each remedy of an exploration's findings is applied, and the scenario is explored again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from durascope.experiments.exploration.explore import explore
from durascope.experiments.exploration.explored import Exploration, Explored, prices
from durascope.experiments.exploration.findings import DUPLICATE, SLOW, Figures, Finding, TriedRemedy
from durascope.experiments.exploration.remedies import Remedy, remedies, written
from durascope.models.phrases import spell
from durascope.models.problems import ScenarioProblems
from durascope.models.scenario import Scenario

HELPS: Final = 0.9
"""A remedy helps if the delay is shorter than this share of the delay without it."""

Progress = Callable[[str, int, int], None]


def with_remedies(
    exploration: Exploration,
    *,
    processes: int | None = None,
    progress: Progress = lambda _engine, _done, _of: None,
) -> Exploration:
    """The exploration with the remedies of its findings, each tried at the moments of the steps.

    What helped against each finding is then applied at once, and explored a last time: `Explored.together`.
    """
    engines = {
        name: _Trials(exploration, each, processes, progress).explored() for name, each in exploration.engines.items()
    }
    return replace(exploration, engines=engines)


@dataclass(frozen=True, slots=True)
class _Trials:
    """Remedies tried on one engine."""

    exploration: Exploration
    before: Explored
    processes: int | None
    progress: Progress
    tried: dict[Remedy, Explored | None] = field(default_factory=dict[Remedy, "Explored | None"])

    def explored(self) -> Explored:
        """The engine's part with the remedies of each finding."""
        found = [replace(each, remedies=tuple(self._remedies(each))) for each in self.before.findings]
        return replace(self.before, findings=found, together=self._together(found))

    def _remedies(self, finding: Finding) -> Iterable[TriedRemedy]:
        for remedy in remedies(self.exploration.scenario, self.before.engine, finding, self.before.steps):
            after = self._with(remedy)
            if after is not None:
                yield _judged(remedy, finding, self.before, after, self.exploration.scenario)

    def _with(self, remedy: Remedy) -> Explored | None:
        """What is found with the remedy; None: it does not fit the scenario."""
        if remedy not in self.tried:
            self.tried[remedy] = self._explored(remedy)
        return self.tried[remedy]

    def _explored(self, remedy: Remedy) -> Explored | None:
        asked, engine = self.exploration, self.before.engine
        try:
            changed = remedy.applied_to(written(asked.scenario))
        except ScenarioProblems:
            return None
        again = explore(
            changed, [engine], seed=asked.seed, whats=asked.whats, between=False, name=asked.origin.name,
            runs=asked.origin.runs, settings=(*asked.origin.settings, *remedy.settings), processes=self.processes,
            progress=self.progress,
        )  # fmt: skip
        return again.engines[engine]

    def _together(self, findings: Iterable[Finding]) -> TriedRemedy | None:
        """What helped against each finding, all at once; None: there are not two different remedies."""
        settings = _compatible([each.remedies for each in findings])
        if settings is None:
            return None
        remedy = Remedy("what helped, together", settings)
        after = self._with(remedy)
        if after is None:
            return None
        old, new = (_figures(_again(each), None, each, self.exploration.scenario) for each in (self.before, after))
        better = new.words != old.words or after.tally.excess_us < HELPS * self.before.tally.excess_us
        loses = any(_loses(step, self.before, after) for step in self.before.steps)
        return TriedRemedy(remedy.title, remedy.settings, old, new, helped=better, loses=loses)


def _compatible(findings: Iterable[Sequence[TriedRemedy]]) -> tuple[str, ...] | None:
    """For each finding the first remedy that costs nothing else; None: there are fewer than two different ones.

    A service that is handed one idempotency key by two steps would take the second for the first.
    """
    settings: dict[str, str] = {}
    chosen: set[tuple[str, ...]] = set()
    for tried in findings:
        for remedy in tried:
            new = {path: value for path, _, value in (each.partition("=") for each in remedy.settings)}
            shared = any(path.endswith(".deduplicates") and path in settings for path in new)
            if remedy.helped and not remedy.loses and (remedy.settings in chosen or not shared):
                settings |= {path: value for path, value in new.items() if path not in settings}
                chosen.add(remedy.settings)
                break
    return tuple(f"{path}={value}" for path, value in settings.items()) if len(chosen) > 1 else None


def _loses(step: str, before: Explored, after: Explored) -> bool:
    """Whether the step's effect can fail to happen, which it could not before."""
    return step in after.steps and after.steps[step].fewest < before.steps[step].fewest


def _judged(remedy: Remedy, finding: Finding, before: Explored, after: Explored, scenario: Scenario) -> TriedRemedy:
    words, helped = _words(finding, before, after)
    step = finding.step if finding.property == DUPLICATE else None
    figures = [_figures(word, step, each, scenario) for word, each in zip(words, (before, after), strict=True)]
    loses = step is not None and _loses(step, before, after)
    return TriedRemedy(remedy.title, remedy.settings, figures[0], figures[1], helped=helped, loses=loses)


def _words(finding: Finding, before: Explored, after: Explored) -> tuple[tuple[str, str], bool]:
    """What the finding is about, before and after, and whether the remedy helped."""
    if finding.property == DUPLICATE and finding.step is not None:
        old, new = before.steps[finding.step], after.steps.get(finding.step)
        return (_often(old.fewest, old.most), "–" if new is None else _often(new.fewest, new.most)), (
            new is not None and new.most < old.most
        )
    if finding.property == SLOW:
        old_us, new_us = before.tally.excess_us, after.tally.excess_us
        return (f"{spell(old_us)} longer than the fault", f"{spell(new_us)} longer"), new_us < HELPS * old_us
    counts = [each.broken.get(finding.property, 0) for each in (before, after)]
    old_word, new_word = (f"broken by {count:,}" if count else "held" for count in counts)
    return (old_word, new_word), not counts[1]


def _often(fewest: int, most: int) -> str:
    """`1–2 times`, `once`"""
    if fewest != most:
        return f"{fewest}–{most} times"
    return {0: "never", 1: "once"}.get(most, f"{most} times")


def _again(explored: Explored) -> str:
    """How many steps can have their effect more often than undisturbed."""
    usual = explored.tally.usual
    again = sum(found.most > usual.get(step, found.most) for step, found in explored.steps.items())
    return f"{again or 'none'} of {len(explored.steps)} steps can happen again"


def _figures(words: str, step: str | None, explored: Explored, scenario: Scenario) -> Figures:
    """`step`: whose recovery is meant; None: the run's."""
    known = explored.steps.get(step) if step is not None else None
    return Figures(
        words=words,
        recovery_us=explored.worst_delay_us if known is None else known.worst_recovery_us,
        usd=_dearest(explored, prices(scenario)),
        latency_us=_slowest_run(explored),
    )


def _dearest(explored: Explored, price: dict[str, float]) -> float | None:
    """What the calls of a run can cost at most, in USD; None: no service has a price."""
    costs = [found.most * price[step] for step, found in explored.steps.items() if step in price]
    return sum(costs) if costs else None


def _slowest_run(explored: Explored) -> int:
    """How long the slowest run takes undisturbed, in microseconds."""
    runs = explored.undisturbed.trace.started
    return max((run.ended_at - run.started_at for run in runs if run.ended_at is not None), default=0)
