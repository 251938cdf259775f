"""Ways to read journals where they leave open how the service ran: each is tried, until one predicts them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from durascope.importing.restate.program import program
from durascope.importing.restate.reading import Invocation


@dataclass(frozen=True, slots=True)
class Reading:
    """What is taken for true; by default, what is so most often."""

    uninterrupted: Literal["mode", "sdk"] | None = None
    """Why a step went on although its run was cancelled: the service is called request by request, or it is its SDK."""


def readings(invocations: Sequence[Invocation]) -> Iterator[Reading]:
    """Those that the journals allow, the likeliest first."""
    if any(map(_went_on, invocations)):
        yield Reading("mode")
        yield Reading("sdk")
    else:
        yield Reading()


def _went_on(invocation: Invocation) -> bool:
    """Whether a step ended after the cancellation that came while it was under way."""
    code = program(invocation)
    cancelled = code.cancelled
    return cancelled is not None and any(
        each.kind == "Run" and each.answer is not None and each.entry.index < cancelled.index < each.answer.index
        for each in code.commands
    )
