"""The ways on which the models reach the recordings of random scenarios, kept so that tests need not find them again.

A way that is kept proves what a search would: that the model can go as was recorded. Where a rule has changed and it
leads there no longer, the test searches, and `python -m tests.conformance.ways` keeps what is found.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from durascope.live.ways import Draws, Way, nearest_way
from durascope.models.differences import Difference
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace

KEPT: Final = Path(__file__).parent / "random" / "ways.json"


@cache
def kept() -> dict[str, Draws]:
    """By the recording's name."""
    return {name: Draws.from_json(plain) for name, plain in json.loads(KEPT.read_text("utf-8")).items()}


def way_to(
    name: str, scenario: Scenario, engine: str, compare: Callable[[Trace], Sequence[Difference]], *, seconds: float
) -> Way | None:
    """The nearest way to a recording: the kept one if it still leads there."""
    return nearest_way(scenario, engine, 0, compare, seconds=seconds, known=kept().get(name))


def _keep(found: dict[str, Draws]) -> None:
    lines = [f"{json.dumps(name)}: {json.dumps(found[name].as_json())}" for name in sorted(found)]
    KEPT.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


def main(names: Sequence[str]) -> None:
    """Finds the ways anew that lead there no longer, and keeps them; `names`: of these recordings alone."""
    from tests.conformance import test_random_inngest, test_random_restate, test_random_temporal

    found = dict(kept()) if KEPT.exists() else {}
    for tests in (test_random_inngest, test_random_restate, test_random_temporal):
        for path in tests.FILES:
            if names and path.stem not in names:
                continue
            way = tests.way_of(path)
            found.pop(path.stem, None)
            if way is not None and way.fits:
                found[path.stem] = way.draws
            told = "without a search"
            if way is not None:
                told = f"{'reached' if way.fits else 'NOT REACHED'}, {way.tries} tries"
            sys.stdout.write(f"{path.stem}: {told}\n")
            _keep(found)


if __name__ == "__main__":
    main(sys.argv[1:])
