"""`durascope check`: are these scenarios right, and what can an engine not do by itself?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from durascope.cli.options import EngineOption, JsonOption
from durascope.cli.terminal import complain, problem_as_json, put, put_json
from durascope.models.engine import compared, named_in, notes_of

if TYPE_CHECKING:
    from durascope.models.problems import Problem


def command(
    scenarios: Annotated[
        list[str],
        typer.Argument(metavar="SCENARIO...", help="Files, conformance cases, or names of built-in scenarios."),
    ],
    engine: EngineOption = None,
    json: JsonOption = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are errors: exit status 2.")] = False,
) -> None:
    """Validate scenarios and list every problem with its location. Exit status 2 if there is any.

    Warnings say what is probably not meant: a wait that nobody ends, a queue that no worker polls, and the like.

    durascope check order-fulfillment payment

    durascope check --strict payment
    """
    from durascope.models.loading import doubts_of
    from durascope.models.problems import ScenarioProblems

    engines = engine or compared()
    results: list[dict[str, Any]] = []
    problems: list[ScenarioProblems] = []
    doubtful: list[Problem] = []
    for target in dict.fromkeys(scenarios):
        try:
            notes, warnings = _notes(target, engines), doubts_of(target)
            listed = [problem_as_json(warning) for warning in warnings]
            results.append({"scenario": target, "valid": True, "problems": listed, "notes": notes})
            doubtful += warnings
        except ScenarioProblems as found:
            problems.append(found)
            listed = [problem_as_json(problem) for problem in found.problems]
            results.append({"scenario": target, "valid": False, "problems": listed, "notes": []})
    if json:
        put_json(results)
    else:
        for result in results:
            _tell(result)
    if doubtful:
        complain(ScenarioProblems(doubtful))
    if problems:
        complain(ScenarioProblems(problem for each in problems for problem in each.problems))
    if problems or (strict and doubtful):
        raise typer.Exit(2)


def _notes(target: str, engines: Sequence[str]) -> list[dict[str, str]]:
    from durascope.models.cases import Case
    from durascope.models.loading import load, scenario_in

    loaded = load(target)
    wanted = [loaded.engine] if isinstance(loaded, Case) else engines
    scenario = scenario_in(loaded)
    return [{"engine": each, "note": note} for each in wanted for note in notes_of(each, scenario)]


def _tell(result: dict[str, Any]) -> None:
    put(f"{result['scenario']}: {'valid' if result['valid'] else 'not valid'}")
    for note in result["notes"]:
        put(f"  {named_in(note['engine'], note['note'])}")
