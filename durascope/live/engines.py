"""The real engines by name; each one's module, and the SDK it needs, is imported only when it is asked for."""

from __future__ import annotations

from dataclasses import replace

from durascope.live.engine import LiveEngine, Recording
from durascope.live.ledger import Ledger
from durascope.live.processes import LiveProblem, Stage
from durascope.live.timing import recorded
from durascope.models.engine import engine, engines
from durascope.models.scenario import Scenario

INSTALL = "pip install 'durascope[live]'"


def runnable() -> tuple[str, ...]:
    """The engines that can be run for real."""
    return tuple(each.name for each in engines() if each.live)


def live_engine(name: str) -> type[LiveEngine]:
    """The engine's class. Raises `LiveProblem` if there is none, or its SDK is not installed."""
    part = engine(name).live
    if not part:
        raise LiveProblem(f"verify runs {', '.join(runnable())}, not {name}")
    try:
        return part.load()
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("durascope"):
            raise
        raise LiveProblem(f"{name} needs the package {missing.name}, which is not installed: {INSTALL}") from None


def record(
    scenario: Scenario,
    name: str,
    *,
    seed: int = 0,
    seconds: float = 180.0,
    late_s: float = 0.0,
    server: str | None = None,
) -> Recording:
    """Runs the scenario once on the real engine, and stops everything that it started, whatever happens.

    `late_s`: how many seconds after the last run's end an effect may still come. `server`: path of the engine's server
    (default: looked up on PATH).

    Raises `LiveProblem` if something is missing or does not start. A scenario that has not ended after `seconds`
    is recorded as far as it came.
    """
    from durascope.live.conductor import GRACE_S, Conductor

    built = live_engine(name)
    with Stage() as stage, Ledger() as ledger:
        live = built(scenario, stage, ledger, seed=seed)
        live.program = server
        try:
            live.open()
            conductor = Conductor(scenario, live)
            conductor.conduct(seconds=seconds, grace_s=GRACE_S + late_s)
            try:
                recording = live.recording()
            except Exception:  # most likely it can't be asked any more
                conductor.see_that_it_lives()
                raise
            timing = recorded(ledger.reports, conductor.began, recording.lasts, conductor.lag_s)
            return replace(recording, timing=timing)
        finally:
            live.close()
