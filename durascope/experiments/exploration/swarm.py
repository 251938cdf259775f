"""Swarms: random disturbances, several at once, each time with other random draws, for as long as a user has patience.

What singles and pairs have not shown is kept: with the fewest of its disturbances, and a token that plays it again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from durascope.experiments.exploration.disturbances import Disturbance, Disturbances, What, calm
from durascope.experiments.exploration.explored import Exploration, Explored
from durascope.experiments.exploration.findings import findings
from durascope.experiments.exploration.outcomes import Outcome, judged, outcome
from durascope.experiments.exploration.points import points
from durascope.experiments.exploration.properties import Calm
from durascope.experiments.exploration.tally import Tally
from durascope.experiments.pool import Pool, cores
from durascope.models.scenario import Scenario
from durascope.simulators.places import undisturbed

MOST_AT_ONCE: Final = 4
"""Disturbances in one simulation."""
BATCH: Final = 30
"""Simulations under one seed of the random draws."""


@dataclass(frozen=True, slots=True)
class _Swarm:
    """What a process needs in order to try one seed."""

    scenario: Scenario
    engine: str
    whats: tuple[What, ...]

    def tried(self, seed: int) -> Tally:
        """Tries N random sets of disturbances under that seed. A pure function."""
        quiet = calm(self.scenario)
        base = undisturbed(quiet, self.engine, seed=seed)
        known = Calm.of(base.trace)
        usual = judged(quiet, known, base.trace)
        tally = Tally({step: high for step, (_, high) in usual.effects.items()}, frozenset(usual.broken))
        where = list(points(self.scenario, base, self.whats))
        draw = random.Random(seed)
        for _ in range(BATCH if where else 0):
            chosen = _chosen(draw, where)
            tally.add(chosen, self._outcome(quiet, seed, chosen, known))
        return _fewer(tally, lambda each: self._outcome(quiet, seed, each, known))

    def _outcome(self, quiet: Scenario, seed: int, chosen: Disturbances, known: Calm) -> Outcome:
        return outcome(quiet, self.engine, seed, chosen, known)


def _chosen(draw: random.Random, where: Sequence[Disturbance]) -> Disturbances:
    chosen = draw.sample(where, min(len(where), draw.randint(2, MOST_AT_ONCE)))
    return tuple(sorted(chosen, key=lambda each: each.at_us))


def _fewer(tally: Tally, try_again: Callable[[Disturbances], Outcome]) -> Tally:
    """Each witness with the fewest of its disturbances that show as much."""
    for shown, witness in tally.witnesses.items():
        for each in witness.disturbances:
            rest = tuple(other for other in tally.witnesses[shown].disturbances if other is not each)
            if not rest:
                break
            found = try_again(rest)
            alone = Tally(tally.usual, tally.ignored)
            alone.add(rest, found)
            still = alone.witnesses.get(shown)
            if still is not None and (shown[0] != "duplicate" or still.rank[0] <= witness.rank[0]):
                tally.witnesses[shown] = replace(witness, disturbances=rest, outcome=found)
    return tally


def swarmed(
    exploration: Exploration,
    seconds: float,
    *,
    processes: int | None = None,
    progress: Callable[[str, int, int], None] = lambda _engine, _done, _of: None,
) -> Exploration:
    """The exploration with what random swarms have found beside it; the seconds are shared among the engines.

    Each seed gives the same wherever it is tried; how many seeds there are is a matter of the time.
    """
    share = seconds / max(1, len(exploration.engines))
    engines = {
        name: _swarmed_on(exploration, each, share, processes, progress) for name, each in exploration.engines.items()
    }
    return replace(exploration, engines=engines)


def _swarmed_on(
    exploration: Exploration,
    before: Explored,
    seconds: float,
    processes: int | None,
    progress: Callable[[str, int, int], None],
) -> Explored:
    deadline_s = time.monotonic() + seconds
    swarm = _Swarm(exploration.scenario, before.engine, exploration.whats)
    known = set(before.tally.witnesses) | (set(before.pairs.witnesses) if before.pairs else set())
    found = list(before.findings)
    tried = 0
    seeds = _seeds(exploration.seed + 1, deadline_s)
    try:
        with Pool(swarm.tried, processes=processes or cores()) as pool:
            for number, tally in enumerate(pool.stream(seeds, of=1_000)):
                tried += tally.simulated
                progress(f"{before.engine}, swarms", tried, tried)
                tally.witnesses = {shown: each for shown, each in tally.witnesses.items() if shown not in known}
                known |= set(tally.witnesses)
                seed = exploration.seed + 1 + number
                found += findings(exploration.scenario, before.engine, seed, tally, exploration.origin)
    except KeyboardInterrupt:
        return replace(before, findings=found, swarms=tried, interrupted=True)
    return replace(before, findings=found, swarms=tried)


def _seeds(first: int, deadline_s: float) -> Iterator[int]:
    seed = first
    while time.monotonic() < deadline_s:
        yield seed
        seed += 1
