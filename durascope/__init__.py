"""Discrete-event models of Temporal, Inngest and Restate: what a workflow does on each when things break.

    import durascope

    results = durascope.run("order-fulfillment")
    results.comparison()  # a notebook shows it

Every public name is listed in `__all__`; what each needs is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from durascope.version import __version__

if TYPE_CHECKING:
    from durascope.api.asking import check, engine_names, load, scenarios
    from durascope.api.deciding import Comparison, Costs, compare, costs
    from durascope.api.exploring import Exploration, Sweep, explore, sweep
    from durascope.api.importing import ImportedHistory, import_history
    from durascope.api.reporting import Report, report
    from durascope.api.results import Events, Result, Results
    from durascope.api.running import run
    from durascope.importing.unreadable import UnreadableRecording
    from durascope.models.problems import ScenarioProblems
    from durascope.models.scenario import Scenario
    from durascope.render.picture import Picture

__all__ = [
    "Comparison",
    "Costs",
    "Events",
    "Exploration",
    "ImportedHistory",
    "Picture",
    "Report",
    "Result",
    "Results",
    "Scenario",
    "ScenarioProblems",
    "Sweep",
    "UnreadableRecording",
    "__version__",
    "check",
    "compare",
    "costs",
    "engine_names",
    "explore",
    "import_history",
    "load",
    "report",
    "run",
    "scenarios",
    "sweep",
]

_PLACES: Final = {
    "Comparison": "durascope.api.deciding",
    "Costs": "durascope.api.deciding",
    "Events": "durascope.api.results",
    "Exploration": "durascope.api.exploring",
    "ImportedHistory": "durascope.api.importing",
    "Picture": "durascope.render.picture",
    "Report": "durascope.api.reporting",
    "Result": "durascope.api.results",
    "Results": "durascope.api.results",
    "Scenario": "durascope.models.scenario",
    "ScenarioProblems": "durascope.models.problems",
    "Sweep": "durascope.api.exploring",
    "UnreadableRecording": "durascope.importing.unreadable",
    "check": "durascope.api.asking",
    "compare": "durascope.api.deciding",
    "costs": "durascope.api.deciding",
    "engine_names": "durascope.api.asking",
    "explore": "durascope.api.exploring",
    "import_history": "durascope.api.importing",
    "load": "durascope.api.asking",
    "report": "durascope.api.reporting",
    "run": "durascope.api.running",
    "scenarios": "durascope.api.asking",
    "sweep": "durascope.api.exploring",
}
"""Where each public name is; the command line starts without any of them."""


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_PLACES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
