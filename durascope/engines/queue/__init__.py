"""The baseline without durable execution: a plain message queue."""

from durascope.models.engine import Colours, EngineSpec, Part

ENGINE = EngineSpec(
    name="queue",
    title="Message queue",
    record="messages",
    baseline=True,
    colours=Colours("#fffaf0", "#d8a24a", "#8a5a12", "bold yellow"),
    deployment=Part("durascope.models.deployments:QueueDeployment"),
    components=Part("durascope.engines.queue.deployment:components"),
    notes=Part("durascope.engines.queue.notes:notes"),
    simulator=Part("durascope.simulators.queue.engine:Queue"),
)
