"""Explores a scenario: every disturbance on every engine, one table of guarantees, and the findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

from durascope.experiments.exploration.disturbances import SHORT_US, Disturbance, NothingToExplore, What, calm
from durascope.experiments.exploration.explored import CHAIN, Exploration, Explored
from durascope.experiments.exploration.findings import findings
from durascope.experiments.exploration.outcomes import judged, outcome
from durascope.experiments.exploration.pairs import chain, explore_after
from durascope.experiments.exploration.points import at_moments, how_many, points
from durascope.experiments.exploration.properties import Calm
from durascope.experiments.exploration.tally import Tally
from durascope.experiments.exploration.tokens import Origin, digest
from durascope.experiments.pool import Pool
from durascope.models.scenario import Scenario
from durascope.simulators.places import Undisturbed, undisturbed
from durascope.simulators.simulate import FULL_UP_TO

DEFAULT: Final[tuple[What, ...]] = ("crash",)
BATCH: Final = 24
"""Simulations in one task: enough that sending them costs nothing, few enough that progress shows."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be explored, the same on every engine; see `explore` for each."""

    scenario: Scenario
    seed: int
    whats: tuple[What, ...]
    down_us: int | None
    between: bool
    crashes: int
    merge: bool
    origin: Origin

    def points(self, base: Undisturbed) -> Iterator[Disturbance]:
        return points(
            self.scenario, base, self.whats, down_us=self.down_us, events=self.between, merge=self.merge
        )  # fmt: skip

    def how_many(self, base: Undisturbed, *, merge: bool) -> int:
        return how_many(self.scenario, base, self.whats, down_us=self.down_us, events=self.between, merge=merge)


@dataclass(frozen=True, slots=True)
class _Ground:
    """What a process needs in order to try disturbances of the scenario on one engine."""

    scenario: Scenario
    engine: str
    seed: int
    whats: tuple[What, ...]
    calm: Calm
    usual: Mapping[str, int]
    ignored: frozenset[str]

    def empty(self) -> Tally:
        return Tally(self.usual, self.ignored)


class _Task(Protocol):
    """A piece of the work on one engine."""

    @property
    def engine(self) -> str: ...

    def done(self, ground: _Ground) -> Tally: ...


@dataclass(frozen=True, slots=True)
class _Singles:
    """These disturbances, each alone."""

    engine: str
    batch: tuple[Disturbance, ...]

    def done(self, ground: _Ground) -> Tally:
        tally = ground.empty()
        for each in self.batch:
            tally.add((each,), outcome(ground.scenario, ground.engine, ground.seed, (each,), ground.calm))
        return tally


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Every pair that begins with this disturbance."""

    engine: str
    first: Disturbance

    def done(self, ground: _Ground) -> Tally:
        return explore_after(
            ground.scenario, ground.engine, ground.seed, ground.whats, ground.calm, ground.empty(), self.first
        )


@dataclass(frozen=True, slots=True)
class _Chain:
    """Crashes in a row, each where the one before made the step's effect happen again."""

    engine: str
    step: str
    first: Disturbance

    def done(self, ground: _Ground) -> Tally:
        tally = ground.empty()
        tally.chains[self.step] = chain(
            ground.scenario, ground.engine, ground.seed, ground.calm, self.first, self.step, CHAIN
        )
        return tally


@dataclass(frozen=True, slots=True)
class _Grounds:
    """The engines' grounds: all that a process is given once."""

    by_engine: Mapping[str, _Ground]

    def done(self, task: _Task) -> tuple[str, Tally]:
        return task.engine, task.done(self.by_engine[task.engine])


@dataclass(slots=True)
class _OnEngine:
    """What is known of one engine so far."""

    ground: _Ground
    base: Undisturbed
    points: int
    chosen: int
    tally: Tally
    pairs: Tally | None = None


