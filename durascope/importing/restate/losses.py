"""Connections to the service that were lost: when it went away, and how long it was, as far as retries tell.

A connection that is lost is one error, one that is refused another; the same error again is not stored. So a single
error says that the first retry found the service there. Of more, the time until the next entry tells which one did.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from durascope.importing.restate.reading import Invocation, moment
from durascope.importing.restate.rows import LOST, tells_of
from durascope.importing.writing import Noted
from durascope.models.durations import FOREVER, format_duration

RETRIES: Final = (500_000, 1_500_000, 3_500_000, 7_500_000, 15_500_000, 31_500_000, 63_500_000)
"""When the retries come after the loss, by default, without their jitter; microseconds."""
JITTER: Final = 1.15
"""By how much longer pauses are, on average."""
BEFORE: Final = 10_000
"""How long before it could not be reached it is taken to have gone."""
UNKNOWN: Final = 2_000_000
"""How long it is taken to have been away where no entry says so."""


@dataclass(frozen=True, slots=True)
class Loss:
    """The service was gone; microseconds since the first run began."""

    at: int
    back: int
    """When there was an entry again; `FOREVER`: never."""
    refused: bool
    """Whether a retry was refused, too."""
    gone: bool
    """Whether it was gone before: the first error is that it could not be reached."""

    def fault(self, at: int) -> Noted:
        """As a scenario has it; `at`: by the prediction's clock."""
        before = BEFORE if self.gone else 1_000
        crash = {"crash": "app", "at": format_duration(max(0, at - before)), "down_for": self._down()}
        why = "Inferred: the connection to the service was lost at that time"
        if self.back >= FOREVER:
            return Noted(crash, f"{why}, and no later attempt was recorded.")
        which = "a retry was refused, a later one was not" if self.refused else "the first retry found it there"
        return Noted(crash, f"{why}; {which}. How long it was away, journals do not say.")

    def _down(self) -> str:
        if self.back >= FOREVER:
            return "forever"
        if not self.refused:
            return format_duration(RETRIES[0] // 2)
        number = retry_that_found_it(self.back - self.at)
        before, found = RETRIES[number - 1], RETRIES[number]
        return format_duration(round((before * JITTER + (found - before) / 2) / 1000) * 1000)


def retry_that_found_it(gap: int) -> int:
    """Which retry found a service again that had refused one, when the next entry came `gap` µs after the loss."""
    fits = [number for number, at in enumerate(RETRIES) if at * JITTER <= gap]
    return max(1, fits[-1] if fits else 1)


def losses(invocation: Invocation, began: int, *, forever: bool) -> list[Loss]:
    """Those of one invocation; `forever`: it was killed after the last one, as its retries were used up."""
    found: list[Loss] = []
    for row in invocation.events:
        at = moment(row.get("appended_at"))
        if at is None or not tells_of(row, LOST):
            continue
        refused = "refused" in str(row.get("event_json"))
        if found and at - began < found[-1].back:
            found[-1] = replace(found[-1], refused=found[-1].refused or refused)
        else:
            back = _back(invocation, at)
            unknown = FOREVER if forever else at + UNKNOWN - began
            found.append(Loss(at - began, unknown if back is None else back - began, refused, gone=refused))
    return found


def _back(invocation: Invocation, at: int) -> int | None:
    """When there was an entry of the service's again, which was lost at that time."""
    own = (each for each in invocation.entries if each.command or each.kind == "Run")
    return next((entry.at for entry in own if entry.at > at), None)
