"""`durascope play`: the page of `durascope report`, served on this machine; every question is computed when asked."""

from __future__ import annotations

from typing import Annotated

import typer

from durascope.cli.options import (
    CrashOption,
    EngineOption,
    RateOption,
    RunsOption,
    ScenarioArgument,
    SeedOption,
    SetOption,
    request,
)
from durascope.cli.terminal import put, say


def command(
    scenario: ScenarioArgument,
    engine: EngineOption = None,
    seed: SeedOption = 0,
    runs: RunsOption = None,
    rate: RateOption = None,
    settings: SetOption = None,
    crash: CrashOption = None,
    port: Annotated[
        int,
        typer.Option(
            "--port", min=0, max=65535, metavar="N", show_default=False, help="The port (default: a free one)."
        ),
    ] = 0,
    browse: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Play a scenario in the browser: crash anything at any moment.

    Edit the scenario, and see what the models say.

    The page is served on 127.0.0.1 alone, under an address with a token; nothing is written. Ctrl-C ends it.

    durascope play order-fulfillment --open

    durascope play payment -e restate
    """
    from durascope.models.writing import as_short_yaml
    from durascope.player.document import document
    from durascope.player.page import NoPlayer
    from durascope.player.server import ADDRESS, Server

    asked = request(scenario, engine, runs=runs, rate=rate, settings=settings, crashes=crash)
    data = document(asked.scenario, asked.engines, seed=seed, forked=False)
    try:
        server = Server(data, as_short_yaml(asked.scenario), port=port)
    except NoPlayer as missing:
        say(f"durascope: error: {missing}")
        raise typer.Exit(2) from None
    except OSError as error:
        say(f"durascope: error: {ADDRESS}:{port}: {error.strerror}\n  help: leave --port out, and a free one is taken")
        raise typer.Exit(2) from None
    with server:
        put(server.url)
        say(f"plays {asked.scenario.scenario}; Ctrl-C ends it")
        if browse:
            import webbrowser

            webbrowser.open(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("")
