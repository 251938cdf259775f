"""Encodes a long sequence as copies of its own earlier parts: what traces have in common is stored once.

Compressors see some thousand bytes back; what two traces have in common is often a million events apart.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]

SHORTEST: Final = 4
"""Shorter repetitions are stored again, since a copy takes three numbers."""
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_BITS: Final = 22
"""Length of a key. If two places share a key by accident, a copy may be missed, but none is wrong."""


class Copies(NamedTuple):
    """The sequence, in turns: the next `new` rows of `fresh`, then `same` rows copied from `back` places earlier."""

    fresh: list[int]
    new: list[int]
    same: list[int]
    back: list[int]


def copies(sequence: Numbers) -> Copies:
    """The sequence as copies of itself; the last turn copies nothing."""
    found = Copies([], [], [], [])
    if len(sequence) == 0:
        return found
    keys = _keys(sequence)
    latest = np.full(1 << _BITS, -1, dtype=np.int64)
    key_at, latest_at, values = keys.data, latest.data, sequence.data  # single numbers are found faster in these
    at = begun = back = 0
    while at < len(keys):
        source, same = _best(sequence, values, at, latest_at[key_at[at]], at - back if back else -1)
        if same < SHORTEST:
            latest_at[key_at[at]] = at
            at += 1
            continue
        back = at - source
        found.fresh.extend(sequence[begun:at].tolist())
        for column, number in ((found.new, at - begun), (found.same, same), (found.back, back)):
            column.append(number)
        passed = keys[at : at + same]
        latest[passed] = np.arange(at, at + len(passed))
        begun = at = at + same
    found.fresh.extend(sequence[begun:].tolist())
    for column, number in ((found.new, len(sequence) - begun), (found.same, 0), (found.back, 0)):
        column.append(number)
    return found


def _keys(sequence: Numbers) -> NDArray[Any]:
    """By place, a number of `_BITS` bits for what begins there: equal where the next few are the same."""
    if len(sequence) < SHORTEST:
        return np.zeros(0, dtype=np.int64)
    values = sequence.astype(np.uint64)
    key = values[: len(values) - SHORTEST + 1].copy()
    for ahead in range(1, SHORTEST):
        key = key * _MIX + values[ahead : len(values) - SHORTEST + 1 + ahead]
    return (key * _MIX >> np.uint64(64 - _BITS)).astype(np.int64)


def _best(sequence: Numbers, values: memoryview, at: int, *sources: int) -> tuple[int, int]:
    """Of these earlier places (-1: none) the first from which most is the same, and how much."""
    best, most = -1, 0
    for source in sorted(sources):
        if source >= 0 and values[source] == values[at] and (same := _same(sequence, source, at)) > most:
            best, most = source, same
    return best, most


def _same(sequence: Numbers, source: int, at: int) -> int:
    """How many are the same from two places on; the copy ends before it begins."""
    most = min(len(sequence) - at, at - source)
    known, window = 0, 64
    while known < most:
        size = min(window, most - known)
        differ = sequence[source + known : source + known + size] != sequence[at + known : at + known + size]
        first = int(differ.argmax())
        if differ[first]:
            return known + first
        known += size
        window *= 4
    return most
