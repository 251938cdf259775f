"""The architecture of a scenario on one engine: components, queues, stores, workers, services, who calls whom.

Drawn from the scenario alone: nothing in a picture is placed or written by hand.
"""

from __future__ import annotations

from durascope.models.engine import engine as spec_of
from durascope.models.scenario import Scenario
from durascope.render.diagram import Diagram
from durascope.render.graph import picture
from durascope.render.parts.struck import mark
from durascope.render.picture import Picture


def diagram(scenario: Scenario, engine: str) -> Diagram:
    """The boxes and arrows before they are laid out.

    Raises `UnknownEngine` for an engine that is none, ValueError for one that has no architecture to draw.
    """
    spec = spec_of(engine)
    if not spec.architecture:
        raise ValueError(f"{spec.title} has no architecture to draw")
    drawn: Diagram = spec.architecture.load()(scenario)
    mark(drawn, scenario)
    title = scenario.title or scenario.scenario
    drawn.title = f"{title} · {spec.title}"
    drawn.subtitle = "Architecture, drawn from the scenario. The numbers give the order of what happens."
    drawn.description = f"Architecture of the scenario {scenario.scenario} on {spec.title}: who calls whom."
    return drawn


def draw(scenario: Scenario, engine: str) -> Picture:
    """The architecture of the scenario's deployment on that engine."""
    return picture(diagram(scenario, engine))
