"""An engine's constants, from its data file: every figure stands there with its source and date."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import yaml

from durascope.models.units import Spread


@cache
def _read(package: str) -> Mapping[str, Spread]:
    text = files(package).joinpath("defaults.yaml").read_text("utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    table: dict[str, dict[str, object]] = yaml.load(text, loader)["latencies"]
    return {name: Spread.parse(entry["value"]) for name, entry in table.items()}


def latencies(package: str, overrides: Mapping[str, Spread]) -> dict[str, Spread]:
    """The engine's delays by name, with the scenario's own in their place.

    `defaults.yaml` of the package has `latencies: {NAME: {value: SPREAD, source: …, date: …}}`.
    """
    return {**_read(package), **overrides}
