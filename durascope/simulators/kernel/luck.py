"""Luck is addressed: a random number is a function of the seed and of what it decides, never of the order of draws."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from hashlib import blake2b
from typing import Any, Final, TypeVar

from durascope.models.units import Spread

_T = TypeVar("_T")
_SCALE: Final = 2.0**-53
_SHARE: Final = 2.0**-64
_from_bytes: Final = int.from_bytes
MASK: Final = (1 << 64) - 1

Address = tuple[Hashable, ...]


class Luck:
    """Uniform numbers in [0, 1), one per address.

    The address names what is decided, for instance `("latency", "run 3", "charge-payment", 2)`. All engines that
    decide the same thing get the same number, and a change in a scenario changes only what it touches.

    >>> luck = Luck(0)
    >>> luck("latency", "run 3", "charge-payment", 2) == Luck(0)("latency", "run 3", "charge-payment", 2)
    True
    >>> luck.order(["a", "b", "c"], "who is first")
    ['c', 'a', 'b']
    >>> luck.sample(Spread("uniform", (1_000, 2_000)), "takes", "run 1")
    1142
    """

    __slots__ = ("_fresh",)

    def __init__(self, seed: int) -> None:
        self._fresh = blake2b(digest_size=8, key=blake2b(str(seed).encode(), digest_size=16).digest()).copy

    def __call__(self, *address: Hashable) -> float:
        digest = self._fresh()
        digest.update(repr(address).encode())
        return (_from_bytes(digest.digest(), "big") >> 11) * _SCALE

    def drawn(self, luck: int, kind: int, number: int) -> float:
        """A second draw, derived from one already made: the thing of that number, of that kind.

        It is mixed in integer arithmetic: a digest for each would cost more than what it decides.
        """
        return mix(luck, kind, number) * _SHARE

    def bits(self, luck: int, kind: int, number: int) -> int:
        """The same as 64 bits."""
        return mix(luck, kind, number)

    def sample(self, spread: Spread, *address: Hashable) -> int:
        """A duration of the spread in microseconds; a fixed one costs no luck."""
        return spread.values[0] if spread.shape == "fixed" else spread.at(self(*address))

    def order(self, things: list[_T], *address: Hashable) -> list[_T]:
        """The things in a random order."""
        keyed = [(self(*address, number), number) for number in range(len(things))]
        return [things[number] for _, number in sorted(keyed)]


def mix(luck: int, kind: int, number: int) -> int:
    """64 well mixed bits out of three numbers (the finalizer of SplitMix64)."""
    x = (luck + kind * 0x9E3779B97F4A7C15 + number * 0xD1B54A32D192ED03) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


class TurnedLuck(Luck):
    """A seed's luck with some addresses drawn again.

    Because luck is addressed, one thing can be decided another way while all else stays: so a way is found, turn by
    turn, in which something can have happened. Two addresses may also have each other's draws (`swaps`).
    """

    __slots__ = ("asked", "seed", "swaps", "turns")

    def __init__(
        self, seed: int, turns: Mapping[Address, int] | None = None, swaps: Mapping[Address, Address] | None = None
    ) -> None:
        super().__init__(seed)
        self.seed = seed
        self.turns = dict(turns or {})
        """How often each of these has been drawn again."""
        self.swaps = dict(swaps or {})
        """Whose draws these have in place of their own: a permutation."""
        self.asked: dict[Address, None] = {}
        """Every address that was decided, in order."""

    def turned(self, address: Address) -> TurnedLuck:
        """The same with one more turn of that address."""
        return TurnedLuck(self.seed, {**self.turns, address: self.turns.get(address, 0) + 1}, self.swaps)

    def swapped(self, one: Address, other: Address) -> TurnedLuck:
        """The same with the draws of the two exchanged."""
        of_one, of_other = self.swaps.get(one, one), self.swaps.get(other, other)
        return TurnedLuck(self.seed, self.turns, {**self.swaps, one: of_other, other: of_one})

    def __call__(self, *address: Hashable) -> float:
        self.asked[address] = None
        address = self.swaps.get(address, address)
        turn = self.turns.get(address)
        return super().__call__(*address) if turn is None else super().__call__(*address, "turn", turn)

    def drawn(self, luck: int, kind: int, number: int) -> float:
        address: Any = ("drawn", luck, kind, number)
        self.asked[address] = None
        address = self.swaps.get(address, address)
        turn = self.turns.get(address)
        return super().drawn(*address[1:]) if turn is None else super().__call__(*address, "turn", turn)

    def bits(self, luck: int, kind: int, number: int) -> int:
        address: Any = ("bits", luck, kind, number)
        self.asked[address] = None
        address = self.swaps.get(address, address)
        turn = self.turns.get(address)
        return mix(*address[1:]) if turn is None else int(super().__call__(*address, "turn", turn) * (MASK + 1))
