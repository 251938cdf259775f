"""Restate."""

from durascope.models.engine import Colours, EngineSpec, Export, Part

ENGINE = EngineSpec(
    name="restate",
    title="Restate",
    record="journal",
    record_reads="#N is the number that a command and its completion share; > is the completion.",
    colours=Colours("#eff6ff", "#7ba6dd", "#2b64b0", "bold bright_green"),
    steps={
        "run": ("ctx.run", "ctx.run"),
        "sleep": ("ctx.sleep", "ctx.sleep"),
        "wait_for": ("promise", "promise"),
        "call": ("call", "call"),
        "start": ("send", "send"),
        "send": ("send", "send"),
    },
    deployment=Part("durascope.models.deployments:RestateDeployment"),
    components=Part("durascope.engines.restate.deployment:components"),
    notes=Part("durascope.engines.restate.notes:notes"),
    simulator=Part("durascope.simulators.restate.engine:Restate"),
    architecture=Part("durascope.render.parts.restate:architecture"),
    exports={
        "journal": Export(
            "durascope.render.exports.restate_journal",
            "journal.jsonl",
            "rows of sys_journal, sys_invocation and sys_journal_events; with --out as JSON Lines and as CSV",
        )
    },
    case=Part("durascope.models.cases:RestateCase"),
    judge=Part("durascope.live.restate.judging:judge"),
    finds_again="reading its log again",
    capacities=Part("durascope.engines.restate.capacities:capacities"),
    live=Part("durascope.live.restate.engine:RestateLive"),
    importer=Part("durascope.importing.restate.importer:IMPORTER"),
    programs={"restate-server": "npm install @restatedev/restate-server"},
    modelled={
        "server": "1.7.12",
        "Python SDK": "restate-sdk 1.3.0",
        "TypeScript SDK": "@restatedev/restate-sdk 1.17.2",
    },
)
