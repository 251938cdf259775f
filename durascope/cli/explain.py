"""`durascope explain`: tell the story of what an engine has recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from durascope.cli.options import JsonOption
from durascope.cli.terminal import busy, put_json, say
from durascope.models.files import write_whole

if TYPE_CHECKING:
    from rich.console import RenderableType

    from durascope.importing.imported import Imported
    from durascope.importing.story import Story
    from durascope.models.differences import Difference
    from durascope.models.trace import Trace

FilesArgument = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="Recordings: as for `durascope import`.", dir_okay=False),
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", file_okay=False, help="Also write the scenario and every view as files."),
]


def command(files: FilesArgument, out: OutOption = None, json: JsonOption = False) -> None:
    """Explain a recording: where time went, and what was repeated.

    --out draws it.

    The recording is imported in memory; pictures show the prediction, and the output says whether it
    equals the recording.

    durascope explain history.json

    durascope explain history.json --out pictures
    """
    from durascope.importing.checking import differences
    from durascope.importing.files import imported
    from durascope.simulators.simulate import simulate

    found = imported(files)
    trace = simulate(found.scenario, found.engine, records=True, full=True)
    wrong = differences(found, trace)
    if json:
        put_json({"engine": found.engine, "agrees": not wrong, "runs": [_as_json(each) for each in found.stories]})
    else:
        _tell(found, trace, wrong)
    if out is not None:
        _draw(found, trace, out)


def _tell(imported: Imported, trace: Trace, wrong: list[Difference]) -> None:
    from rich.text import Text

    from durascope.cli.terminal import console
    from durascope.render.text.story import engine_story

    shown = console()
    for story in imported.stories:
        for part in _told(story):
            shown.print(part)
    shown.print(engine_story(trace, imported.scenario, shown.width))
    same = "The prediction is what was recorded, line for line."
    shown.print(Text(same if not wrong else f"The prediction is not what was recorded: {wrong[0]}"))
    for note in imported.notes:
        shown.print(Text(f"note: {note}", "yellow"))


def _told(story: Story) -> Iterator[RenderableType]:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from durascope.models.phrases import spell

    lasted = f"{story.status} after {spell(story.lasted)}"
    yield Text(f"\n{story.workflow} {story.id}: {lasted}, begun {story.began}\n", "bold")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("where time went")
    table.add_column("time", justify="right")
    table.add_column("share", justify="right")
    table.add_column("longest")
    for spent, us in sorted(story.account().items(), key=lambda pair: -pair[1]):
        longest = story.longest(spent)
        where = "" if longest is None else f"{longest.what}, {spell(longest.end - longest.begin)}"
        table.add_row(spent.value, spell(us), f"{us / max(story.lasted, 1):.0%}", where)
    yield table
    for sentence in story.repeated:
        yield Text(f"· {sentence}")
    yield Text(f"\nLikely cause: {story.cause}\n" if story.cause else "\nNothing went wrong that a recording shows.\n")


def _as_json(story: Story) -> dict[str, object]:
    return {
        "run": story.run,
        "workflow": story.workflow,
        "id": story.id,
        "status": story.status,
        "began": story.began,
        "lasted_us": story.lasted,
        "spent_us": {spent.name.lower(): us for spent, us in story.account().items()},
        "repeated": list(story.repeated),
        "cause": story.cause,
    }


def _draw(imported: Imported, trace: Trace, out: Path) -> None:
    """The scenario, and every view of it."""
    from durascope.render.views import VIEWS, Options, ViewName, pictures

    name = imported.scenario.scenario
    file = out / f"{name}.yaml"
    out.mkdir(parents=True, exist_ok=True)
    write_whole(file, imported.text)
    written = [file]
    views: list[ViewName] = [view for view in VIEWS if view != "comparison"]
    with busy(True) as tell:
        for drawn in pictures(
            imported.scenario, (imported.engine,), {imported.engine: trace}, views, Options(paint=True)
        ):
            tell(drawn.name)
            written.append(drawn.picture.save(out / f"{drawn.name}.svg", "svg"))
    say("wrote " + "\n      ".join(str(path) for path in written))
