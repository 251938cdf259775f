"""Luck is addressed: a random number is a function of the seed and of what it decides, never of the order of draws."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from hashlib import blake2b
from typing import Final, TypeVar

from durascope.models.units import Spread

_T = TypeVar("_T")
_SCALE: Final = 2.0**-53

Address = tuple[Hashable, ...]


class Luck:
    """Uniform numbers in [0, 1), one per address.

    The address names what is decided, for instance `("latency", "run 3", "charge-payment", 2)`. All engines that
    decide the same thing get the same number, and a change in a scenario changes only what it touches.
    """

    __slots__ = ("_keyed",)

    def __init__(self, seed: int) -> None:
        self._keyed = blake2b(digest_size=8, key=blake2b(str(seed).encode(), digest_size=16).digest())

    def __call__(self, *address: Hashable) -> float:
        digest = self._keyed.copy()
        digest.update(repr(address).encode())
        return (int.from_bytes(digest.digest(), "big") >> 11) * _SCALE

    def sample(self, spread: Spread, *address: Hashable) -> int:
        """A duration of the spread in microseconds; a fixed one costs no luck."""
        return spread.values[0] if spread.shape == "fixed" else spread.at(self(*address))

    def order(self, things: list[_T], *address: Hashable) -> list[_T]:
        """The things in a random order."""
        keyed = [(self(*address, number), number) for number in range(len(things))]
        return [things[number] for _, number in sorted(keyed)]


class TurnedLuck(Luck):
    """The luck of a seed that has fallen out otherwise at some addresses, and only there.

    Because luck is addressed, one thing can be decided another way while all else stays: so a way is found, turn by
    turn, in which something can have happened.
    """

    __slots__ = ("asked", "seed", "turns")

    def __init__(self, seed: int, turns: Mapping[Address, int] | None = None) -> None:
        super().__init__(seed)
        self.seed = seed
        self.turns = dict(turns or {})
        """How often each of these has been drawn again."""
        self.asked: dict[Address, None] = {}
        """Every address that was decided, in order."""

    def __call__(self, *address: Hashable) -> float:
        self.asked[address] = None
        turn = self.turns.get(address)
        return super().__call__(*address) if turn is None else super().__call__(*address, "turn", turn)
