"""All that a page shows, as plain data: the scenario, the engines' drawings, the stories and what forks from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from durascope.models.engine import engine as spec_of
from durascope.models.scenario import Scenario
from durascope.models.visible import visible
from durascope.models.writing import as_short_yaml
from durascope.player.forks import Fork, crashes, forks, interest
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
    forked: bool = True,
    processes: int | None = None,
    progress: Callable[[str], None] = lambda _what: None,
) -> Json:
    """The stories of the scenario on these engines, and as many of their forks as fit into `budget` bytes of page.

    The stories are in it whatever they take; of the forks the most interesting come first. Without `forked` none is
    made: somebody answers what the page asks.
    """
    told = stories(scenario, engines, seed)
    draft = _Draft(_head(scenario, engines, seed), told)
    opened = told[-1]
    asked = {engine: crashes(opened.scenario, went) for engine, went in opened.went.items()}
    draft.skipped = {engine: len(points) + skipped for engine, (points, skipped) in asked.items()}
    if not forked or size(draft.with_forks(())) > budget:
        return draft.with_forks(())
    draft.skipped = {engine: skipped for engine, (_, skipped) in asked.items()}
    for engine, (points, _) in asked.items():
        for fork in forks(opened.scenario, engine, seed, points, processes=processes):
            draft.forks.append((engine, fork))
            progress(f"{scenario.scenario} on {engine}: {len(draft.forks):,} crashes")
    return draft.fitting(budget)


class _Draft:
    """All that could be in a document; some of its forks may be too many."""

    def __init__(self, head: Json, told: Sequence[Story]) -> None:
        self._head, self._told = head, told
        self._engines = list(told[-1].went)
        self.forks: list[tuple[str, Fork]] = []
        """Of the last story, neighbours beside each other."""
        self.skipped: Mapping[str, int] = {}
        """By engine: how many crashes were not asked for."""

    def fitting(self, budget: int) -> Json:
        """With all forks, or with as many of the most interesting as fit."""
        whole, least = self.with_forks(self.forks), size(self.with_forks(()))
        ranked, count, found = self._ranked(), len(self.forks), whole
        while count and size(found) > budget:
            guess = int(count * (budget - least) / (size(found) - least))
            count = min(guess, count - 1 - count // 50)
            kept = set(ranked[: max(0, count)])
            found = self.with_forks([fork for number, fork in enumerate(self.forks) if number in kept])
        return found

    def _ranked(self) -> list[int]:
        """The places of the forks, each engine's most interesting first, the engines taking turns."""
        story = self._told[-1]
        turns: list[tuple[int, int, int]] = []
        for at, engine in enumerate(self._engines):
            trace = story.went[engine].trace
            own = [(number, fork) for number, (name, fork) in enumerate(self.forks) if name == engine]
            own.sort(key=lambda each: interest(each[1], trace), reverse=True)
            turns += [(turn, at, number) for turn, (number, _) in enumerate(own)]
        return [number for _, _, number in sorted(turns)]

    def with_forks(self, forks: Sequence[tuple[str, Fork]]) -> Json:
        """The document with these of the forks."""
        pack = Pack()
        stories = self._stories(pack)
        opened = stories[-1]
        told: dict[str, list[Json]] = {engine: [] for engine in self._engines}
        for engine, fork in forks:
            number = pack.add(fork.trace, opened["traces"][engine], leaf=True)
            told[engine].append(_fork(fork, opened["id"], number))
        left_out = {engine: self.skipped.get(engine, 0) for engine in self._engines}
        for engine, _ in self.forks:
            left_out[engine] += 1
        return {
            **self._head,
            "stories": stories,
            "opened": opened["id"],
            "forks": {engine: sorted(each, key=_place) for engine, each in told.items()},
            "left_out": {engine: left_out[engine] - len(told[engine]) for engine in self._engines},
            "traces": pack.as_json(),
        }

    def _stories(self, pack: Pack) -> list[Json]:
        """Each story's traces are packed beside those of the story that it forks from."""
        numbers: dict[str, dict[str, int]] = {}
        listed: list[Json] = []
        for story in self._told:
            before = numbers.get(story.parent or "", {})
            own = {engine: pack.add(went.trace, before.get(engine)) for engine, went in story.went.items()}
            numbers[story.id] = own
            fault = None if story.fault is None else visible(story.fault)
            listed.append({"id": story.id, "title": story.title, "parent": story.parent, "fault": fault, "traces": own})
        return listed


def _fork(fork: Fork, story: str, trace: int) -> Json:
    crash = fork.crash
    return {
        "story": story,
        "what": crash.fault.what,
        "target": visible(crash.fault.target),
        "from": crash.first,
        "to": crash.last,
        "down_us": crash.fault.down_us,
        "phrase": visible(crash.fault.phrase or crash.fault.words),
        "trace": trace,
        "remedy": fork.remedy,
    }


def _place(fork: Json) -> tuple[int, str, int]:
    return fork["from"], fork["target"], fork["down_us"]


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
