"""`durascope import`: make a scenario of what an engine has recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from durascope.cli.options import JsonOption
from durascope.cli.terminal import put, put_json, say
from durascope.models.files import write_whole

if TYPE_CHECKING:
    from durascope.importing.imported import Imported
    from durascope.models.differences import Difference

FEW: Final = 5
"""Runs that are listed by name."""
FilesArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...",
        help="Recordings as JSON: Temporal histories, rows of Restate's tables, or Inngest run traces.",
        dir_okay=False,
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", dir_okay=False, help="Write the scenario to FILE.yaml (default: stdout)."),
]
CheckOption = Annotated[
    bool,
    typer.Option("--check", help="Also predict the run on the same engine and compare with the recording."),
]


def command(
    files: FilesArgument,
    out: OutOption = None,
    check: CheckOption = False,
    json: JsonOption = False,
) -> None:
    """Make a scenario from an engine's recording.

    Add the files of its children and of runs that continued it.

    The result is a scenario file with comments on what was inferred. With --check, exit status 1 means that the
    prediction differs from the recording.

    durascope import history.json > order.yaml

    durascope import history.json --check
    """
    from durascope.importing.checking import check as checked
    from durascope.importing.files import imported, scenario_id

    found = imported(files, None if out is None else scenario_id(out.name))
    wrong = checked(found) if check else []
    if json:
        put_json(as_json(found, wrong if check else None))
    elif out is None:
        put(found.text.rstrip("\n"))
    if out is not None:
        write_whole(out, found.text)
        say(f"wrote {out}")
    for note in found.notes:
        say(f"note: {note}")
    if check:
        say(told(found, wrong))
    if wrong:
        raise typer.Exit(1)


def told(imported: Imported, wrong: list[Difference]) -> str:
    """The result of the check, as text."""
    count = sum(len(lines) for lines in imported.records.values())
    if not wrong:
        runs = ", ".join(imported.records) if len(imported.records) < FEW else f"{len(imported.records)} runs"
        return f"predicted = recorded: {count:,} lines ({runs})"
    return "\n".join(["predicted ≠ recorded", *(f"  {line}" for line in str(wrong[0]).splitlines())])


def as_json(imported: Imported, wrong: list[Difference] | None) -> dict[str, object]:
    """The result, as plain data."""
    checked = {} if wrong is None else {
        "agrees": not wrong,
        "differences": [{"what": each.what, "line": each.line, "text": str(each)} for each in wrong],
    }  # fmt: skip
    return {
        "scenario": imported.scenario.scenario,
        "engine": imported.engine,
        "yaml": imported.text,
        "records": {run: list(lines) for run, lines in imported.records.items()},
        "open": sorted(imported.open),
        "notes": list(imported.notes),
        **checked,
    }
