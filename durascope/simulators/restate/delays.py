"""The engine's delays by name: most are fixed, and looked up; the others are drawn."""

from __future__ import annotations

from collections.abc import Mapping

from durascope.models.units import Spread
from durascope.simulators.kernel.world import World


class Delays:
    """How long each thing takes here; `delays("network")` is a duration in microseconds."""

    __slots__ = ("_drawn", "_fixed", "_spreads", "_world")

    def __init__(self, world: World, spreads: Mapping[str, Spread]) -> None:
        self._world = world
        self._spreads = spreads
        self._fixed = {name: spread.values[0] for name, spread in spreads.items() if spread.fixed}
        self._drawn = 0

    def __call__(self, name: str) -> int:
        fixed = self._fixed.get(name)
        if fixed is not None:
            return fixed
        self._drawn += 1
        return self._world.luck.sample(self._spreads[name], name, self._drawn)

    def typical(self, name: str) -> int:
        """The median, where no luck is wanted."""
        return self._spreads[name].typical

    def spread(self, name: str) -> Spread:
        return self._spreads[name]
