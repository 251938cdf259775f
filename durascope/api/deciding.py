"""The evidence for choosing an engine, over many seeds, with prices and limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from durascope.api.asking import Target, load
from durascope.api.showing import Page, Shown, html_table
from durascope.experiments.decision import Decision, decide
from durascope.experiments.evidence import as_json
from durascope.experiments.measures import MEASURES
from durascope.experiments.prices import Prices
from durascope.experiments.statistics import Interval
from durascope.models.engine import compared, title_of

if TYPE_CHECKING:
    from durascope.render.document import Document


class Comparison(Page):
    """What `durascope compare` shows: what happens over many seeds, what it costs, which limits it meets."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        """All evidence, as objects."""

    @cached_property
    def data(self) -> dict[str, Any]:
        """All evidence, as `durascope compare --format json` prints it."""
        return as_json(self.decision)

    @property
    def rows(self) -> list[dict[str, object]]:
        """One row an engine and figure: its name, title, value, and the bounds of its 95 % interval."""
        return [
            {"engine": engine, "measure": measure.name, "title": measure.title, **_bounds(measure.of(found))}
            for engine, found in self.decision.study.estimates.items()
            for measure in MEASURES.values()
        ]

    def costs(self) -> Costs:
        """What a month costs, alone."""
        return Costs(self.decision)

    def _page(self) -> Document:
        from durascope.render.decision import page

        return page(self.data, title_of)

    def __repr__(self) -> str:
        return f"<Comparison {self.decision.scenario.scenario}: {', '.join(self.decision.engines)}>"


class Costs(Shown):
    """What a month costs on each plan of each vendor, with the faults and without them."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        """All evidence, as objects."""

    @property
    def rows(self) -> list[dict[str, object]]:
        """One row a plan, the cheapest of a vendor first; no price if the plan does not allow that many runs."""
        return [
            {
                "engine": engine,
                "vendor": bill.vendor,
                "plan": bill.plan,
                "usd_per_month": bill.usd_per_month,
                "usd_without_faults": bill.usd_without_faults,
                "price_of_failure": bill.price_of_failure,
                "storage_usd_per_month": bill.storage_usd_per_month,
                "confidence": bill.confidence,
                "retrieved": bill.retrieved,
            }
            for engine, bills in self.decision.bills.items()
            for bill in bills
        ]

    def __repr__(self) -> str:
        return f"<Costs {self.decision.scenario.scenario}, {self.decision.runs_per_month:,} runs a month>"

    def _repr_html_(self) -> str:
        amounts = ("usd_per_month", "usd_without_faults", "price_of_failure")
        head = ("", "a month", "without faults", "price of failure", "")
        return html_table(
            head,
            [
                [
                    f"{row['vendor']} {row['plan']}",
                    *(_usd(row[name]) for name in amounts),
                    f"{row['confidence']}, {row['retrieved']}",
                ]
                for row in self.rows
            ],
        )


def _usd(amount: object) -> str:
    return f"${amount:,.2f}" if isinstance(amount, float | int) else "–"


def _bounds(interval: Interval | None) -> dict[str, object]:
    """An interval as columns of a row."""
    if interval is None:
        return {"value": None, "low": None, "high": None}
    return {"value": interval.value, "low": interval.low, "high": interval.high}


def costs(
    target: Target,
    engines: Iterable[str] | None = None,
    *,
    runs_per_month: int = 1_000_000,
    seed: int = 0,
    replications: int = 20,
    prices: Mapping[str, Prices] | None = None,
    processes: int | None = None,
) -> Costs:
    """What a month of a scenario costs on each vendor's plans, as simulated: with its faults, and without them.

    Args:
        target: As for `load`.
        engines: Default: all but the baselines.
        runs_per_month: How many runs.
        seed: The first seed.
        replications: How many seeds.
        prices: By engine, in place of those that ship.
        processes: How many processes; default: the cores.

    Raises:
        ScenarioProblems: The scenario is not valid.

    >>> found = durascope.costs("payment", ["restate"], replications=2, processes=1)
    >>> found
    <Costs payment, 1,000,000 runs a month>
    >>> found.rows[0]["plan"], found.rows[0]["confidence"]
    ('Starter', 'second-hand')
    """
    found = decide(
        load(target),
        tuple(compared() if engines is None else engines),
        seed=seed,
        replications=replications,
        runs_per_month=runs_per_month,
        prices=prices,
        quick=True,
        processes=processes,
    )
    return Costs(found)


def compare(
    target: Target,
    engines: Iterable[str] | None = None,
    *,
    seed: int = 0,
    replications: int | None = None,
    precision: float = 0.05,
    budget_s: float = 60.0,
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
        budget_s: After how many seconds no further replications are made, precise or not.
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
        budget_s=budget_s,
        runs_per_month=runs_per_month,
        processes=processes,
    )
    return Comparison(found)
