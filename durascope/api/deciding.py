"""The evidence for choosing an engine, over many seeds, with prices and limits."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from durascope.api.asking import Target, load
from durascope.api.showing import mimebundle
from durascope.experiments.decision import Decision, decide
from durascope.experiments.evidence import as_json
from durascope.models.engine import compared, title_of


class Comparison:
    """What `durascope compare` shows: what happens over many seeds, what it costs, which limits it meets."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        """All evidence, as objects."""

    @cached_property
    def data(self) -> dict[str, Any]:
        """All evidence, as `durascope compare --format json` prints it."""
        return as_json(self.decision)

    def markdown(self) -> str:
        """The page as Markdown."""
        return self._page().markdown()

    def html(self) -> str:
        """The page as HTML."""
        return self._page().html()

    def _page(self) -> Any:
        from durascope.render.decision import page

        return page(self.data, title_of)

    def __repr__(self) -> str:
        return f"<Comparison {self.decision.scenario.scenario}: {', '.join(self.decision.engines)}>"

    def _repr_html_(self) -> str:
        return self.html()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return mimebundle(self, include, exclude)


def compare(
    target: Target,
    engines: Iterable[str] | None = None,
    *,
    seed: int = 0,
    replications: int | None = None,
    precision: float = 0.05,
    runs_per_month: int = 1_000_000,
    processes: int | None = None,
) -> Comparison:
    """Simulates a scenario on each engine with many seeds and adds prices, limits and criteria.

    Args:
        target: As for `load`.
        engines: Default: all but the baselines.
        seed: The first seed.
        replications: How many seeds; default: as many as `precision` needs.
        precision: The half-width of the mean duration's 95 % interval, as a share of the mean.
        runs_per_month: For the costs.
        processes: How many processes; default: the cores.

    Raises:
        ScenarioProblems: The scenario is not valid.

    >>> durascope.compare("payment", ["temporal", "restate"], replications=2, processes=1)
    <Comparison payment: temporal, restate>
    """
    chosen = tuple(compared() if engines is None else engines)
    found = decide(
        load(target),
        chosen,
        seed=seed,
        replications=replications,
        precision=precision,
        runs_per_month=runs_per_month,
        processes=processes,
    )
    return Comparison(found)
