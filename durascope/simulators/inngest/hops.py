"""How long the server's own hops take, in microseconds, by the names of `defaults.yaml`."""

from __future__ import annotations

from collections.abc import Mapping

from durascope.models.units import Spread
from durascope.simulators.kernel.delays import Delays
from durascope.simulators.kernel.world import World


class Hops(Delays):
    """The engine's delays, and what the size of a body adds to them."""

    __slots__ = ("_us_per_byte",)

    def __init__(self, world: World, spreads: Mapping[str, Spread]) -> None:
        super().__init__(world, spreads)
        self._us_per_byte = self.typical("megabyte") / 1_000_000

    def drawn(self, name: str, luck: float) -> int:
        """How long it takes, given a draw already made."""
        return self._spreads[name].at(luck)

    def transfer(self, size: int) -> int:
        """The time that a body of that many bytes takes, in addition to the hop itself."""
        return int(size * self._us_per_byte)
