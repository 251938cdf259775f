"""How big the player's pages are, and how long they take beside the simulations in them."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, Final

from benchmarks.bars import Bar
from durascope.experiments.pool import cores
from durascope.models.engine import compared
from durascope.models.loading import builtin_names, load_scenario
from durascope.models.overrides import Overrides
from durascope.player import forks
from durascope.player.document import BUDGET, crashes_in, document
from durascope.player.packing import Json, Pack
from durascope.player.page import html

SCENARIOS: Final = (
    ("order-fulfillment", ("faults=[]",), 300_000),
    ("order-fulfillment", (), 300_000),
    ("payment", (), BUDGET),
)
"""Name, settings, and how many bytes it may have. The first has the single crashes that `explore` tries; the others
those of both of their stories."""
BESIDE_S: Final = 5


def figures() -> Iterator[Bar]:
    """A bar for each figure; those of seconds want a machine that does nothing else."""
    yield Bar("page without traces and drawings", len(empty().encode()), 60_000, "bytes")
    for name, settings, most in SCENARIOS:
        scenario = load_scenario(name, Overrides(settings))
        with _simulating() as spent:
            begun = time.perf_counter()
            made = document(scenario, compared())
            page = html(made)
            took = time.perf_counter() - begun
        title = f"{name}{' without faults' if settings else ''}"
        told = f"{sum(crashes_in(made).values()):,} crashes"
        yield Bar(title, len(page.encode()), most, "bytes", told)
        beside = took - spent() / cores()
        yield Bar(f"  built on {cores()} cores, beside its simulations", beside, BESIDE_S, "s", f"{took:.1f} s in all")
    biggest = max((len(stories_of(name).encode()), name) for name in builtin_names())
    yield Bar("any built-in, its stories alone", biggest[0], BUDGET, "bytes", biggest[1])


def empty() -> str:
    """A page that has everything but traces and pictures."""
    made = document(load_scenario("order-fulfillment"), compared(), budget=1)
    engines = [{**each, "architecture": None} for each in made["engines"]]
    return html({**made, "engines": engines, "traces": Pack().as_json()})


def stories_of(name: str) -> str:
    """A built-in's page without crashes: these are added as long as there is room."""
    made: Json = document(load_scenario(name), compared(), budget=1)
    return html(made)


@contextmanager
def _simulating() -> Generator[Callable[[], float]]:
    """How many seconds of processors' time go into the simulations of forks, meanwhile, in whatever process."""
    spent, simulate = multiprocessing.Value("d", 0.0), forks.simulate

    def timed(*arguments: Any, **named: Any) -> Any:
        begun = time.process_time()
        try:
            return simulate(*arguments, **named)
        finally:
            with spent.get_lock():
                spent.value += time.process_time() - begun

    forks.simulate = timed  # processes that are forked from this one have it, too
    try:
        yield lambda: spent.value
    finally:
        forks.simulate = simulate
