"""When a failed item is due again (inngest.md §3, §6.2)."""

from __future__ import annotations

from durascope.models.units import SECOND
from durascope.simulators.inngest.items import Item
from durascope.simulators.inngest.settings import BACKOFF, TIMES
from durascope.simulators.kernel.luck import Luck


def backoff(luck: Luck, constant: int | None, item: Item) -> int:
    """The wait after attempt k: the table's k-th entry and up to 30 s; `--retry-interval` replaces both."""
    if constant is not None:
        return constant
    jitter = int(luck("backoff", item.job, item.attempt) * TIMES.backoff_jitter)
    return BACKOFF[min(item.attempt, len(BACKOFF) - 1)] + jitter


def retry_after(now: int, wanted: int, *, whole_seconds: bool) -> int:
    """When an answer's `retry-after` is over: between 1 s and 24 h; seconds count from the current second.

    >>> retry_after(1_500_000, 2_000_000, whole_seconds=True), retry_after(1_500_000, 1, whole_seconds=False)
    (3000000, 2500000)
    """
    wanted = max(TIMES.retry_after_min, min(TIMES.retry_after_max, wanted))
    return now // SECOND * SECOND + wanted if whole_seconds else now + wanted
