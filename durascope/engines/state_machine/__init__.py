"""The baseline that one writes oneself: a state machine in a database."""

from durascope.models.engine import Colours, EngineSpec, Part

ENGINE = EngineSpec(
    name="state-machine",
    title="State machine",
    record="row",
    baseline=True,
    colours=Colours("#f4f7f2", "#8aa37b", "#4c6b3c", "bold green"),
    deployment=Part("durascope.models.deployments:StateMachineDeployment"),
    components=Part("durascope.engines.state_machine.deployment:components"),
    notes=Part("durascope.engines.state_machine.notes:notes"),
    simulator=Part("durascope.simulators.database.engine:StateMachine"),
)
