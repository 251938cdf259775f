"""Whether the model can go the way a real run went: the engine's random choices are drawn again until it does.

No scenario decides who takes which task, or which of two messages comes first: a real engine does, anew each time. Such
a recording is right if the model can go that way, too. What is outside the engine stays as it was recorded. Only the
engine's own random choices are drawn again, one by one, and a draw that brings the model nearer is kept. Every other
attempt uses the delays of a busy machine, which give orders that are rare on a quiet one.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from typing import Any, Final

from durascope.live.engines import live_engine
from durascope.models.differences import Difference
from durascope.models.faults import Crash, Deploy
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.models.units import FOREVER
from durascope.simulators.kernel.luck import Address, Luck, TurnedLuck

TRIES: Final = 15_000
"""The most simulations for one recording."""
SECONDS: Final = 60.0
"""The longest that they may take."""
BEGINNINGS: Final = 40
"""Starting points, each with random draws of its own. If all differ in the same line, chance does not decide it."""
LATE: Final = (0, 2_000, 5_000, 10_000, 20_000, 40_000)
"""µs by which a recorder may strike late after a moment that it has to learn of."""
SLOW_STARTS: Final = (0, 0, 300_000, 700_000, 1_200_000, 2_000_000, 3_000_000)
"""µs that a process takes to work again after `down_for`: it has to start first, which a model's takes no time for."""
SHARE_BY_KIND: Final = 0.5
"""How many of the turns choose a kind of decision first, and then one of that kind."""
SHARE_OF_ALL: Final = 0.5
"""How many of the turns choose among all decisions; the others, among those around the first line that differs."""
SHARE_OF_ITS_RUN: Final = 0.5
"""How many of those choose among what the run decides whose record differs: the order of its branches, above all."""
AROUND: Final = 0.08
"""How far around, as a share of the whole run (standard deviation)."""
SHARE_OF_SWAPS: Final = 0.5
"""How many turns exchange what two equal things have drawn: so two branches change places, and all else stays."""
KICKS: Final = 4
"""How many decisions are drawn again at once when single ones lead nowhere."""
SHUNNED: Final = 0.5
"""How often a decision is turned again for each time that this has changed nothing, as with most of them."""
RARELY: Final = 0.03
"""How often such a decision is turned at least: what changes nothing here may do so elsewhere."""
STALLED: Final = 60
"""The least number of turns in vain after which another beginning is tried; where more is decided, more are."""


@dataclass(frozen=True, slots=True)
class Draws:
    """The random draws that lead the model on a way: whoever keeps them goes it again without a search.

    >>> Draws.from_json(Draws(3, True, {("latency", "run 1"): 2}).as_json()).turns
    {('latency', 'run 1'): 2}
    """

    seed: int
    """Of the engine's random choices."""
    loose: bool
    """Whether the delays are those of a busy machine."""
    turns: Mapping[Address, int]
    """How often each of these choices was drawn again."""
    swaps: Mapping[Address, Address] = field(default_factory=dict[Address, Address])
    """Whose draws these choices have in place of their own."""

    def as_json(self) -> dict[str, Any]:
        """As plain data."""
        plain = {"seed": self.seed, "loose": self.loose, "turns": [[list(each), n] for each, n in self.turns.items()]}
        swaps = [[list(one), list(other)] for one, other in self.swaps.items() if one != other]
        return plain | ({"swaps": swaps} if swaps else {})

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Draws:
        """From what `as_json` has returned."""
        turns = {tuple(address): n for address, n in plain["turns"]}
        return cls(
            plain["seed"], plain["loose"], turns, {tuple(one): tuple(other) for one, other in plain.get("swaps", ())}
        )


@dataclass(frozen=True, slots=True)
class Way:
    """A way that the model goes with some random draws, and how far it is from what was recorded."""

    luck: TurnedLuck
    loose: bool
    """Whether the delays are those of a busy machine."""
    differences: Sequence[Difference]
    distance: float
    tries: int = 0
    """How many ways were looked at."""

    @property
    def fits(self) -> bool:
        return not self.differences

    @property
    def draws(self) -> Draws:
        """What leads there."""
        return Draws(self.luck.seed, self.loose, self.luck.turns, self.luck.swaps)


