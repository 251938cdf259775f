"""`durascope learn`: the course, in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from durascope.cli.terminal import busy, console, put, say
from durascope.models.engine import title_of
from durascope.models.problems import printable
from durascope.models.units import SECOND

if TYPE_CHECKING:
    from durascope.course.lessons import Lesson
    from durascope.course.progress import Progress
    from durascope.course.questions import Answer
    from durascope.render.lesson import Shown

PAGE_BYTES = 300_000
"""How big the player of a lesson's page may become."""

NumberArgument = Annotated[
    int | None, typer.Argument(metavar="[LESSON]", help="The lesson's number (default: list all lessons).")
]


def command(
    number: NumberArgument = None,
    answer: Annotated[
        str | None,
        typer.Option("--answer", metavar="LETTER", help="Predict the answer to the question, then see it run."),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option("--start", metavar="DIR", file_okay=False, help="Write the scenario and the exercise to DIR."),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option("--page", metavar="FILE", dir_okay=False, help="Write the lesson as an HTML page that plays it."),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option("--check", metavar="FILE", dir_okay=False, help="Grade your solution of the exercise."),
    ] = None,
    solution: Annotated[bool, typer.Option("--solution", help="Print a solution of the exercise.")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Forget your progress.")] = False,
) -> None:
    """Learn durable execution by breaking things, in ten lessons.

    Each has a prediction and a graded exercise.

    Exit status 1 if the exercise is not solved yet.

    durascope learn 3

    durascope learn 3 --check exercise-3.yaml
    """
    from durascope.course import progress
    from durascope.course.lessons import UnknownLesson, lesson

    if reset:
        progress.reset()
        say("progress forgotten")
        return
    if number is None:
        if answer or start or page or check or solution:
            raise typer.BadParameter("which lesson? For example: durascope learn 3 --solution")
        _list()
        return
    try:
        chosen = lesson(number)
    except UnknownLesson as unknown:
        raise typer.BadParameter(str(unknown)) from None
    if solution:
        put(chosen.solution_text.rstrip("\n"))
    elif page is not None:
        _page(chosen, page)
    elif start is not None:
        _start(chosen, start)
    elif check is not None:
        _check(chosen, check)
    elif answer is not None:
        _answer(chosen, answer)
    else:
        _show(chosen)


def _list() -> None:
    from durascope.course import progress
    from durascope.course.lessons import COURSE, lessons

    done = progress.load()
    put(f"{COURSE}\n")
    for each in lessons():
        marks = f"{'predicted' if each.number in done.predicted else '':9}  "
        marks += "solved" if each.number in done.passed else ""
        put(f"{each.number:>3}  {each.title:<52}  {marks}".rstrip())
    following = next((each for each in lessons() if each.number not in done.passed), None)
    put(f"\nNext: durascope learn {following.number}" if following else "\nYou have solved all exercises.")


def _show(chosen: Lesson) -> None:
    """The setting and the question; the explanation and the exercise once there is a prediction."""
    from rich.markdown import Markdown

    from durascope.course import progress

    shown = console()
    number = chosen.number
    if number not in progress.load().predicted:
        shown.print(Markdown(f"# {chosen.title}\n\n{chosen.scenario.about}", hyperlinks=False))
        shown.print()
        shown.print("Predict first", style="bold")
        shown.print(chosen.question.asks)
        for letter, choice in chosen.question.letters.items():
            shown.print(f"  {letter}) {choice.says}")
        shown.print(f"\nAnswer: durascope learn {number} --answer LETTER")
        shown.print(f"Page:   durascope learn {number} --page lesson-{number}.html   (to open in a browser)")
        return
    idea, exercise = chosen.parts
    shown.print(Markdown(f"{idea}\n\n## Exercise\n\n{exercise}", hyperlinks=False))
    shown.print()
    shown.print(f"Start:  durascope learn {number} --start .    (writes two files)")
    shown.print(f"Watch:  durascope run lesson-{number}.yaml")
    shown.print(f"Check:  durascope learn {number} --check exercise-{number}.yaml")
    shown.print("Steps and fields that you can use: docs/scenario-language.md")


def _page(chosen: Lesson, file: Path) -> None:
    from durascope.course.questions import answer
    from durascope.models.files import write_whole
    from durascope.player.document import document
    from durascope.player.page import html
    from durascope.render.lesson import lesson_page

    question, scenario = chosen.question, chosen.scenario
    found = answer(scenario, question)
    with busy(True) as tell:
        player = html(document(scenario, question.engines, budget=PAGE_BYTES, progress=tell), embed=True)
    choices = [_shown(found, letter) for letter in question.letters]
    figures = {title_of(engine): _figure(found, engine) for engine in found.figures}
    idea, exercise = chosen.parts
    number = chosen.number
    told = f"`durascope learn {number} --start .` writes the exercise, `--check exercise-{number}.yaml` grades it."
    text = lesson_page(
        f"{chosen.number}. {chosen.title}", scenario.about, question.asks, choices, figures,
        idea.partition("\n")[2], f"{exercise}\n\n{told}", player,
    )  # fmt: skip
    write_whole(file, text)
    say(f"wrote {printable(str(file))}; open it in a browser")


def _shown(found: Answer, letter: str) -> Shown:
    """A choice with what the simulations say of it."""
    from durascope.render.lesson import Shown

    refuting = found.counterexample(letter)
    shows = " and ".join(f"{title_of(engine)} shows {_figure(found, engine)}" for engine in refuting)
    verdict = f"Not so: {shows}. The player below shows that moment." if refuting else "Right."
    return Shown(letter, found.question.letters[letter].says, verdict, not refuting, _moment(found, refuting))


def _moment(found: Answer, engines: Sequence[str]) -> str:
    """The moment that shows it on the first of the engines, as the player's address has it; `#`: there is none."""
    for engine in engines:
        event = found.moment(engine)
        if event is not None:
            at = found.traces[engine].events[event].at
            return f"#t={at / SECOND:g}s&engine={engine}&event={event}"
    return "#"


def _figure(found: Answer, engine: str) -> str:
    """`2 effects`, `1 effect`, `33 s`"""
    from durascope.course.questions import UNITS
    from durascope.models.phrases import spell

    value, unit = found.figures[engine], UNITS[found.question.measure.partition(" ")[0]]
    if unit == "s":
        return spell(round(value * SECOND))
    return f"{value:g} {unit.removesuffix('s') if value == 1 else unit}"


def _start(chosen: Lesson, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for kind, text in (("lesson", chosen.scenario_text), ("exercise", chosen.exercise_text)):
        file = folder / f"{kind}-{chosen.number}.yaml"
        if file.exists():
            say(f"{file} exists and was not changed")
            continue
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
        say(f"wrote {file}")


def _check(chosen: Lesson, file: Path) -> None:
    from durascope.course import progress
    from durascope.course.grading import grade
    from durascope.models.reading import open_source, parse_scenario

    answer = parse_scenario(open_source(file).text, str(file))
    found = grade(chosen.exercise, answer, chosen.grading, str(file))
    for sentence in found.cheats:
        put(f"✗ {sentence}")
    for sentence in found.missing:
        put(f"✗ {sentence}")
    for each in found.broken:
        put(f"✗ {each}.")
        if each.reproduce is not None:
            put(f"  $ {each.reproduce}")
    if not found.passed:
        put("Not solved yet. Change the file, and check it again.")
        raise typer.Exit(1)
    _remember(progress.load().with_pass(chosen.number))
    put(f"✓ Solved: nothing breaks in {found.tried} simulations.")


def _answer(chosen: Lesson, letter: str) -> None:
    from durascope.course import progress
    from durascope.course.questions import answer
    from durascope.render.text.marks import legend
    from durascope.render.text.story import engine_story, heading

    question, scenario = chosen.question, chosen.scenario
    letter = letter.lower()
    if letter not in question.letters:
        raise typer.BadParameter(f"the answers are {', '.join(question.letters)}")
    found = answer(scenario, question)
    refuting = found.counterexample(letter)
    _remember(progress.load().with_prediction(chosen.number))
    shown = console()
    shown.print(heading(scenario))
    shown.print(legend(shown.width))
    for engine in refuting or question.engines:
        shown.print(engine_story(found.traces[engine], scenario, shown.width))
    for engine in found.figures:
        shown.print(f"  {title_of(engine):<10} {_figure(found, engine)}")
    shown.print()
    if refuting:
        names = " and ".join(map(title_of, refuting))
        show = "shows" if len(refuting) == 1 else "show"
        shown.print(f"Not so: {names} above {show} otherwise. Look at the timeline, then try another answer.")
    else:
        shown.print(f"Right: {question.letters[letter].says}")
    shown.print(f"Why, and the exercise: durascope learn {chosen.number}")


def _remember(done: Progress) -> None:
    """Stores progress; a folder that cannot be written is no reason to withhold the answer."""
    from durascope.course import progress

    try:
        progress.save(done)
    except OSError as error:
        say(f"progress is not kept: {error}")