def explore(
    scenario: Scenario,
    engines: Sequence[str],
    *,
    seed: int = 0,
    whats: Sequence[What] = DEFAULT,
    down_us: int | None = None,
    between: bool = True,
    crashes: int = 1,
    merge: bool = True,
    processes: int | None = None,
    name: str | None = None,
    runs: int | None = None,
    settings: Sequence[str] = (),
    progress: Progress = lambda _engine, _done, _of: None,
) -> Exploration:
    """Breaks the scenario, without its own faults, at every point of its undisturbed trace, once for each.

    `between`: every event is a point, not only the moments of steps. `crashes=2`: pairs over the steps' moments, too.
    `merge=False` simulates points that are provably the same one by one. `name` is what a user calls the scenario on a
    command line, `runs` and `settings` what else was said there; they stand in the lines that reproduce findings. An
    interrupt (Ctrl-C) ends it with what is known by then. Raises `NothingToExplore`.
    """
    if not 0 < scenario.workload.runs <= FULL_UP_TO:
        raise NothingToExplore(
            f"a scenario is explored with 1 to {FULL_UP_TO} runs, this one has {scenario.workload.runs:,}: use --runs"
        )
    origin = Origin(name or scenario.scenario, runs, tuple(settings), digest(scenario))
    asked = _Asked(scenario, seed, tuple(whats), down_us, between, crashes, merge, origin)
    known = {engine: _begun(engine, asked) for engine in engines}
    interrupted = _worked(known, asked, processes, progress)
    tried = [each for each in known.values() if each.tally.simulated or not interrupted] or list(known.values())[:1]
    found = {each.ground.engine: _told(each, asked, interrupted) for each in tried}
    return Exploration(scenario, seed, tuple(whats), found, crashes, origin)


def _begun(engine: str, asked: _Asked) -> _OnEngine:
    """The undisturbed simulation, and what there is to break in it."""
    quiet = calm(asked.scenario)
    base = undisturbed(quiet, engine, seed=asked.seed)
    known = Calm.of(base.trace)
    usual = judged(quiet, known, base.trace)
    most = {step: high for step, (_, high) in usual.effects.items()}
    ground = _Ground(quiet, engine, asked.seed, asked.whats, known, most, frozenset(usual.broken))
    pairs = ground.empty() if asked.crashes > 1 else None
    total, chosen = (asked.how_many(base, merge=merge) for merge in (False, asked.merge))
    return _OnEngine(ground, base, total, chosen, ground.empty(), pairs)


def _worked(known: Mapping[str, _OnEngine], asked: _Asked, processes: int | None, progress: Progress) -> bool:
    """All engines' work, in the processes of one pool; whether it was interrupted."""
    grounds = _Grounds({engine: each.ground for engine, each in known.items()})
    try:
        with Pool(grounds.done, processes=processes) as pool:
            singles = [_batches(engine, asked.points(each.base)) for engine, each in known.items()]
            batches = sum(each.chosen for each in known.values()) // BATCH + len(known)
            for engine, part in pool.stream(_all(singles), of=batches):
                known[engine].tally.and_(part)
                progress(engine, known[engine].tally.simulated, known[engine].chosen)
            if asked.crashes > 1:
                firsts = [_Pairs(engine, each) for engine in known for each in _firsts(asked, known[engine].base)]
                for done, (engine, part) in enumerate(pool.stream(firsts, of=len(firsts)), start=1):
                    _add(known[engine].pairs, part)
                    progress("pairs", done, len(firsts))
            chains = [each for on_engine in known.values() for each in _chains(on_engine)]
            for engine, part in pool.stream(chains, of=len(chains)):
                known[engine].tally.and_(part)
    except KeyboardInterrupt:
        return True
    return False


def _add(pairs: Tally | None, part: Tally) -> None:
    if pairs is not None:
        pairs.and_(part)


def _batches(engine: str, disturbances: Iterator[Disturbance]) -> Iterator[_Singles]:
    while batch := tuple(islice(disturbances, BATCH)):
        yield _Singles(engine, batch)


def _all(parts: Iterable[Iterator[_Singles]]) -> Iterator[_Singles]:
    for part in parts:
        yield from part


def _firsts(asked: _Asked, base: Undisturbed) -> Iterator[Disturbance]:
    return at_moments(asked.scenario, base.trace, asked.whats, down_us=asked.down_us or SHORT_US)


def _chains(known: _OnEngine) -> Iterator[_Chain]:
    for (shown, step), witness in known.tally.witnesses.items():
        if shown == "duplicate" and step is not None and witness.disturbances[0].what == "crash":
            yield _Chain(known.ground.engine, step, witness.disturbances[0])


def _told(known: _OnEngine, asked: _Asked, interrupted: bool) -> Explored:
    engine, tally = known.ground.engine, known.tally
    told = list(findings(asked.scenario, engine, asked.seed, tally, asked.origin))
    if known.pairs is not None:
        told += findings(asked.scenario, engine, asked.seed, known.pairs, asked.origin, known=tally)
    merged = known.points - known.chosen
    return Explored(engine, known.points, merged, tally, known.pairs, told, known.base, interrupted)
