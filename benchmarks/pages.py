"""How big the player's pages are, and how long they take beside the simulations in them."""

from __future__ import annotations

import time
from collections.abc import Iterator

from durascope.models.engine import compared
from durascope.models.loading import load_scenario
from durascope.models.overrides import Overrides
from durascope.player.document import crashes_in, document
from durascope.player.forks import crashes
from durascope.player.page import bundle, html
from durascope.player.stories import stories
from durascope.simulators.simulate import simulate

SCENARIOS = (("order-fulfillment", ("faults=[]",)), ("order-fulfillment", ()), ("payment", ()))
"""The first has the single crashes that `explore` tries; the others those of both of their stories."""


def figures() -> Iterator[str]:
    """One line a figure."""
    yield f"  page without traces                {len(bundle().packed):9,} bytes (at most 60,000)"
    for name, settings in SCENARIOS:
        scenario = load_scenario(name, Overrides(settings))
        begun = time.perf_counter()
        made = document(scenario, compared(), processes=1)
        page = html(made)
        took = time.perf_counter() - begun
        begun = time.perf_counter()
        for story in stories(scenario, compared(), 0):
            for engine, went in story.went.items():
                for crash in crashes(story.scenario, went)[0]:
                    simulate(crash.fault.applied_to(story.scenario), engine, full=True, records=True)
        beside = took - (time.perf_counter() - begun)
        forks = sum(crashes_in(made).values())
        title = f"{name}{' without faults' if settings else ''}"
        yield (
            f"  {title:34} {len(page.encode()):9,} bytes  {forks:,} crashes  {took:5.1f} s, {beside:.1f} s of them "
            "beside the simulations"
        )
