"""The options that all simulating commands share, and what they ask for together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from durascope.models.engine import compared, names

if TYPE_CHECKING:
    from durascope.models.cases import Case
    from durascope.models.scenario import Scenario

_Value = TypeVar("_Value")


def _known(chosen: list[str] | None) -> list[str] | None:
    for each in chosen or ():
        if each not in names():
            raise typer.BadParameter(f"{each!r} is not one of {', '.join(names())}.")
    return chosen


ScenarioArgument = Annotated[
    str,
    typer.Argument(metavar="SCENARIO", help="A scenario file, a conformance case, or the name of a built-in scenario."),
]
EngineOption = Annotated[
    list[str] | None,
    typer.Option(
        "--engine",
        "-e",
        metavar="|".join(names()),
        callback=_known,
        help=f"An engine; may be repeated (default: {', '.join(compared())}).",
    ),
]
SeedOption = Annotated[
    int,
    typer.Option("--seed", min=0, max=2**63 - 1, metavar="N", help="Random seed; the same seed gives the same run."),
]
RunsOption = Annotated[
    int | None,
    typer.Option("--runs", min=0, max=10_000_000, metavar="N", help="How many runs (default: the scenario's)."),
]
RateOption = Annotated[
    str | None,
    typer.Option(
        "--rate",
        metavar="RATE",
        help="Random arrivals at this rate: 5/s, 300/m (default: the scenario's).",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Set any field: services.stripe.latency=3s or workflows.W.steps.STEP.takes=1s; may be repeated.",
    ),
]
CrashOption = Annotated[
    list[str] | None,
    typer.Option(
        "--crash",
        metavar="PHRASE",
        help="Add a crash: 'app after-effect STEP [attempt N] [down 5s]', 'engine at 3s' or 'app after event 9'.",
    ),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", file_okay=False, help="Also write the results to files in DIR.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print data as JSON.")]


# ---- of the commands that simulate many times ------------------------------------------------------------------------


class PageFormat(StrEnum):
    """What `--format` takes where a page is printed."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"


RUNS_PER_MONTH: Final = 1_000_000
"""Of the costs, unless it is said; as `experiments.decision` has it, which is not imported for `--help`."""

PageFormatOption = Annotated[PageFormat, typer.Option("--format", "-f", help="Output format of the page.")]
ProcessesOption = Annotated[
    int | None,
    typer.Option("--processes", min=1, max=256, metavar="N", help="Number of processes (default: one per core)."),
]
PerMonthOption = Annotated[
    int, typer.Option("--per-month", min=1, max=10**12, metavar="N", help="Runs per month, for the costs.")
]


def read(option: str, text: str, parse: Callable[[str], _Value]) -> _Value:
    """An option's value, as the language reads it. Raises `typer.BadParameter`, which names the option and the fix."""
    from durascope.models.units import Misread

    try:
        return parse(text)
    except Misread as misread:
        what = ": ".join(filter(None, (str(misread), misread.help)))
        raise typer.BadParameter(what, param_hint=f"'{option}'") from None


@dataclass(frozen=True, slots=True)
class Request:
    """What a simulating command was asked: a scenario, overrides made, and the engines to run it on."""

    loaded: Scenario | Case
    scenario: Scenario
    engines: tuple[str, ...]


def request(
    target: str,
    engines: Sequence[str] | None = None,
    *,
    runs: int | None = None,
    rate: str | None = None,
    settings: Sequence[str] | None = None,
    crashes: Sequence[str] | None = None,
) -> Request:
    """Reads the scenario with its overrides; a case runs on its own engine. Raises `ScenarioProblems`."""
    from durascope.models.cases import Case
    from durascope.models.loading import load, scenario_in
    from durascope.models.overrides import Overrides

    loaded = load(target, Overrides(tuple(settings or ()), tuple(crashes or ()), runs, rate))
    chosen = engines or ((loaded.engine,) if isinstance(loaded, Case) else compared())
    return Request(loaded, scenario_in(loaded), tuple(dict.fromkeys(chosen)))
