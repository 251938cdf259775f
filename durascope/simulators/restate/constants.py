"""Restate's constants that are no delays, from the package's data file (each with its source and date)."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import yaml


@cache
def _table() -> dict[str, float]:
    text = files(__package__ or "").joinpath("defaults.yaml").read_text("utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    table: dict[str, dict[str, float]] = yaml.load(text, loader)["constants"]
    return {name: entry["value"] for name, entry in table.items()}


def constant(name: str) -> float:
    """The constant of that name; KeyError if there is none of that name."""
    return _table()[name]
