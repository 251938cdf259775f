"""Reads a scenario: a file's text, its values with places, the model of it, and the rules that names must obey.

Whatever is wrong is collected and raised at once, as `ScenarioProblems`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from durascope.models.checks import check
from durascope.models.problems import Problem, ScenarioProblems
from durascope.models.scenario import Scenario
from durascope.models.source import Source, Value
from durascope.models.validation import salvage, validate
from durascope.models.yaml12 import UNREAD, compose

MAX_BYTES: Final = 1 << 20
"""The biggest file that is read."""


def read_scenario(path: Path) -> Scenario:
    """The scenario in a file, whose id must be the file's stem. Raises `ScenarioProblems`."""
    value, problems = compose(open_source(path))
    return scenario_of(value, [*problems, *misnamed(value, "scenario", path.stem)])


def parse_scenario(text: str, name: str = "scenario.yaml") -> Scenario:
    """The scenario that a text describes; `name` is what problems call it. Raises `ScenarioProblems`."""
    return scenario_of(*compose(Source(name, text)))


def scenario_of(value: Value, problems: Iterable[Problem] = ()) -> Scenario:
    """The scenario of a document, in which these problems have been found before. Raises `ScenarioProblems`."""
    scenario, wrong = validate(Scenario, value)
    found = list(problems)
    misread = {(each.line, each.column) for each in found if each.code == UNREAD}
    found += (each for each in wrong if (each.line, each.column) not in misread)
    if scenario is not None:
        found += check(scenario, value)
    else:
        found += check_what_is_left(value)
    if found or scenario is None:
        raise ScenarioProblems(found)
    return scenario


def check_what_is_left(value: Value) -> list[Problem]:
    """What is wrong with the references of a scenario that is not valid, in the parts of it that are."""
    if not isinstance(value.inside, Mapping):
        return []
    named = value.replaced(("scenario",), Value(value.place, "unnamed"))
    left = salvage(Scenario, named)
    return [] if left is None else check(*left)


def misnamed(value: Value, field: str, stem: str) -> list[Problem]:
    """A file is called as what it holds."""
    name = value.find((field,)).scalar
    if not isinstance(name, str) or name == stem:
        return []
    message = f"the {field} is called `{name[:60]}`, its file `{stem[:60]}`"
    return [value.problem("misnamed", message, (field,), help=f"write `{field}: {stem[:60]}`, or rename the file")]


def open_source(path: Path) -> Source:
    """The text of a file. Raises `ScenarioProblems` if there is none, or it is not text."""
    name = str(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _unreadable(name, "no-such-file", "there is no such file") from None
    except IsADirectoryError:
        raise _unreadable(name, "not-a-file", "this is a directory", "name a file in it") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise _unreadable(name, "unreadable", f"the file cannot be read: {reason}") from None
    if len(content) > MAX_BYTES:
        raise _unreadable(name, "too-big", f"a scenario has at most {MAX_BYTES >> 20} MiB")
    try:
        return Source(name, content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        good = content[: error.start].decode("utf-8-sig")
        line, column = good.count("\n") + 1, len(good) - good.rfind("\n")
        source = Source(name, content.decode("utf-8-sig", "replace"))
        help = "save the file as UTF-8"  # noqa: A001
        raise ScenarioProblems(
            [source.problem("not-utf-8", "this byte is not UTF-8", line=line, column=column, help=help)]
        ) from None


def _unreadable(name: str, code: str, message: str, help: str = "") -> ScenarioProblems:  # noqa: A002
    return ScenarioProblems([Problem(name, 1, 1, code, message, help)])