def nearest_way(
    scenario: Scenario,
    engine: str,
    seed: int,
    compare: Callable[[Trace], Sequence[Difference]],
    tell: Callable[[int], None] = lambda _tries: None,
    *,
    seconds: float = SECONDS,
    known: Draws | None = None,
) -> Way | None:
    """The first way that fits, or else the nearest one that was found; None if nothing is left to chance.

    `known`: draws that once led there, and are tried first.
    """
    search = _Search(scenario, engine, seed, compare, tell, seconds)
    if known is not None and (way := search.gone(known)).fits:
        return replace(way, tries=search.tries)
    beginnings = list(search.beginnings())
    if beginnings[-1].fits:
        return replace(beginnings[-1], tries=search.tries)
    if len(search.seen) == 1:
        return None
    best = beginnings[0]
    for beginning in sorted(beginnings, key=lambda way: way.distance):
        if search.over():
            break
        best = min(best, search.climb(beginning), key=lambda way: way.distance)
        if best.fits:
            break
    while best.luck.asked and not best.fits and not search.over():
        best = min(best, search.climb(search.kicked(best)), key=lambda way: way.distance)
    return replace(best, tries=search.tries)


class _Search:
    def __init__(
        self,
        scenario: Scenario,
        engine: str,
        seed: int,
        compare: Callable[[Trace], Sequence[Difference]],
        tell: Callable[[int], None],
        seconds: float,
    ) -> None:
        live = live_engine(engine)
        self.scenarios = {False: scenario, True: live.loosened(scenario)}
        self.heard_late = live.heard_late
        self.engine = engine
        self.seed = seed
        self.compare = compare
        self.tell = tell
        self.tries = 0
        self.seen: set[str] = set()
        """In what its ways have differed from the recording."""
        self.in_vain: Counter[Address] = Counter()
        """By decision: how often it has been turned, one after the other, without any change to what is compared."""
        self._choice = random.Random(seed)
        self._deadline = time.monotonic() + seconds

    def over(self) -> bool:
        return self.tries >= TRIES or time.monotonic() > self._deadline

    def gone(self, draws: Draws) -> Way:
        """The way that these draws lead."""
        return self._go(TurnedLuck(draws.seed, draws.turns, draws.swaps), draws.loose)

    def beginnings(self) -> Iterator[Way]:
        """Ways that have nothing in common but the outside, up to one that fits."""
        for number in range(BEGINNINGS):
            way = self._go(TurnedLuck(self.seed + number), loose=number % 2 > 0)
            yield way
            if way.fits or (number and self.over()):
                return

    def climb(self, way: Way) -> Way:
        """Turns one decision after the other, and keeps what brings no loss."""
        stalled = 0
        while way.luck.asked and not way.fits and stalled < max(STALLED, 2 * len(way.luck.asked)) and not self.over():
            address = self._to_turn(way)
            like = _like(address, way.luck.asked) if self._choice.random() < SHARE_OF_SWAPS else ()
            luck = way.luck.swapped(address, self._choice.choice(like)) if like else way.luck.turned(address)
            turned = self._go(luck, way.loose)
            self.in_vain[address] = self.in_vain[address] + 1 if turned.differences == way.differences else 0
            stalled = 0 if turned.distance < way.distance else stalled + 1
            if turned.distance <= way.distance:
                way = turned
        return way

    def kicked(self, way: Way) -> Way:
        """The way with several decisions turned at once, whatever that costs: out of a dead end."""
        luck = way.luck
        for _ in range(KICKS):
            luck = luck.turned(self._one_of(way.luck.asked))
        return self._go(luck, way.loose)

    def _to_turn(self, way: Way) -> Address:
        """The decision to turn next: rarely one that has been turned in vain before."""
        while True:
            address = self._near_the_difference(way)
            if self._choice.random() < max(RARELY, SHUNNED ** self.in_vain[address]):
                return address

    def _near_the_difference(self, way: Way) -> Address:
        """Any decision, or one of those around where a record begins to differ: they were asked in order of time."""
        lines = [each for each in way.differences if each.line is not None]
        if not lines or self._choice.random() < SHARE_OF_ALL:
            return self._one_of(way.luck.asked)
        differs = self._choice.choice(lines)
        addresses = list(way.luck.asked)
        if self._choice.random() < SHARE_OF_ITS_RUN:
            run = differs.what.removeprefix("the record of ")
            own = [each for each in addresses if run in each[1:]]
            if own:
                return self._one_of(own)
        at = ((differs.line or 1) - 1) / max(len(differs.predicted), len(differs.recorded), 1)
        place = self._choice.gauss(at, AROUND) * len(addresses)
        return addresses[min(max(0, int(place)), len(addresses) - 1)]

    def _one_of(self, asked: Iterable[Address]) -> Address:
        """Any decision, or any kind of decision first: those that are rare (when a fault strikes) matter most."""
        addresses = list(asked)
        if self._choice.random() < SHARE_BY_KIND:
            kinds: dict[Address, list[Address]] = {}
            for address in addresses:
                kinds.setdefault(_kind(address), []).append(address)
            addresses = self._choice.choice(list(kinds.values()))
        return self._choice.choice(addresses)

    def _go(self, luck: TurnedLuck, loose: bool) -> Way:
        from durascope.simulators.simulate import simulate

        self.tries += 1
        self.tell(self.tries)
        scenario = self.scenarios[loose]
        if loose and self.heard_late:
            scenario = _struck_late(scenario, self.heard_late, luck)
        trace = simulate(scenario, self.engine, seed=self.seed, engine_luck=luck, full=False, records=True)
        found = self.compare(trace)
        self.seen.add(repr(found))
        return Way(luck, loose, found, sum(map(_distance, found)))


