"""All figures in one table: `python -m benchmarks [PART…]`, or `make bench`. Exit status 1: a bar is missed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from benchmarks import decisions, pages, player, simulations
from benchmarks.bars import Bar, missed, table

Part = Callable[[], Iterator[Bar]]

PARTS: Final[Mapping[str, Part]] = {
    "simulate": simulations.simulate,
    "growth": simulations.growth,
    "run": simulations.run,
    "start": simulations.start,
    "explore": decisions.explorations,
    "compare": decisions.comparison,
    "sweep": decisions.sweeps,
    "dask": decisions.dask,
    "pages": pages.figures,
    "player": player.figures,
}


def main(names: Sequence[str], parts: Mapping[str, Part] = PARTS) -> int:
    """Measures the parts of those names, or all; returns the exit status."""
    unknown = next((name for name in names if name not in parts), None)
    if unknown is not None:
        print(f"there is no part {unknown!r}; there are {', '.join(parts)}", file=sys.stderr)
        return 2
    rows: list[tuple[str, Bar]] = []
    for name in names or parts:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        rows += ((name, bar) for bar in parts[name]())
    print(table(rows))
    return 1 if missed(bar for _, bar in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
