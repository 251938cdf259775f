"""What can go wrong at every moment, and what a field decides: explorations and sweeps that show themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durascope.api.asking import Target, load
from durascope.api.showing import Page, Shown
from durascope.experiments.exploration.disturbances import What
from durascope.experiments.exploration.explore import DEFAULT
from durascope.experiments.exploration.explore import explore as explore_all
from durascope.experiments.exploration.explored import Exploration as Found
from durascope.experiments.exploration.shrink import shrunk
from durascope.experiments.exploration.swarm import swarmed
from durascope.experiments.exploration.trials import with_remedies
from durascope.experiments.grid import Axis
from durascope.experiments.measures import DEFAULT as MEASURES
from durascope.experiments.pool import mapped
from durascope.experiments.sweep import Sweep as Swept
from durascope.experiments.sweep import sweep as sweep_all
from durascope.models.engine import compared, title_of

if TYPE_CHECKING:
    from durascope.render.document import Document


class Exploration(Page):
    """What `durascope explore` shows: guarantees, promises, findings and remedies."""

    def __init__(self, found: Found) -> None:
        self.found = found
        """Everything, as objects."""

    @cached_property
    def data(self) -> dict[str, Any]:
        """Everything, as `durascope explore --json` prints it."""
        return self.found.as_json()

    @property
    def held(self) -> bool:
        """Whether every promise held after every disturbance."""
        return self.found.held

    def guarantees(self) -> list[dict[str, object]]:
        """One row a step and engine: the fewest and the most effects per run, and the worst recovery in ms."""
        return [
            {"engine": engine, "step": step, "fewest": found["effects"][0], "most": found["effects"][1],
             "worst_recovery_ms": found["worst_recovery_ms"]}
            for engine, each in self.data["engines"].items() for step, found in each["steps"].items()
        ]  # fmt: skip

    @property
    def rows(self) -> list[dict[str, object]]:
        """The guarantees."""
        return self.guarantees()

    def findings(self) -> list[dict[str, object]]:
        """One row a finding: the engine, what is broken, the cause, the line that reproduces it, its token."""
        names = ("property", "step", "sentence", "cause", "reproduce", "token", "smallest")
        return [
            {"engine": engine, **{name: finding[name] for name in names}}
            for engine, each in self.data["engines"].items()
            for finding in each["findings"]
        ]

    def crash_map(self) -> Any:
        """The crash map as a picture: `.svg()`, `.png()`, `.save(path)`; it shows itself in a notebook."""
        from durascope.render.crash_map import crash_map

        return crash_map(self.data, title_of)

    def _page(self) -> Document:
        from durascope.render.exploration import page

        return page(self.data, title_of)

    def __repr__(self) -> str:
        points = sum(each.points for each in self.found.engines.values())
        return f"<Exploration {self.found.scenario.scenario}: {points:,} points, {'held' if self.held else 'not held'}>"


def explore(
    target: Target,
    engines: Iterable[str] | None = None,
    *,
    seed: int = 0,
    what: Sequence[What] = DEFAULT,
    moments_only: bool = False,
    crashes: int = 1,
    seconds: float = 0,
    shrink: bool = False,
    remedies: bool = False,
    processes: int | None = None,
) -> Exploration:
    """Breaks a scenario, without its own faults, once at every point of its undisturbed trace.

    Args:
        target: As for `load`.
        engines: Default: all but the baselines.
        seed: The random seed.
        what: crash, graceful, hang, cut, outage, deploy, cancel.
        moments_only: Only the moments of steps, not every event.
        crashes: 2 also tries pairs, at the moments of steps.
        seconds: For how long random swarms of disturbances follow.
        shrink: Look for the smallest scenario that shows each finding.
        remedies: Try the remedies that fit, and explore again.
        processes: How many processes; default: the cores.

    Raises:
        ScenarioProblems: The scenario is not valid.
        ValueError: There is nothing to explore; the text says why.

    >>> durascope.explore("order-fulfillment", ["restate"], moments_only=True, processes=1)
    <Exploration order-fulfillment: 120 points, not held>
    """
    scenario = load(target)
    chosen = tuple(compared() if engines is None else engines)
    name = str(target) if isinstance(target, str | Path) else None
    found = explore_all(
        scenario,
        chosen,
        seed=seed,
        whats=what,
        between=not moments_only,
        crashes=crashes,
        processes=processes,
        name=name,
    )
    if seconds:
        found = swarmed(found, seconds, processes=processes)
    if shrink:
        found = shrunk(found)
    return Exploration(with_remedies(found, processes=processes) if remedies else found)


class Sweep(Shown):
    """What `durascope sweep` shows: each measure at each point, with its 95 % interval."""

    def __init__(self, swept: Swept) -> None:
        self.swept = swept
        """Everything, as objects."""

    @cached_property
    def data(self) -> dict[str, Any]:
        """Everything, as `durascope sweep --format json` prints it."""
        return self.swept.as_json()

    @property
    def rows(self) -> list[dict[str, object]]:
        """One flat row a point and engine: the values of the axes, and each measure with its bounds."""
        return self.swept.rows()

    def pictures(self) -> dict[str, Any]:
        """Lines for one axis, heat maps for two."""
        from durascope.render.sweep import pictures

        return dict(pictures(self.data))

    def __repr__(self) -> str:
        axes = " × ".join(f"{axis.path} ({len(axis.values)})" for axis in self.swept.axes)
        return f"<Sweep {self.swept.scenario} over {axes}: {', '.join(self.swept.engines)}>"

    def _repr_html_(self) -> str:
        return "".join(picture.svg() for picture in self.pictures().values())


def sweep(
    target: str | Path,
    over: Mapping[str, Sequence[str]],
    engines: Iterable[str] | None = None,
    *,
    seed: int = 0,
    seeds: int = 5,
    sample: int | None = None,
    measures: Sequence[str] = MEASURES,
    out: Path | None = None,
    processes: int | None = None,
) -> Sweep:
    """Simulates a scenario at every combination of the values of some of its fields.

    Args:
        target: A file, or the name of a scenario that ships.
        over: By path, as `--set` takes it, the values as a file writes them.
        engines: Default: all but the baselines.
        seed: The first seed.
        seeds: Replications of each point.
        sample: How many points of the grid, spread evenly; default: all.
        measures: Names such as `p50_ms`, `p99_ms`, `completed`, `recovery_ms`.
        out: A folder in which finished points are kept; a sweep that was interrupted goes on there.
        processes: How many processes; default: the cores.

    Raises:
        ScenarioProblems: A point is not a valid scenario.
        ValueError: The grid cannot be made; the text says why.

    >>> durascope.sweep("order-fulfillment", {"services.stripe.failures": ["0%", "5%"]}, ["restate"], processes=1)
    <Sweep order-fulfillment over services.stripe.failures (2): restate>
    """
    found = sweep_all(
        target,
        [Axis(path, tuple(values)) for path, values in over.items()],
        tuple(compared() if engines is None else engines),
        seed=seed,
        seeds=seeds,
        sample=sample,
        measures=measures,
        out=out,
        mapper=partial(mapped, processes=processes),
    )
    return Sweep(found)
