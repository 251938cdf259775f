"""What the hosts of apps allow: how long one request may run, by platform, from a data file with sources and dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from durascope.models.durations import parse_duration


@dataclass(frozen=True, slots=True)
class Platform:
    """A host and its default limit."""

    name: str
    max_duration: int | None
    """Microseconds; None: a request may run as long as it likes."""
    note: str
    source: str
    retrieved: str


@cache
def platforms() -> Mapping[str, Platform]:
    """The platforms of the data file by name."""
    text = files("durascope.models").joinpath("platforms.yaml").read_text("utf-8")
    table: dict[str, dict[str, str]] = yaml.safe_load(text)["platforms"]
    return {name: _platform(name, entry) for name, entry in table.items()}


def _platform(name: str, entry: Mapping[str, str]) -> Platform:
    limit = entry["max_duration"]
    longest = None if limit == "none" else parse_duration(limit)
    return Platform(name, longest, entry["note"], entry["source"], str(entry["retrieved"]))


def longest_request(max_duration: int | None, platform: str | None) -> int | None:
    """The limit that a scenario names, else the default of its platform, in microseconds; None: there is none."""
    if max_duration is not None or platform is None:
        return max_duration
    known = platforms().get(platform.lower())
    return None if known is None else known.max_duration
