"""Inngest."""

from durascope.models.engine import Colours, EngineSpec, Export, Part

ENGINE = EngineSpec(
    name="inngest",
    title="Inngest",
    record="requests and answers",
    record_reads="POST is a request to the app, with the stored results that it carries (memo); -> is the answer; a "
    "checkpoint is a result that the app reports while the request goes on.",
    colours=Colours("#fdf3f8", "#cf86ad", "#a83a78", "bold bright_magenta"),
    steps={
        "run": ("step.run", "step.run"),
        "sleep": ("step.sleep", "step.sleep"),
        "wait_for": ("step.waitForEvent", "step.wait_for_event"),
        "call": ("step.invoke", "step.invoke"),
        "start": ("step.sendEvent", "step.send_event"),
        "send": ("step.sendEvent", "step.send_event"),
    },
    deployment=Part("durascope.models.deployments:InngestDeployment"),
    components=Part("durascope.engines.inngest.deployment:components"),
    notes=Part("durascope.engines.inngest.notes:notes"),
    checks=Part("durascope.engines.inngest.deployment:check"),
    simulator=Part("durascope.simulators.inngest.engine:Inngest"),
    architecture=Part("durascope.render.parts.inngest:architecture"),
    case=Part("durascope.models.cases:InngestCase"),
    importer=Part("durascope.importing.inngest.importer:IMPORTER"),
    exports={
        "trace": Export(
            "durascope.render.exports.inngest_trace", "trace.json", "run traces as Inngest's API gives them, one a run"
        )
    },
    judge=Part("durascope.live.inngest.judging:judge"),
    finds_again="first scan for ended leases",
    capacities=Part("durascope.engines.inngest.capacities:capacities"),
    takes="the next look at the queue",
    live=Part("durascope.live.inngest.engine:InngestLive"),
    programs={"inngest": "npm install inngest-cli (its installer needs the open internet)"},
    modelled={
        "server": "of August 2026, commit 253303cd, after 1.9.1",
        "Python SDK": "inngest 0.5.19",
        "TypeScript SDK": "inngest 4.24.0",
    },
)
