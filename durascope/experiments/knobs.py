"""What would change the answer: the setting that decides how fast each engine recovers, moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from durascope.experiments.replication import Replication, replicate
from durascope.experiments.statistics import Interval, mean
from durascope.models.durations import format_duration
from durascope.models.scenario import Scenario

_KNOBS: Final = {
    "temporal": "step_timeout",
    "inngest": "backoff",
    "restate": "retry.initial",
    "queue": "visibility_timeout",
    "state-machine": "lease",
}
"""By engine: the duration in its deployment that decides how long a dead app is not noticed or not asked again. Half
of it is tried; of `default`, which is no duration, `INSTEAD_US`."""
INSTEAD_US: Final = 5_000_000


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting, moved."""

    path: str
    """As `--set` takes it."""
    was: str
    now: str
    mean_us: Interval
    """The mean duration with it."""
    before_us: Interval


def knobs(scenario: Scenario, known: Mapping[str, Sequence[Replication]], seeds: int) -> dict[str, Knob]:
    """By engine; only where the scenario has faults, and the engine has such a setting with a value.

    `known` are replications of the scenario as it is: the first `seeds` are made again with the setting moved.
    """
    found: dict[str, Knob] = {}
    for engine, samples in known.items() if scenario.faults else ():
        moved = _moved(scenario, engine)
        if moved is None:
            continue
        path, was, now, changed = moved
        few = samples[:seeds]
        again = [replicate(changed, engine, sample.seed) for sample in few]
        before, after = (mean([e.mean_us for e in each if e.mean_us is not None]) for each in (few, again))
        if before is not None and after is not None:
            found[engine] = Knob(path, was, now, after, before)
    return found


def _moved(scenario: Scenario, engine: str) -> tuple[str, str, str, Scenario] | None:
    """The setting's path, its value, another one, and the scenario with that."""
    field = _KNOBS.get(engine)
    deployment = scenario.deployments.of(engine)
    if field is None or deployment is None:
        return None
    parts = field.split(".")
    holders: list[Any] = [deployment]
    for part in parts[:-1]:
        holders.append(getattr(holders[-1], part, None))
    value = getattr(holders[-1], parts[-1], None)
    if value == "default":
        was, now = "default", INSTEAD_US
    elif isinstance(value, int) and value >= 2:
        was, now = format_duration(value), value // 2
    else:
        return None
    changed: Any = now
    for holder, part in zip(reversed(holders), reversed(parts), strict=True):
        changed = holder.model_copy(update={part: changed})
    name = engine.replace("-", "_")
    deployments = scenario.deployments.model_copy(update={name: changed})
    path = f"deployments.{engine}.{field}"
    return path, was, format_duration(now), scenario.model_copy(update={"deployments": deployments})
