"""Why something failed: an attempt, a child, a run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something failed."""

    message: str
    kind: str = "application"
    """application · timeout · canceled · terminated · child · server"""
    retryable: bool = True
    retry_after: int | None = None
    """The error's own next-retry delay in microseconds."""
    timeout_type: str | None = None
