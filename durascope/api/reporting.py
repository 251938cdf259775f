"""A scenario as one page that plays it: what `durascope report` writes, and how results show themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from durascope.api.asking import Target, load
from durascope.api.showing import framed, mimebundle
from durascope.models.engine import compared
from durascope.models.engine import engine as spec_of


class Report:
    """A page that plays a scenario: the engines side by side, and what a crash at any moment would do."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        """All that is in the page, as plain data: docs/player.md describes it."""

    @property
    def forks(self) -> Mapping[str, int]:
        """How many crashes are in it, by engine; one that is also there with a remedy counts once."""
        from durascope.player.document import crashes_in

        return crashes_in(dict(self.document))

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many more there are, by engine."""
        return dict(self.document["left_out"])

    def html(self, *, embed: bool = False) -> str:
        """The page; `embed`: for an iframe in another one. Raises `NoPlayer` if its script is not installed."""
        from durascope.player.page import html

        return html(dict(self.document), embed=embed)

    def save(self, path: str | Path, *, embed: bool = False) -> Path:
        """Writes the page. Returns its path; raises OSError with it."""
        from durascope.models.files import write_whole

        return write_whole(Path(path), self.html(embed=embed))

    def __repr__(self) -> str:
        crashes = ", ".join(f"{count:,} crashes on {engine}" for engine, count in self.forks.items())
        return f"<Report {self.document['scenario']['name']}: {crashes}>"

    def _repr_html_(self) -> str:
        return framed(self.html(embed=True), self.document["scenario"]["title"])

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return mimebundle(self, include, exclude)


def report(
    target: Target,
    engines: Iterable[str] | None = None,
    *,
    seed: int = 0,
    budget: int = 1_000_000,
    processes: int | None = None,
) -> Report:
    """One page that plays a scenario; the same arguments give the same bytes.

    Args:
        target: As for `load`.
        engines: Default: all but the baselines.
        seed: The random seed.
        budget: How many bytes the page may have; of the crashes the least interesting are left out.
        processes: How many processes; default: the cores.

    Raises:
        ScenarioProblems: The scenario is not valid.
        UnknownEngine: There is no such engine.
        NoPlayer: The page's script is not installed.

    >>> page = durascope.report("order-fulfillment", ["restate"], processes=1)
    >>> page
    <Report order-fulfillment: ... crashes on restate>
    >>> page.save("order.html")  # doctest: +SKIP
    """
    from durascope.player.document import document

    scenario = load(target)
    chosen = tuple(compared() if engines is None else engines)
    for each in chosen:
        spec_of(each)
    return Report(document(scenario, chosen, seed=seed, budget=budget, processes=processes))
