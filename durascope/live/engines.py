"""The real engines by name; each one's module, and the SDK it needs, is imported only when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from durascope.live.engine import LiveEngine, Recording
from durascope.live.ledger import Ledger
from durascope.live.processes import LiveProblem, Stage
from durascope.models.scenario import Scenario

ENGINES: Final = {
    "temporal": "durascope.live.temporal.engine:TemporalLive",
    "restate": "durascope.live.restate.engine:RestateLive",
    "inngest": "durascope.live.inngest.engine:InngestLive",
}
"""Where each engine's `LiveEngine` is."""

INSTALL: Final = "pip install 'durascope[live]'"


def live_engine(name: str) -> type[LiveEngine]:
    """The engine's class. Raises `LiveProblem` where there is none, or its SDK is not installed."""
    if name not in ENGINES:
        raise LiveProblem(f"verify runs {', '.join(ENGINES)}, not {name}")
    module, attribute = ENGINES[name].split(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("durascope"):
            raise
        raise LiveProblem(f"{name} needs the package {missing.name}, which is not installed: {INSTALL}") from None


def record(
    scenario: Scenario, engine: str, *, seed: int = 0, seconds: float = 180.0, server: str | None = None
) -> Recording:
    """Runs the scenario once on the real engine; everything it starts is stopped again, whatever happens.

    `server` is the path of the engine's server, where it is not to be looked for.

    Raises `LiveProblem` where something is missing or does not start. A scenario that has not ended after `seconds`
    is recorded as far as it came.
    """
    from durascope.live.conductor import Conductor

    built = live_engine(engine)
    with Stage() as stage, Ledger() as ledger:
        live = built(scenario, stage, ledger, seed=seed)
        live.program = server
        try:
            live.open()
            Conductor(scenario, live).conduct(seconds=seconds)
            return live.recording()
        finally:
            live.close()
