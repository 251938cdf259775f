"""Inngest's constants, from `defaults.yaml`: every figure stands there with its source and date."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from types import SimpleNamespace
from typing import Any, Final

import yaml

from durascope.models.units import parse_duration


@cache
def _tables() -> dict[str, Any]:
    text = files(__package__ or "").joinpath("defaults.yaml").read_text("utf-8")
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


class Times(SimpleNamespace):
    """Durations in microseconds, named as in the `times` table."""

    lookahead: int
    partition_lookahead: int
    limit_requeue: int
    capacity_idempotency: int
    lease: int
    lease_extension: int
    scavenge: int
    request: int
    connect_lease: int
    dial: int
    redial: int
    year: int
    idempotency: int
    debounce_buffer: int
    max_runtime_http: int
    max_runtime_connect: int
    step_not_found: int
    checkpoint_retry: int
    retry_after_min: int
    retry_after_max: int
    backoff_jitter: int


class Numbers(SimpleNamespace):
    """Counts, shares and bytes, named as in the `numbers` table."""

    checkpoint_tries: int
    queue_workers: int
    workers_free: int
    late_ticks: float
    step_output: int
    request_body: int
    request_state: int
    run_state: int
    body: int
    memo_in_stack: int
    memo_in_steps: int
    error_json: int


TIMES: Final = Times(**{name: parse_duration(entry["value"]) for name, entry in _tables()["times"].items()})
NUMBERS: Final = Numbers(**{name: entry["value"] for name, entry in _tables()["numbers"].items()})
REDIAL: Final[tuple[int, ...]] = tuple(parse_duration(each) for each in _tables()["redial"]["value"])
"""The waits of the TypeScript SDK before it dials the gateway again, in microseconds; the last one repeats."""
BACKOFF: Final[tuple[int, ...]] = tuple(parse_duration(each) for each in _tables()["backoff"]["value"])
"""The waits after attempt 0, 1, 2, …, without their jitter, in microseconds; the last one repeats."""
