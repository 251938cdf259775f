"""Conformance cases: a scenario, and what the real engine recorded when it ran it.

The keys that all engines' cases have are described in `tests/conformance/README.md`, those of each engine in the
README of its folder.
"""

from __future__ import annotations

from typing import Annotated, Literal

from durascope.models.checks import check
from durascope.models.engine import engine, names
from durascope.models.fields import Flag, Model, Whole, by_shape, form
from durascope.models.problems import Problem, ScenarioProblems, suggestion
from durascope.models.reading import check_what_is_left
from durascope.models.scenario import Id, Scenario
from durascope.models.source import Value
from durascope.models.units import Duration
from durascope.models.validation import validate

Range = tuple[Duration, Duration]
"""The shortest and the longest that were recorded, in microseconds."""

Record = tuple[str, ...]
"""The lines of one run, in order, in the engine's own words."""

PerRun = Annotated[
    Annotated[dict[str, Range], form("mapping")] | Annotated[tuple[Range, ...], form("list")],
    by_shape("{run 1: [least, most]}, or a list of such ranges"),
]
"""Ranges by run, or without names where the runs may be exchanged for each other."""


class Recorded(Model):
    """Where a case's records come from."""

    server: str
    sdk: str
    on: str
    """The day of the recording."""
    runs: Whole
    """How often the scenario was recorded."""


class Case(Model):
    """What the cases of all engines have in common."""

    case: Id
    engine: str
    shows: str
    recorded: Recorded
    scenario: Scenario
    records: tuple[dict[str, Record], ...]
    """The accepted records, by run: one variant, or several where the engine is not deterministic."""
    effects: dict[str, Whole] = {}
    """The side effects that happened by step, over all runs, counted outside of the engine."""
    status: dict[str, str] = {}
    """How each run ended."""
    racy: Flag = False
    """The order of things does not follow from the scenario."""


class TemporalCase(Case):
    """What Temporal recorded: event histories."""

    replayed: dict[str, dict[str, Whole]] = {}
    """How often a step was begun during a replay, by worker process."""
    lasts: dict[str, Range] = {}
    """How long each run lasted."""
    starts: dict[Literal["started", "refused", "attached"], Whole] = {}
    """What became of the start requests."""
    answers: dict[str, str] = {}
    """What became of updates and queries."""


class Attempt(Model):
    """One attempt of a Restate invocation that reached the app."""

    entries: Whole
    """How many journal entries the app was sent at the start."""
    retries: Whole = 0
    """The engine's count of retries since the last stored entry."""
    ends: Literal["completed", "suspended", "failed", "connection-lost", "aborted"]


class RestateCase(Case):
    """What Restate recorded: journals."""

    any_order: dict[str, tuple[Record, ...]] = {}
    """Neighbouring lines of a journal that may come in another order, too."""
    attempts: dict[str, tuple[Attempt, ...]] | None = None
    """The attempts of each invocation; None: not compared."""
    events: dict[str, Record] | None = None
    """The events beside the journal of each invocation; None: not compared."""
    starts: dict[str, Whole] = {}
    """How often a step's body began, where that is not the number of its effects."""


class InngestCase(Case):
    """What Inngest recorded: what passed between the engine and the function host."""

    free: tuple[Literal["members", "ticks", "runs"], ...] = ()
    """In what the engine is not deterministic."""
    partial: Literal["exchanges"] | None = None
    """Lines of requests and answers were not recorded."""
    attempts: dict[str, Whole] = {}
    """How often a step's body ran to its effect or failure, where that is not the number of its effects."""
    lasts: PerRun = {}
    """How long each run lasted."""
    starts: PerRun = {}
    """When each run's first request came, from the workload's first start."""
    order: tuple[Record, ...] = ()
    """The run that each request belonged to, one list per variant."""
    in_flight: Whole | None = None
    """The most requests that were in flight at once."""
    request_bytes: tuple[Whole, ...] = ()
    event_bytes: Whole | None = None


def is_case(value: Value) -> bool:
    """Whether a document is a case, and not a scenario."""
    return value.get("case") is not None or value.get("records") is not None


def case_of(value: Value, problems: list[Problem]) -> Case:
    """The case of a document, in which these problems have been found before. Raises `ScenarioProblems`."""
    name = str(value.find(("engine",)).scalar or "")
    if name not in names():
        help = suggestion(name[:60], names(), "the engines")  # noqa: A001
        raise ScenarioProblems([value.problem("unknown-engine", "a case has an engine", ("engine",), help=help)])
    part = engine(name).case
    model: type[Case] = part.load() if part else Case
    case, wrong = validate(model, value)
    found = [*problems, *wrong]
    if case is not None:
        found += check(case.scenario, value.find(("scenario",)))
    else:
        found += check_what_is_left(value.find(("scenario",)))
    if found or case is None:
        raise ScenarioProblems(found)
    return case
