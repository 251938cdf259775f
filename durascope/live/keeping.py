"""Keeps recordings as a conformance case, in the form of those under `tests/conformance`."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any, Final

import yaml

from durascope.live.engine import Recording
from durascope.live.verification import Verification
from durascope.models.units import format_duration
from durascope.models.writing import as_plain


def case_yaml(verification: Verification, name: str) -> str:
    """The recordings as a case of that name (a file's stem), as YAML that `durascope.models.cases` reads."""
    name = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or verification.scenario.scenario
    first = verification.recordings[0]
    case: dict[str, Any] = {
        "case": name,
        "engine": verification.engine,
        "shows": verification.scenario.title or f"{verification.scenario.scenario}, recorded by durascope verify",
        "recorded": {
            "server": first.server,
            "sdk": first.sdk,
            "on": datetime.now(timezone.utc).date().isoformat(),  # noqa: UP017
            "runs": len(verification.recordings),
        },
        "scenario": _scenario(verification),
        "records": _variants(verification),
        "effects": dict(first.effects),
        "status": dict(first.status),
    }
    case |= {name: _known(value) for name, value in first.facts.items() if value and name not in _NOT_KEPT}
    lasts = _lasts(verification.recordings)
    if lasts:
        case["lasts"] = lasts
    if verification.racy or (len(case["records"]) > 1 and verification.engine == "temporal"):
        case["racy"] = True  # the list is a sample: it went another way than predicted, or than it went before
    return yaml.dump(case, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


_NOT_KEPT: Final = frozenset({"lasts", "executions"})
"""Facts that are measured and rounded below, or that a case has in another form."""


def _known(fact: object) -> object:
    """A fact without the runs that it could not be recorded of."""
    if isinstance(fact, dict):
        return {run: value for run, value in fact.items() if value is not None}
    return fact


def _scenario(verification: Verification) -> dict[str, Any]:
    """What the scenario says, less what is the language's own default; the engine's deployment in full."""
    scenario = verification.scenario
    plain = scenario.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    plain["deployments"] = {verification.engine: as_plain(getattr(scenario.deployments, verification.engine))}
    return plain


def _variants(verification: Verification) -> list[dict[str, list[str]]]:
    """Every distinct record once."""
    variants: list[dict[str, list[str]]] = []
    for recording in verification.recordings:
        record = {run: list(lines) for run, lines in recording.records.items()}
        if record not in variants:
            variants.append(record)
    return variants


def _lasts(recordings: tuple[Recording, ...] | Any) -> dict[str, list[str]]:
    """The least and the most that each run lasted, rounded to 10 ms."""
    times: dict[str, list[int]] = {}
    for recording in recordings:
        lasts = recording.facts.get("lasts")
        if isinstance(lasts, dict):
            for run, us in lasts.items():
                times.setdefault(str(run), []).append(round(int(str(us)) / 10_000) * 10_000)
    return {run: [format_duration(min(each)), format_duration(max(each))] for run, each in times.items()}


class _Dumper(yaml.SafeDumper):
    """A record's lines and small mappings on lines of their own; the day is text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
