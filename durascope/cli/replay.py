"""`durascope replay`: play what an exploration found, from its token."""

from __future__ import annotations

from typing import Annotated

import typer

from durascope.cli.options import JsonOption, request
from durascope.cli.terminal import say


def command(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="What `durascope explore --tokens` printed: ds1.…")],
    scenario: Annotated[
        str | None, typer.Argument(metavar="SCENARIO", help="The scenario file, if it is not where the token says.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Replay a finding of `durascope explore` from its token.

    The scenario, the engine, the seed and the disturbances are the same.

    A token of another version of durascope, or of a scenario that has changed since, is refused.

    durascope explore order-fulfillment --tokens

    durascope replay ds1.eNpN… my-order.yaml
    """
    from durascope.cli.run import command as run
    from durascope.experiments.exploration.tokens import BadToken, read

    try:
        said = read(token)
        origin = said.origin
        target = scenario or origin.name
        asked = request(target, [said.engine], runs=origin.runs, settings=origin.settings)
        said.check(asked.scenario)
    except BadToken as error:
        raise typer.BadParameter(str(error)) from None
    settings = said.settings_for(asked.scenario)
    say(f"{target} on {said.engine}, seed {said.seed}, with {', '.join((*said.faults, *said.events))}")
    run(target, engine=[said.engine], seed=said.seed, runs=origin.runs, settings=settings, json=json)
