"""An engine's delays by name: most are fixed, and looked up; the others are drawn."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from durascope.models.units import Spread
from durascope.simulators.kernel.world import World


class Delays:
    """How long each thing takes here; `delays("network")` is a duration in microseconds."""

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
