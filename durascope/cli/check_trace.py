"""`durascope check-trace`: whether a trace keeps the laws that every trace keeps."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated

import typer

from durascope.cli.options import JsonOption
from durascope.cli.terminal import put, put_json, say

TraceArgument = Annotated[
    Path, typer.Argument(metavar="TRACE", help="A trace as `durascope export --format jsonl` writes it.", exists=True)
]


def command(trace: TraceArgument, json: JsonOption = False) -> None:
    """Check a trace against the laws of conservation and causality.

    Exit status 1 if one is broken.

    durascope check-trace traces/order-fulfillment.temporal.jsonl

    durascope check-trace traces/order-fulfillment.restate.jsonl --json
    """
    from durascope.models.laws import LAWS, broken, event_of

    events = []
    for number, line in enumerate(trace.read_text("utf-8").splitlines(), start=1):
        try:
            events.append(event_of(jsonlib.loads(line)))
        except (KeyError, TypeError, ValueError):
            say(f"{trace}:{number}:1: error[bad-trace]: this is not an event of a trace")
            say("  help: write one with `durascope export SCENARIO --engine NAME --format jsonl`")
            raise typer.Exit(2) from None
    found = broken(events)
    if json:
        put_json({"events": len(events), "laws": dict(LAWS), "broken": [each._asdict() for each in found]})
    else:
        for each in found:
            put(f"event {each.event}: {LAWS[each.law]}: {each.found}")
        put(f"{len(events):,} events, {len(LAWS)} laws, {len(found)} broken")
    if found:
        raise typer.Exit(1)
