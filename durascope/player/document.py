"""All that a page shows, as plain data: the scenario, the engines' drawings, the stories and what forks from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from durascope.models.engine import engine as spec_of
from durascope.models.scenario import Scenario
from durascope.models.visible import visible
from durascope.models.writing import as_short_yaml
from durascope.player.forks import Crash, Fork, Interest, crashes, forks, interest, remedied, repeated
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
    asked = [(story, engine, *crashes(story.scenario, went)) for story in told for engine, went in story.went.items()]
    for _, engine, points, skipped in asked:
        draft.left_out[engine] += len(points) + skipped
    if not forked or size(draft.whole()) > budget:
        return draft.whole()
    for story, engine, points, _ in asked:
        hurt: dict[Crash, frozenset[str]] = {}
        for fork in forks(story.scenario, engine, seed, points, processes=processes):
            draft.add(story, engine, fork)
            progress(f"{scenario.scenario} on {engine}: {len(draft):,} crashes")
            again = repeated(fork.trace) - repeated(story.went[engine].trace)
            if again:
                hurt[fork.crash] = again
        for fork in remedied(story.scenario, engine, story.went[engine].trace, seed, hurt):
            draft.add(story, engine, fork)
    return draft.fitting(budget)


@dataclass(frozen=True, slots=True)
class _Packed:
    """A fork whose trace is in the pack."""

    engine: str
    trace: int
    told: Json
    interest: Interest


class _Draft:
    """All that could be in a document; some of its forks may be too many."""

    def __init__(self, head: Json, told: Sequence[Story]) -> None:
        self._head = head
        self._engines = list(told[-1].went)
        self._pack = Pack()
        self._stories = {each["id"]: each for each in _stories(told, self._pack)}
        self._forks: list[_Packed] = []
        """Those that go on alike stand beside each other."""
        self.left_out = dict.fromkeys(self._engines, 0)
        """By engine: how many crashes have not been added."""

    def __len__(self) -> int:
        return len(self._forks)

    def add(self, story: Story, engine: str, fork: Fork) -> None:
        """Adds a fork of a story that is in it."""
        trace = self._pack.add(fork.trace, self._stories[story.id]["traces"][engine], leaf=True)
        worth = interest(fork, story.went[engine].trace)
        self._forks.append(_Packed(engine, trace, _fork(fork, story.id), worth))
        if fork.remedy is None:
            self.left_out[engine] -= 1

    def whole(self) -> Json:
        """With all forks."""
        return self._with(self._forks)

    def fitting(self, budget: int) -> Json:
        """With all forks, or with as many of the most interesting as fit."""
        ranked, count, found = self._ranked(), len(self._forks), self.whole()
        least = size(self._with(()))
        while count and size(found) > budget:
            guess = int(count * (budget - least) / (size(found) - least))
            count = max(0, min(guess, count - 1 - count // 50))
            kept = set(ranked[:count])
            found = self._with([fork for number, fork in enumerate(self._forks) if number in kept])
        return found

    def _ranked(self) -> list[int]:
        """The places of the forks, each engine's most interesting first, the engines taking turns."""
        turns: list[tuple[int, int, int]] = []
        for at, engine in enumerate(self._engines):
            own = [number for number, fork in enumerate(self._forks) if fork.engine == engine]
            own.sort(key=lambda number: self._forks[number].interest, reverse=True)
            turns += [(turn, at, number) for turn, number in enumerate(own)]
        return [number for _, _, number in sorted(turns)]

    def _with(self, forks: Sequence[_Packed]) -> Json:
        """The document with these of the forks."""
        first = sum(len(story["traces"]) for story in self._stories.values())
        told: dict[str, list[Json]] = {engine: [] for engine in self._engines}
        for number, fork in enumerate(forks, start=first):
            told[fork.engine].append({**fork.told, "trace": number})
        left_out = dict(self.left_out)
        for all_of, each in ((self._forks, 1), (forks, -1)):
            for fork in all_of:
                left_out[fork.engine] += each if fork.told["remedy"] is None else 0
        return {
            **self._head,
            "stories": list(self._stories.values()),
            "opened": list(self._stories)[-1],
            "forks": {engine: sorted(each, key=_place) for engine, each in told.items()},
            "left_out": left_out,
            "traces": self._pack.as_json([*range(first), *(fork.trace for fork in forks)]),
        }


def _stories(told: Sequence[Story], pack: Pack) -> list[Json]:
    """Each story's traces are packed beside those of the story that it forks from."""
    numbers: dict[str, dict[str, int]] = {}
    listed: list[Json] = []
    for story in told:
        before = numbers.get(story.parent or "", {})
        own = {engine: pack.add(went.trace, before.get(engine)) for engine, went in story.went.items()}
        numbers[story.id] = own
        fault = None if story.fault is None else visible(story.fault)
        listed.append({"id": story.id, "title": story.title, "parent": story.parent, "fault": fault, "traces": own})
    return listed


def _fork(fork: Fork, story: str) -> Json:
    crash = fork.crash
    return {
        "story": story,
        "what": crash.fault.what,
        "target": visible(crash.fault.target),
        "from": crash.first,
        "to": crash.last,
        "down_us": crash.fault.down_us,
        "phrase": visible(crash.fault.phrase or crash.fault.words),
        "remedy": fork.remedy,
    }


def _place(fork: Json) -> tuple[str, int, str, int]:
    return fork["story"], fork["from"], fork["target"], fork["down_us"]


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
