"""An engine's delays by name: most are fixed, and looked up; the others are drawn, by an address or by two numbers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping

from durascope.models.units import Spread
from durascope.simulators.kernel.luck import MASK, Luck
from durascope.simulators.kernel.world import World


class Delays:
    """How long each thing takes here; `delays("network")` is a duration in microseconds.

    >>> from durascope.models.units import Spread
    >>> spreads = {"network": Spread("fixed", (500,)), "disk": Spread("uniform", (100, 200))}
    >>> delays = Delays(World(0, full=True), spreads)
    >>> delays("network"), delays("disk", "run 1", 2), delays.typical("disk")
    (500, 200, 150)
    """

    __slots__ = ("_fixed", "_spreads", "_world")

    def __init__(self, world: World, spreads: Mapping[str, Spread]) -> None:
        self._world = world
        self._spreads = spreads
        self._fixed = {name: spread.values[0] for name, spread in spreads.items() if spread.fixed}

    def __call__(self, name: str, *address: Hashable) -> int:
        """`address` says what it is that takes this long (a run, its attempt, an entry): luck is drawn by it."""
        fixed = self._fixed.get(name)
        return fixed if fixed is not None else self._world.luck.sample(self._spreads[name], name, *address)

    def typical(self, name: str) -> int:
        """The median, if nothing is to be random."""
        return self._spreads[name].typical

    def spread(self, name: str) -> Spread:
        return self._spreads[name]


class NumberedDelays:
    """The same for an engine that draws them often: by a run's own luck and the number of what is delayed.

    A delay is mixed from the two in integer arithmetic, because a digest for each would cost more than the event.
    """

    __slots__ = ("_bits", "_plain", "_spreads")

    def __init__(self, spreads: Mapping[str, Spread], luck: Luck) -> None:
        self._bits = luck.bits
        self._plain = type(luck) is Luck
        """Nobody asks which delays were drawn, nor draws one of them again."""
        self._spreads = {
            name: (spread, number, spread.shape) for number, (name, spread) in enumerate(spreads.items(), 1)
        }

    def fixed(self, name: str) -> int | None:
        """The delay of that name, if it is always the same."""
        spread = self._spreads[name][0]
        return spread.values[0] if spread.fixed else None

    def of(self, name: str) -> Callable[[int, int], int]:
        """The delay of that name as a function of a run's luck and the number of the thing, for what is asked often."""
        spread, index, shape = self._spreads[name]
        if shape == "fixed":
            return lambda _luck, _number: spread.values[0]
        if shape != "uniform" or not self._plain:
            return lambda luck, number: self(name, luck, number)
        low, high = spread.values
        width, offset, mask, each = high - low + 1, index * 0x9E3779B97F4A7C15, MASK, 0xD1B54A32D192ED03

        def uniform(luck: int, number: int) -> int:  # `Luck.bits`, without the call
            x = (luck + offset + number * each) & mask
            x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
            x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
            return low + (x ^ (x >> 31)) % width

        return uniform

    def __call__(self, name: str, luck: int, number: int) -> int:
        """The delay `name`, in microseconds, of the thing `number` of the run whose luck that is."""
        spread, index, shape = self._spreads[name]
        if shape == "uniform":
            low, high = spread.values
            return low + self._bits(luck, index, number) % (high - low + 1)
        if shape == "fixed":
            return spread.values[0]
        return spread.at(self._bits(luck, index, number) / (MASK + 1))
