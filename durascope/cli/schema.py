"""`durascope schema`: the scenario language as a JSON Schema."""

from __future__ import annotations

from durascope.cli.terminal import put_json


def command() -> None:
    """Print the JSON Schema of scenario files.

    Editors and other tools use it.

    durascope schema

    durascope schema > durascope.schema.json
    """
    from durascope.models.schema import scenario_schema

    put_json(scenario_schema())
