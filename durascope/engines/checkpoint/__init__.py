"""The baseline that only saves: a checkpoint after each step, and nobody who resumes."""

from durascope.models.engine import Colours, EngineSpec, Part

ENGINE = EngineSpec(
    name="checkpoint",
    title="Checkpoint",
    record="row",
    baseline=True,
    colours=Colours("#f7f3f6", "#a58a9c", "#6d4a62", "bold magenta"),
    deployment=Part("durascope.models.deployments:CheckpointDeployment"),
    components=Part("durascope.engines.checkpoint.deployment:components"),
    notes=Part("durascope.engines.checkpoint.notes:notes"),
    simulator=Part("durascope.simulators.database.engine:Checkpoint"),
)
