"""`durascope show`: a scenario with all of its defaults."""

from __future__ import annotations

from durascope.cli.options import (
    CrashOption,
    JsonOption,
    RateOption,
    RunsOption,
    ScenarioArgument,
    SetOption,
    request,
)
from durascope.cli.terminal import put, put_json


def command(
    scenario: ScenarioArgument,
    runs: RunsOption = None,
    rate: RateOption = None,
    settings: SetOption = None,
    crashes: CrashOption = None,
    json: JsonOption = False,
) -> None:
    """Print a scenario with all defaults and overrides, as YAML.

    The output is a valid scenario with the same meaning.

    durascope show payment

    durascope show payment --set services.stripe.latency=3s --json
    """
    from durascope.models.writing import as_plain, as_yaml

    shown = request(scenario, runs=runs, rate=rate, settings=settings, crashes=crashes).scenario
    if json:
        put_json(as_plain(shown))
    else:
        put(as_yaml(shown).rstrip("\n"))
