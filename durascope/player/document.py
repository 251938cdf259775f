"""All that a page shows, as plain data: the scenario, the engines' drawings, the stories and what forks from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Final

from durascope.experiments.exploration.disturbances import Disturbance
from durascope.models.engine import engine as spec_of
from durascope.models.scenario import Scenario
from durascope.models.visible import visible
from durascope.models.writing import as_short_yaml
from durascope.player.forks import Fork, by_interest, forks, planned
from durascope.player.packing import Json, Pack
from durascope.player.page import size
from durascope.player.stories import Story, stories
from durascope.render.architecture import draw
from durascope.version import __version__

BUDGET: Final = 1_000_000
"""Bytes of a page, unless it is told otherwise."""
VERSION: Final = 1
"""The format's; docs/player.md says what each has."""


def document(
    scenario: Scenario,
    engines: Sequence[str],
    *,
    seed: int = 0,
    budget: int = BUDGET,
    progress: Callable[[str], None] = lambda _what: None,
) -> Json:
    """The stories of the scenario on these engines, and as many of their forks as fit into `budget` bytes of page.

    The stories are in it whatever they take; of the forks the most interesting come first.
    """
    told = stories(scenario, engines, seed)
    draft = _Draft(_head(scenario, engines, seed), engines)
    draft.tell(told)
    opened = told[-1]
    plan = {engine: planned(opened.scenario, opened.traces[engine]) for engine in engines}
    if size(draft.whole()) > budget:
        draft.left_out = {engine: len(points) + skipped for engine, (points, skipped) in plan.items()}
        return draft.whole()
    draft.left_out = {engine: skipped for engine, (_, skipped) in plan.items()}
    for engine, fork in _ranked(opened, plan, seed, progress):
        draft.fork(engine, fork)
    return draft.fitting(budget)


class _Draft:
    """A document that is being filled, and can be cut short."""

    def __init__(self, head: Json, engines: Sequence[str]) -> None:
        self._head, self._engines = head, engines
        self._pack = Pack()
        self._stories: list[Json] = []
        self._forks: list[tuple[str, Json]] = []
        self.left_out: dict[str, int] = {}
        """By engine: how much of what may happen was not asked for."""

    def tell(self, told: Sequence[Story]) -> None:
        """Adds stories; each trace is packed beside the one that it forks from."""
        numbers: dict[str, dict[str, int]] = {}
        for story in told:
            before = numbers.get(story.parent or "", {})
            own = {name: self._pack.add(trace, before.get(name)) for name, trace in story.traces.items()}
            numbers[story.id] = own
            fault = None if story.fault is None else visible(story.fault)
            self._stories.append(
                {"id": story.id, "title": story.title, "parent": story.parent, "fault": fault, "traces": own}
            )

    def fork(self, engine: str, fork: Fork) -> None:
        """Adds a fork of the story told last."""
        story = self._stories[-1]
        each, base = fork.disturbance, story["traces"][engine]
        told: Json = {
            "story": story["id"],
            "what": each.what,
            "target": visible(each.target),
            "from": fork.first,
            "to": fork.last,
            "down_us": each.down_us,
            "phrase": visible(each.words),
            "trace": self._pack.add(fork.trace, base, leaf=True),
            "remedy": fork.remedy,
        }
        self._forks.append((engine, told))

    def whole(self) -> Json:
        return self._first(len(self._forks))

    def fitting(self, budget: int) -> Json:
        """With as many of the first forks as fit: all, or what a few tries find."""
        whole = self.whole()
        if size(whole) <= budget:
            return whole
        low, high, best = 0, len(self._forks), self._first(0)
        while high - low > max(1, len(self._forks) // 50):
            middle = (low + high) // 2
            tried = self._first(middle)
            if size(tried) <= budget:
                low, best = middle, tried
            else:
                high = middle
        return best

    def _first(self, count: int) -> Json:
        forks: dict[str, list[Json]] = {name: [] for name in self._engines}
        left_out = {name: self.left_out.get(name, 0) for name in self._engines}
        for number, (engine, fork) in enumerate(self._forks):
            if number < count:
                forks[engine].append(fork)
            else:
                left_out[engine] += 1
        return {
            **self._head,
            "stories": self._stories,
            "opened": self._stories[-1]["id"],
            "forks": {name: sorted(each, key=_place) for name, each in forks.items()},
            "left_out": left_out,
            "traces": self._pack.as_json(len(self._pack) - len(self._forks) + count),
        }


def _place(fork: Json) -> tuple[int, str, int]:
    return fork["from"], fork["target"], fork["down_us"]


def _ranked(
    story: Story,
    plan: Mapping[str, tuple[Sequence[Disturbance], int]],
    seed: int,
    progress: Callable[[str], None],
) -> list[tuple[str, Fork]]:
    """The forks of all engines, each engine's most interesting first, the engines taking turns."""
    each: list[list[tuple[str, Fork]]] = []
    for engine, (points, _) in plan.items():
        found: list[Fork] = []
        for fork in forks(story.scenario, engine, story.traces[engine], seed, points):
            found.append(fork)
            progress(f"{story.scenario.scenario} on {engine}: {len(found):,} of {len(points):,} crashes")
        each.append([(engine, fork) for fork in by_interest(found, story.traces[engine])])
    return [fork for turn in zip_longest(*each) for fork in turn if fork is not None]


def _head(scenario: Scenario, engines: Sequence[str], seed: int) -> Json:
    return {
        "version": VERSION,
        "durascope": __version__,
        "seed": seed,
        "scenario": _scenario(scenario),
        "engines": [_engine(scenario, engine) for engine in engines],
        "rules": {},
    }


def _scenario(scenario: Scenario) -> Json:
    return {
        "name": scenario.scenario,
        "title": visible(scenario.title or scenario.scenario),
        "about": visible(scenario.about),
        "yaml": visible(as_short_yaml(scenario)),
        "services": {visible(name): visible(service.title or name) for name, service in scenario.services.items()},
    }


def _engine(scenario: Scenario, name: str) -> Json:
    spec = spec_of(name)
    return {
        "name": name,
        "title": spec.title,
        "colour": spec.colours.part_line,
        "frame": spec.colours.frame,
        "frame_line": spec.colours.frame_line,
        "record": spec.record,
        "architecture": draw(scenario, name).svg(prefix=f"{name}-") if spec.architecture else None,
    }
