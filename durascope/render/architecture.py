"""The architecture of a scenario on one engine: components, queues, stores, workers, services, who calls whom.

Drawn from the scenario alone: nothing in a picture is placed or written by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final

from durascope.models.scenario import ENGINES, Engine, Scenario
from durascope.render.diagram import Diagram
from durascope.render.graph import picture
from durascope.render.picture import Picture

TITLES: Final[dict[Engine, str]] = {"temporal": "Temporal", "inngest": "Inngest", "restate": "Restate"}


def diagram(scenario: Scenario, engine: Engine) -> Diagram:
    """The boxes and arrows before they are laid out. Raises ValueError for an engine that is none."""
    if engine not in ENGINES:
        raise ValueError(f"{engine!r} is not an engine (expected one of {', '.join(ENGINES)})")
    build: Callable[[Scenario], Diagram] = import_module(f"durascope.render.parts.{engine}").architecture
    drawn = build(scenario)
    title = scenario.title or scenario.scenario
    drawn.title = f"{title} · {TITLES[engine]}"
    drawn.subtitle = "Architecture, drawn from the scenario. The numbers give the order of what happens."
    drawn.description = f"Architecture of the scenario {scenario.scenario} on {TITLES[engine]}: who calls whom."
    return drawn


def draw(scenario: Scenario, engine: Engine) -> Picture:
    """The architecture of the scenario's deployment on that engine."""
    return picture(diagram(scenario, engine))
