"""Everything that a page shows, as plain data: the scenario, the engines' drawings, the stories and their forks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from durascope.models.engine import engine as spec_of
from durascope.models.scenario import Scenario
from durascope.models.visible import visible
from durascope.models.writing import as_short_yaml
from durascope.player.forks import Fork, Forked, Interest, crashes, forks
from durascope.player.packing import Json, Pack, told
from durascope.player.page import size
from durascope.player.rules import RULES
from durascope.player.stories import Story, stories
from durascope.render.architecture import draw
from durascope.simulators.simulate import seldom_collected
from durascope.version import __version__

BUDGET: Final = 1_000_000
"""The default size limit of a page, in bytes."""
VERSION: Final = 2
"""The version of the format; docs/player.md describes it."""


@seldom_collected()  # a page is made of millions of small things, and none of them is garbage
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
    """The document of a page: the stories of the scenario on these engines, and as many forks as fit.

    `budget` is the size of the page in bytes.

    The stories are always in it; the most interesting forks come first. Without `forked` no fork is computed: a server
    answers the page's questions instead.
    """
    all_told = stories(scenario, engines, seed)
    draft = _Draft(_head(scenario, engines, seed), all_told)
    asked: list[Forked] = []
    of_story: list[Story] = []
    for story in all_told:
        for engine, went in story.went.items():
            points, skipped = crashes(story.scenario, went)
            asked.append(Forked(story.scenario, engine, went.trace, points))
            of_story.append(story)
            draft.left_out[engine] += len(points) + skipped
            draft.not_tried[engine] += skipped
    if not forked or size(draft.whole()) > budget:
        return draft.whole()
    for number, fork in forks(asked, seed, processes=processes):
        engine = asked[number].engine
        draft.add(number, of_story[number], engine, fork)
        progress(f"{scenario.scenario} on {engine}: {len(draft):,} crashes")
    return draft.fitting(budget)


def crashes_in(document: Json) -> dict[str, int]:
    """How many crashes a document has, by engine; one that is also there with a remedy counts once."""
    plain = [kind["remedy"] is None for kind in document["fork_kinds"]]
    return {engine: sum(plain[kind] for kind in each["kind"]) for engine, each in document["forks"].items()}


@dataclass(frozen=True, slots=True)
class _Packed:
    """A fork whose trace is in the pack."""

    story: int
    """The number of the story on its engine."""
    engine: str
    trace: int
    kind: int
    """Its row in the table of kinds."""
    first: int
    last: int
    is_remedied: bool
    interest: Interest


class _Draft:
    """All that could be in a document; some of its forks may be too many."""

    def __init__(self, head: Json, told: Sequence[Story]) -> None:
        self._head = head
        self._engines = list(told[-1].went)
        self._pack = Pack()
        self._stories = _stories(told, self._pack)
        self._kinds: dict[tuple[Any, ...], int] = {}
        """What forks have in common, all but their moments: the number of their kind."""
        self._kinds_told: list[Json] = []
        """The kinds by their numbers."""
        self._forks: list[_Packed] = []
        self.left_out = dict.fromkeys(self._engines, 0)
        """By engine: how many crashes have not been added."""
        self.not_tried = dict.fromkeys(self._engines, 0)
        """By engine: how many of these were not simulated, because the story is too long."""

    def __len__(self) -> int:
        return len(self._forks)

    def add(self, number: int, story: Story, engine: str, fork: Fork) -> None:
        """Adds a fork of a story that is in it; `number` is that of the story on its engine."""
        crash, fault = fork.crash, fork.crash.fault
        row = self._kinds.setdefault(
            (story.id, fault.what, fault.target, fault.down_us, fork.remedy), len(self._kinds_told)
        )
        if row == len(self._kinds_told):
            self._kinds_told.append(_kind(fork, story.id))
        before: int = next(each["traces"][engine] for each in self._stories if each["id"] == story.id)
        trace, with_remedy = self._pack.add(fork.told, before), fork.remedy is not None
        self._forks.append(_Packed(number, engine, trace, row, crash.first, crash.last, with_remedy, fork.interest))
        if not with_remedy:
            self.left_out[engine] -= 1

    def whole(self) -> Json:
        """With all forks."""
        return self._with(self._forks)

    def fitting(self, budget: int) -> Json:
        """With all forks, or with as many of the most interesting as fit."""
        self._forks.sort(key=lambda fork: fork.story)  # neighbours go on alike, and are packed well
        found, count = self.whole(), len(self._forks)
        if size(found, quickly=True) <= budget:
            return found
        ranked, least = self._ranked(), size(self._with(()))
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
        of_stories = [trace for story in self._stories for trace in story["traces"].values()]
        chosen = list(dict.fromkeys([*of_stories, *(fork.trace for fork in forks)]))
        number = {trace: place for place, trace in enumerate(chosen)}
        left_out = dict(self.left_out)
        for all_of, each in ((self._forks, 1), (forks, -1)):
            for fork in all_of:
                left_out[fork.engine] += 0 if fork.is_remedied else each
        return {
            **self._head,
            "stories": [
                {**story, "traces": {engine: number[trace] for engine, trace in story["traces"].items()}}
                for story in self._stories
            ],
            "opened": self._stories[-1]["id"],
            "fork_kinds": self._kinds_told,
            "forks": {engine: _columns([f for f in forks if f.engine == engine], number) for engine in self._engines},
            "left_out": left_out,
            "not_tried": self.not_tried,
            "traces": self._pack.as_json(chosen),
        }


def _columns(forks: Sequence[_Packed], number: Mapping[int, int]) -> Json:
    """One list a column; first events and traces as the difference to the fork before."""
    ordered = sorted(forks, key=lambda fork: (fork.kind, fork.first))
    firsts, traces = [fork.first for fork in ordered], [number[fork.trace] for fork in ordered]
    return {
        "kind": [fork.kind for fork in ordered],
        "from": _steps(firsts),
        "more": [fork.last - fork.first for fork in ordered],
        "trace": _steps(traces),
    }


def _steps(numbers: Sequence[int]) -> list[int]:
    return [number - before for before, number in pairwise((0, *numbers))]


def _stories(all_told: Sequence[Story], pack: Pack) -> list[Json]:
    return [
        {
            "id": story.id,
            "title": story.title,
            "parent": story.parent,
            "fault": None if story.fault is None else visible(story.fault),
            "traces": {engine: pack.add(told(went.trace)) for engine, went in story.went.items()},
        }
        for story in all_told
    ]


def _kind(fork: Fork, story: str) -> Json:
    fault = fork.crash.fault
    return {
        "story": story,
        "what": fault.what,
        "target": visible(fault.target),
        "down_us": fault.down_us,
        "phrase": visible(fork.crash.words),
        "fault": fork.crash.plain,
        "remedy": fork.remedy,
    }


def _head(scenario: Scenario, engines: Sequence[str], seed: int) -> Json:
    return {
        "version": VERSION,
        "durascope": __version__,
        "seed": seed,
        "scenario": _scenario(scenario),
        "engines": [_engine(scenario, engine) for engine in engines],
        "rules": {engine: [rule.as_json() for rule in RULES.get(engine, ())] for engine in engines},
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
        "architecture": draw(scenario, name, wide=True).svg(prefix=f"{name}-") if spec.architecture else None,
    }
