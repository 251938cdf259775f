"""Luck is addressed: a random number is a function of the seed and of what it decides, never of the order of draws."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final, TypeVar

from durascope.models.units import Spread

_T = TypeVar("_T")
_SCALE: Final = 2.0**-53


class Luck:
    """Uniform numbers in [0, 1), one per address.

    The address names what is decided, for instance `("latency", "run 3", "charge-payment", 2)`. All engines that
    decide the same thing get the same number, and a change in a scenario changes only what it touches.
    """

    __slots__ = ("_keyed",)

    def __init__(self, seed: int) -> None:
        self._keyed = blake2b(digest_size=8, key=blake2b(str(seed).encode(), digest_size=16).digest())

    def __call__(self, *address: object) -> float:
        digest = self._keyed.copy()
        digest.update(repr(address).encode())
        return (int.from_bytes(digest.digest(), "big") >> 11) * _SCALE

    def sample(self, spread: Spread, *address: object) -> int:
        """A duration of the spread in microseconds; a fixed one costs no luck."""
        return spread.values[0] if spread.shape == "fixed" else spread.at(self(*address))

    def order(self, things: list[_T], *address: object) -> list[_T]:
        """The things in a random order."""
        keyed = [(self(*address, number), number) for number in range(len(things))]
        return [things[number] for _, number in sorted(keyed)]
