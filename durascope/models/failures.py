"""Why a run has failed: the step whose failure was for good, as the trace tells it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from durascope.models.trace import Kind, Trace

_NAMED: Final = 3
"""How many runs a sentence names; it counts the others."""


class Failure(NamedTuple):
    """A run that has failed because a step did.

    >>> Failure("run 4", "charge", 3, "CardDown").cause
    'charge failed 3 times (CardDown)'
    """

    run: str
    step: str
    attempts: int
    error: str
    """The error's type, or `timed out`."""

    @property
    def cause(self) -> str:
        """What the step did, in words."""
        times = "" if self.attempts == 1 else f" {self.attempts:,} times"
        return f"{self.step} failed{times} ({self.error})"


def failures(trace: Trace) -> Iterator[Failure]:
    """The failed runs of a full trace, each with the step that failed it; runs that their own code ended are left out.

    A step has failed for good if no retry follows its last failure. If several have, the first counts: what fails
    later is a consequence, or an undo step.
    """
    failed = {run.name for run in trace.runs if trace.status_of(run) == "failed"}
    tries: dict[tuple[str, str], list[tuple[int, str]]] = {}
    final: dict[tuple[str, str], int] = {}
    for number, event in trace.of_kind(Kind.STEP_FAILED, Kind.STEP_RETRIED, Kind.STEP_DROPPED):
        if event.run not in failed or event.step is None:
            continue
        place = (event.run, event.step)
        if event.kind is Kind.STEP_RETRIED:
            final.pop(place, None)
        elif event.kind is Kind.STEP_FAILED or event.detail == "timed out":
            tries.setdefault(place, []).append((event.attempt or 1, str(event.detail)))
            final[place] = number
    told = set[str]()
    for run, step in sorted(final, key=final.__getitem__):
        if run not in told:
            told.add(run)
            attempts = tries[run, step]
            yield Failure(run, step, len({attempt for attempt, _ in attempts}), attempts[-1][1])


def failure_sentences(trace: Trace) -> list[str]:
    """A sentence for each cause, the most frequent first: `run 4 failed: charge failed 3 times (CardDown).`"""
    runs: dict[str, list[str]] = {}
    for failure in failures(trace):
        runs.setdefault(failure.cause, []).append(failure.run)
    return [f"{_some(names)} failed: {cause}." for cause, names in sorted(runs.items(), key=lambda each: -len(each[1]))]


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED
    named = ", ".join(names[:_NAMED])
    return f"{named} and {more:,} more" if more > 0 else named
