"""What an import gives: the scenario, the lines that were recorded, and what was inferred, and how surely."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from durascope.importing.story import Story
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace


@dataclass(frozen=True, slots=True)
class Imported:
    """A recording as a scenario."""

    engine: str
    scenario: Scenario
    text: str
    """The scenario's file, with comments."""
    records: Mapping[str, Sequence[str]]
    """What was recorded, by the runs' names in the scenario, in the grammar of the conformance cases."""
    open: frozenset[str]
    """The runs whose recording stops before they had ended."""
    stories: Sequence[Story]
    """Of each run that was started from outside."""
    notes: Sequence[str]
    """What the recording does not say, and what was taken instead."""
    predicted: Callable[[Trace, Scenario], Mapping[str, Sequence[str]]] = lambda trace, _scenario: trace.records
    """What a prediction has in the place of what was recorded: its record, or what the recording tells of it."""
    needs_events: bool = False
    """Whether `predicted` reads the trace's events, and not only its records."""
