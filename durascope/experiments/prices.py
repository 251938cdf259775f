"""What vendors charge and where their limits are: dated facts, read from one file per vendor, never numbers in code."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from durascope.models.units import parse_duration, parse_share, parse_size

MILLION: Final = 1_000_000


REQUESTS: Final = "requests, tasks or polls per run"
STORED: Final = "bytes stored per run"
"""Rows of `criteria.yaml` that are measured, and that more than the criteria table is made of."""


class PricesError(ValueError):
    """A price file that cannot be used; its text says where and why."""


def _limit(value: object) -> float:
    """A count, a size (`4MiB`, in bytes) or a duration (`2h`, in microseconds)."""
    if isinstance(value, str):
        return float(parse_size(value)) if value.endswith("B") else float(parse_duration(value))
    return float(value)  # pyright: ignore[reportArgumentType]  # pydantic reports what is no number


Limit = Annotated[float, BeforeValidator(_limit)]


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Tier(_Fact):
    """A price for the first N units, or for all that are left."""

    usd: float = Field(ge=0)
    """For a million units."""
    first: int | None = Field(default=None, gt=0)
    """How many units have this price; None: all further ones."""


class Plan(_Fact):
    """What a vendor sells by the month."""

    name: str
    base_usd: float = 0.0
    """A month's fee; where there is a `share_of_usage` too, the greater of the two is paid."""
    share_of_usage: Annotated[float, BeforeValidator(parse_share)] = 0.0
    included: Mapping[str, int] = {}
    """Units of each kind that the fee covers."""
    prices: Mapping[str, tuple[Tier, ...]] = {}
    """By kind of unit. A kind that is only included ends there; one that is neither included nor priced is free."""

    def usd_per_month(self, units: Mapping[str, float]) -> float | None:
        """A month's bill for that many units of each kind; None: the plan does not allow as many.

        >>> plan = Plan(name="Pro", base_usd=99, included={"step": 10}, prices={"step": (Tier(usd=50_000),)})
        >>> plan.usd_per_month({"step": 12})
        99.1
        """
        usage = 0.0
        for unit, count in units.items():
            over = count - self.included.get(unit, 0)
            if over <= 0 or not (unit in self.included or unit in self.prices):
                continue
            cost = _tiered(self.prices.get(unit, ()), over)
            if cost is None:
                return None
            usage += cost
        return usage + max(self.base_usd, self.share_of_usage * usage)


def _tiered(tiers: tuple[Tier, ...], count: float) -> float | None:
    """What that many units cost; None if the prices end before the units do."""
    cost = 0.0
    for tier in tiers:
        here = count if tier.first is None else min(count, tier.first)
        cost += here * tier.usd / MILLION
        count -= here
        if count <= 0:
            return cost
    return cost if count <= 0 else None


class Storage(_Fact):
    """What stored bytes cost, by the hour."""

    active_usd_per_gb_hour: float
    retained_usd_per_gb_hour: float
    bytes: str
    """The model's counter of a simulation's bytes."""


class VendorLimit(_Fact):
    """A size that a vendor or an engine does not let a run grow beyond."""

    what: str
    limit: Limit
    warning: Limit | None = None
    then: str
    """What happens there."""
    counter: str | None = None
    """The model's counter of the largest one."""
    share: str | None = None
    """The model's counter of the largest one as a share of the limit."""
    field: Literal["size", "takes", "sleep"] | None = None
    """The field of the scenario's steps that says how large it is."""


class Prices(_Fact):
    """One vendor's prices and limits."""

    vendor: str
    engine: str
    source: str
    retrieved: Annotated[str, Field(pattern=r"^\d{4}-\d{2}(-\d{2})?$")]
    confidence: Literal["vendor", "second-hand"]
    """vendor: read in the vendor's own documentation · second-hand: unconfirmed, and shown so."""
    unit: str
    """The kind of unit that matters most."""
    usage: Mapping[str, str]
    """The model's counter of each kind of unit."""
    what_counts: str
    plans: tuple[Plan, ...]
    storage: Storage | None = None
    limits: tuple[VendorLimit, ...] = ()


class Criterion(BaseModel):
    """One row of the criteria table: what a guide says of each engine."""

    model_config = ConfigDict(frozen=True, extra="allow")
    criterion: str
    source: str | None = None
    """Left out: the table's."""
    retrieved: str | None = None

    def of(self, engine: str) -> str:
        return str((self.model_extra or {}).get(engine, "–"))


class Measured(BaseModel):
    """What is measured of a scenario: for each engine the counters whose sum it is."""

    model_config = ConfigDict(frozen=True, extra="allow")
    what: str

    def counters(self, engine: str) -> tuple[str, ...]:
        """The counters of that engine; none: it does not count this."""
        return tuple((self.model_extra or {}).get(engine, ()))


class Criteria(_Fact):
    """The criteria table: what a guide says, and what is measured beside it."""

    source: str
    retrieved: str
    confidence: str
    rows: tuple[Criterion, ...]
    measured: tuple[Measured, ...] = ()


@cache
def shipped() -> Mapping[str, Prices]:
    """The price files that ship, by engine."""
    found = (_parse(entry.read_text("utf-8"), entry.name) for entry in _facts() if entry.name != "criteria.yaml")
    return {prices.engine: prices for prices in sorted(found, key=lambda each: each.vendor)}


@cache
def criteria() -> Criteria:
    """The criteria table that ships."""
    return Criteria.model_validate(_yaml(files(_PACKAGE).joinpath("criteria.yaml").read_text("utf-8"), "criteria.yaml"))


def prices(replacements: tuple[Path, ...] = ()) -> Mapping[str, Prices]:
    """The prices by engine, with those of the files in place of the ones that ship. Raises `PricesError`."""
    given = [_parse(path.read_text("utf-8"), str(path)) for path in replacements]
    return {**shipped(), **{each.engine: each for each in given}}


_PACKAGE: Final = "durascope.experiments.facts"


def _facts() -> list[Any]:
    return [entry for entry in files(_PACKAGE).iterdir() if entry.name.endswith(".yaml")]


def _yaml(text: str, name: str) -> Any:
    try:
        return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise PricesError(f"{name}: not YAML: {' '.join(str(error).split())}") from None


def _parse(text: str, name: str) -> Prices:
    try:
        return Prices.model_validate(_yaml(text, name))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise PricesError(f"{name}: {place}: {first['msg']}") from None
