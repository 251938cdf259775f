"""Retry policies."""

from __future__ import annotations

from durascope.models.run_step import Retry
from durascope.render.code.layout import Expression, call
from durascope.render.code.names import quoted
from durascope.render.code.python import timedelta


def retry_policy(retry: Retry, before: str, never: str | None = None) -> Expression:
    """A retry policy; what the scenario leaves out is the server's default. `never`: failures that end it at once."""
    parts: list[Expression] = []
    if retry.initial is not None:
        parts.append(f"initial_interval={timedelta(retry.initial)}")
    if retry.factor is not None:
        parts.append(f"backoff_coefficient={float(retry.factor)!r}")
    if retry.max_interval is not None:
        parts.append(f"maximum_interval={timedelta(retry.max_interval)}")
    if retry.max_attempts is not None:
        parts.append(f"maximum_attempts={retry.max_attempts}")
    if never is not None:
        parts.append(f"non_retryable_error_types=[{quoted(never)}]")
    return call(f"{before}RetryPolicy", *parts)