def _kind(address: Address) -> Address:
    """What sort of thing is decided there: the name, and for what hangs on a run's own draws its number."""
    return (address[0], address[2]) if address[0] in ("bits", "drawn") else address[:1]


def _like(address: Address, asked: Iterable[Address]) -> list[Address]:
    """The decisions of that kind that are drawn alike: of other runs or steps, or of the next of their number."""
    kind = _kind(address)
    if kind != address[:1]:  # ("bits", of what, the kind, number)
        return [each for each in asked if each != address and each[0] == address[0] and each[2:] == address[2:]]
    return [each for each in asked if each != address and each[:-1] == address[:-1]]


def _struck_late(scenario: Scenario, moments: frozenset[str], luck: Luck) -> Scenario:
    """As a recorder strikes: a little late after these moments, and processes take their time to start again.

    How much is drawn for each fault and event.
    """

    def late(each: Any, kind: str, number: int) -> Any:
        when = each.when
        if isinstance(each, Crash | Deploy) and each.down_for is not None and each.down_for < FOREVER:
            slow: int = SLOW_STARTS[int(luck("slow start", number) * len(SLOW_STARTS))]
            each = each.model_copy(update={"down_for": each.down_for + slow})
        if when is None or (when.moment or when.event) not in moments:
            return each
        lateness: int = LATE[int(luck("heard late", kind, number) * len(LATE))]
        return each.model_copy(update={"when": when.model_copy(update={"after": when.after + lateness})})

    faults = tuple(late(fault, "fault", number) for number, fault in enumerate(scenario.faults))
    events = tuple(late(event, "event", number) for number, event in enumerate(scenario.workload.events))
    workload = scenario.workload.model_copy(update={"events": events})
    return scenario.model_copy(update={"faults": faults, "workload": workload})


def _distance(difference: Difference) -> float:
    """How many lines one side has and the other has not; below 1, how much of the order is another."""
    if difference.line is None:
        return 1.0
    predicted, recorded = Counter(difference.predicted), Counter(difference.recorded)
    unlike = ((predicted - recorded) + (recorded - predicted)).total()
    length = max(len(difference.predicted), len(difference.recorded), 1)
    first = (difference.line - 1) / (length + 1)
    order = SequenceMatcher(None, difference.predicted, difference.recorded, autojunk=False).ratio()
    return unlike + 1 - (first + order) / 2
