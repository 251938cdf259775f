"""Temporal."""

from durascope.models.engine import Colours, EngineSpec, Export, Part

ENGINE = EngineSpec(
    name="temporal",
    title="Temporal",
    record="event history",
    record_reads="an attempt that is retried leaves no event; attempt=N is the one that closed the step.",
    colours=Colours("#f5f4ff", "#8f88de", "#5b52c7", "bold bright_blue"),
    steps={
        "run": ("activity", "activity"),
        "sleep": ("timer", "timer"),
        "wait_for": ("signal", "signal"),
        "call": ("child workflow", "child workflow"),
        "start": ("child workflow", "child workflow"),
        "send": ("signal", "signal"),
    },
    deployment=Part("durascope.models.deployments:TemporalDeployment"),
    components=Part("durascope.engines.temporal.deployment:components"),
    notes=Part("durascope.engines.temporal.notes:notes"),
    simulator=Part("durascope.simulators.temporal.engine:Temporal"),
    architecture=Part("durascope.render.parts.temporal:architecture"),
    exports={
        "history": Export(
            "durascope.render.exports.temporal_history",
            "history.json",
            "event histories as Temporal's own tools read them; with --out a file for each run",
        )
    },
    case=Part("durascope.models.cases:TemporalCase"),
    judge=Part("durascope.live.temporal.judging:judge"),
    capacities=Part("durascope.engines.temporal.capacities:capacities"),
    takes="a worker's poll",
    live=Part("durascope.live.temporal.engine:TemporalLive"),
    importer=Part("durascope.importing.temporal.importer:IMPORTER"),
    programs={"temporal": "pip install 'durascope[live]'"},
    modelled={"server": "1.32.0", "Python SDK": "temporalio 1.35.0"},
)
