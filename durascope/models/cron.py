"""Schedules: when a cron expression comes round next. Minute, hour, day of month, month, day of week; UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(2026, 11, 22, tzinfo=UTC)
"""What the clock shows when a simulation begins: a Sunday, midnight."""
_RANGES: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_NAMES: Final = {
    name: number
    for names, base in (
        (("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1),
        (("sun", "mon", "tue", "wed", "thu", "fri", "sat"), 0),
    )
    for number, name in enumerate(names, base)
}
_SHORTHANDS: Final = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip


def next_time(expression: str, after: int) -> int | None:
    """The next time after `after` (microseconds of the simulation); None if there is none, or no cron.

    >>> next_time("0 9 * * 1", 0)
    118800000000
    """
    words = expression.split()
    if words and words[0].upper().startswith(("TZ=", "CRON_TZ=")):
        words = words[1:]
    if len(words) == 1:
        words = _SHORTHANDS.get(words[0], "").split()
    if len(words) == 6:
        words = words[1:]
    if len(words) != 5:
        return None
    try:
        fields = [_values(word.lower(), *bounds) for word, bounds in zip(words, _RANGES, strict=True)]
    except ValueError:
        return None
    return _search(fields, words[2] != "*", words[4] != "*", after)


def _search(fields: list[frozenset[int]], by_day: bool, by_weekday: bool, after: int) -> int | None:
    minutes, hours, days, months, weekdays = fields
    at = EPOCH + timedelta(minutes=after // 60_000_000 + 1)
    end = at + timedelta(days=366 * 5)
    while at < end:
        weekday = at.isoweekday() % 7 in weekdays or (at.isoweekday() == 7 and 7 in weekdays)
        day = at.day in days
        right_day = (day or weekday) if by_day and by_weekday else (day and weekday)
        if at.month not in months or not right_day:
            at = (at + timedelta(days=1)).replace(hour=0, minute=0)
        elif at.hour not in hours:
            at = (at + timedelta(hours=1)).replace(minute=0)
        elif at.minute not in minutes:
            at += timedelta(minutes=1)
        else:
            return round((at - EPOCH).total_seconds()) * 1_000_000
    return None


def _values(word: str, low: int, high: int) -> frozenset[int]:
    values: set[int] = set()
    for part in word.split(","):
        span, _, step = part.partition("/")
        if span == "*":
            first, last = low, high
        else:
            begin, _, end = span.partition("-")
            first = _NAMES.get(begin, 0) if begin in _NAMES else int(begin)
            last = high if step and not end else first if not end else _NAMES[end] if end in _NAMES else int(end)
        values.update(range(first, last + 1, int(step) if step else 1))
    return frozenset(values)
