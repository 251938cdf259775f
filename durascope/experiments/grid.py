"""The points of a sweep: any fields of a scenario, each over some values, in full or sampled."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

MOST_POINTS: Final = 20_000
"""More points than this are refused unless they are sampled."""


class GridError(ValueError):
    """A grid that cannot be made; its text says why and what to write instead."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A field of the scenario and the values it takes, as a command line writes them."""

    path: str
    values: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Axis:
        """`services.stripe.failures=0%,1%,5%`; commas inside of brackets do not separate. Raises `GridError`.

        >>> Axis.parse("workload.arrivals={poisson: 5/s},{every: 1s}").values
        ('{poisson: 5/s}', '{every: 1s}')
        """
        path, equals, written = text.partition("=")
        values = tuple(value.strip() for value in _split(written))
        if not equals or not path.strip() or not all(values):
            raise GridError(
                f"{text!r} is not an axis: write PATH=VALUE,VALUE, for instance services.stripe.failures=0%,5%"
            )
        doubled = next((value for value in values if values.count(value) > 1), None)
        if doubled is not None:
            raise GridError(f"{path}: {doubled} is there twice")
        return cls(path.strip(), values)


def _split(text: str) -> list[str]:
    parts, depth = [""], 0
    for character in text:
        depth += (character in "{[(") - (character in "}])")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


Point = Mapping[str, str]
"""The value of each axis, by path."""


def points(axes: Sequence[Axis], *, sample: int | None = None, seed: int = 0) -> list[Point]:
    """Every combination, the last axis fastest; or a Latin hypercube of `sample` of them. Raises `GridError`."""
    paths = [axis.path for axis in axes]
    doubled = next((path for path in paths if paths.count(path) > 1), None)
    if doubled is not None:
        raise GridError(f"{doubled} is swept twice: give all its values to one --over")
    count = math.prod(len(axis.values) for axis in axes)
    if sample is None or sample >= count:
        if count > MOST_POINTS:
            raise GridError(
                f"the grid has {count:,} points, more than {MOST_POINTS:,}: take some of them with --sample N"
            )
        return [dict(zip(paths, values, strict=True)) for values in product(*(axis.values for axis in axes))]
    return _latin(axes, sample, seed)


def _latin(axes: Sequence[Axis], sample: int, seed: int) -> list[Point]:
    """Each axis is covered evenly, whatever the number of axes; equal points are taken once."""
    from scipy.stats.qmc import LatinHypercube

    rows = LatinHypercube(d=len(axes), rng=seed).random(sample)
    chosen = [
        {axis.path: axis.values[int(u * len(axis.values))] for axis, u in zip(axes, row, strict=True)} for row in rows
    ]
    return list({tuple(point.items()): point for point in chosen}.values())
