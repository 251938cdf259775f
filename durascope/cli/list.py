"""`durascope list`: the scenarios that ship."""

from __future__ import annotations

from durascope.cli.options import JsonOption
from durascope.cli.terminal import put, put_json


def command(json: JsonOption = False) -> None:
    """List the built-in scenarios.

    durascope list

    durascope list --json
    """
    from durascope.models.loading import builtin_names, load_scenario

    scenarios = [load_scenario(name) for name in builtin_names()]
    if json:
        put_json(
            [{"scenario": each.scenario, "title": each.title, "workflows": list(each.workflows)} for each in scenarios]
        )
        return
    width = max(len(each.scenario) for each in scenarios)
    for each in scenarios:
        put(f"{each.scenario:<{width}}  {each.title or ''}".rstrip())
