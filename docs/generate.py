"""Writes the reference pages that are made from the models: fields, commands, trace events, the JSON Schema.

Run by Sphinx (docs/conf.py), or alone: `python docs/generate.py DIR`. Examples of fields are passages of scenarios that
the tests run.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, get_args

import durascope.models.trace
from durascope.course.lessons import lessons
from durascope.models.engine import compared
from durascope.models.fields import Model
from durascope.models.loading import builtin_names, load_scenario, scenario_in
from durascope.models.schema import FILE_NAME, scenario_schema
from durascope.models.trace import Kind
from durascope.models.writing import as_written, one_line
from durascope.simulators.simulate import simulate
from durascope.version import __version__

ROOT: Final = Path(__file__).parent.parent
CASES: Final = ROOT / "tests" / "conformance"
EXAMPLES: Final = ROOT / "docs" / "examples"
"""Scenarios for the fields that no other one needs."""
Schema = dict[str, Any]

ORDER: Final[Mapping[str, tuple[str, ...]]] = {
    "The file": ("Scenario",),
    "services": ("Service",),
    "workflows": ("Workflow", "StartedBy", "Signal", "Update", "InputPool", "InputShare", "InputUniform", "Retry"),
    "Steps": (
        "Run", "Fails", "Heartbeat", "Sleep", "WaitFor", "Parallel", "Race", "Repeat", "ForEach", "Choose", "Choice",
        "Call", "Start", "Send", "Awakeable", "Get", "Set", "Clear", "Compute", "Patched", "Fail", "Bug", "Finish",
    ),
    "deployments": (
        "Deployments", "TemporalDeployment", "TemporalServer", "TemporalWorker", "InngestDeployment", "InngestServer",
        "InngestApp", "Checkpointing", "Flow", "Concurrency", "Throttle", "RateLimit", "Debounce", "Batch", "Singleton",
        "PriorityArm", "FlowTimeouts", "RestateDeployment", "RestateServer", "RestateService", "RestateRetry",
        "QueueDeployment",
    ),
    "workload": ("Workload", "Arrivals", "WorkloadEvent", "StartWith", "Trigger"),
    "faults": ("Crash", "Hang", "Outage", "Cut", "Deploy", "Change", "Insert", "RandomFault", "RandomCrash"),
    "expect": ("Expect", "Count", "LatencyLimits"),
}  # fmt: skip
"""The parts of the language in the order of a file; what is not named here comes at the end."""

LONGEST: Final = 100
"""Characters of a default or an example."""

ENGINES: Final = ("Temporal", "Inngest", "Restate")


def write_all(folder: Path) -> None:
    """Writes every generated page into the folder; files that would not change are left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    schema = scenario_schema()
    pages = {
        "fields.md": fields_page(schema),
        "commands.md": commands_page(),
        "trace-events.md": events_page(),
        "lessons.md": lessons_page(),
        FILE_NAME: json.dumps(schema, indent=2, ensure_ascii=False) + "\n",
    }
    for name, text in pages.items():
        file = folder / name
        if not file.exists() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")


# --- fields


def fields_page(schema: Schema) -> str:
    """Every field of the language: type, default, the engines it matters for, meaning, and an example that runs."""
    parts: dict[str, Schema] = {"Scenario": schema, **schema["$defs"]}
    used = examples()
    text = [
        "# Every field",
        "",
        "Made from the models. An example names the scenario that it is taken from; the tests run it.",
        "",
    ]
    listed = [name for names in ORDER.values() for name in names]
    rest = tuple(name for name, part in parts.items() if name not in listed and "properties" in part)
    for section, names in {**ORDER, "Other parts": rest}.items():
        there = [name for name in names if "properties" in parts.get(name, {})]
        if there:
            text += [f"## {section}", ""]
        for name in there:
            text += [f"({_anchor(name)})=", f"### {_spoken(name)}", ""]
            about = parts[name].get("description")
            text += [about, ""] if about else []
            for field, each in parts[name]["properties"].items():
                required = field in parts[name].get("required", ())
                text += _field(name, field, each, required, used.get((name, field)))
            text.append("")
    return "\n".join(text)


def _field(part: str, field: str, each: Schema, required: bool, example: tuple[str, str] | None) -> Iterator[str]:
    description = each.get("description", "")
    default = "required" if required else "optional"
    if "default" in each:
        value = one_line(each["default"])
        default = f"default `{value}`" if len(value) <= LONGEST else "default: that of its fields"
    yield f"`{field}`"
    yield f": {_type(each)} · {default} · {engines_of(part, description)}"
    yield ""
    if description:
        yield f"  {description}"
        yield ""
    if example is not None:
        text, source = example
        yield f"  Example (`{source}`): `{text}`"
        yield ""


def engines_of(part: str, description: str) -> str:
    """The engines that a field matters for: the part's own, or those that its description names."""
    own = next((engine for engine in ENGINES if part.startswith(engine)), None)
    if own is None and part in _OF_INNGEST:
        own = "Inngest"
    if own is not None:
        return own
    named = [engine for engine in ENGINES if re.match(rf"(\w+, )*{engine}\b.*?:", description)]
    return ", ".join(named) or "all engines"


_OF_INNGEST: Final = (
    "Checkpointing", "Flow", "Concurrency", "Throttle", "RateLimit", "Debounce", "Batch", "Singleton", "PriorityArm",
    "FlowTimeouts",
)  # fmt: skip


def _type(each: Schema) -> str:
    if "$ref" in each:
        return _link(each["$ref"].rsplit("/", 1)[-1])
    if "enum" in each:
        return " · ".join(f"`{value}`" for value in each["enum"])
    if "const" in each:
        return f"`{each['const']}`"
    if "anyOf" in each or "oneOf" in each:
        kinds = dict.fromkeys(
            _type(one) for one in each.get("anyOf", each.get("oneOf", ())) if one.get("type") != "null"
        )
        return " or ".join(kinds)
    match each.get("type"):
        case "array":
            items = each.get("items") or next(iter(each.get("prefixItems", [{}])))
            return f"list of {_type(items)}"
        case "object":
            more = each.get("additionalProperties")
            return f"mapping of names to {_type(more)}" if isinstance(more, dict) else "mapping"
        case "integer":
            return "whole number"
        case "string":
            return "text"
        case "boolean":
            return "`true` or `false`"
        case None:
            return "any value"
        case other:
            return str(other)


def _link(name: str) -> str:
    return f"[{_spoken(name).lower()}](#{_anchor(name)})" if name not in ("Duration", "Spread", "Step") else {
        "Duration": "duration", "Spread": "time spread", "Step": "step",
    }[name]  # fmt: skip


def _spoken(name: str) -> str:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return words[0] + words[1:].lower() if not words.startswith(ENGINES) else words[0] + words[1:]


def _anchor(name: str) -> str:
    return "part-" + re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def examples() -> Mapping[tuple[str, str], tuple[str, str]]:
    """By part and field: the shortest passage of a scenario that sets it, and where that scenario is."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for source, scenario in _scenarios():
        for part, field, value in _set_fields(scenario):
            text = f"{field}: {one_line(value)}"
            old = found.get((part, field))
            if (
                len(text) <= LONGEST
                and "`" not in text
                and "\n" not in text
                and (old is None or len(text) < len(old[0]))
            ):
                found[part, field] = (text, source)
    return found


def _scenarios() -> Iterator[tuple[str, Model]]:
    for name in builtin_names():
        yield name, load_scenario(name)
    for each in lessons():
        yield f"lesson {each.number}", each.scenario
    from durascope.models.loading import load

    for folder in (EXAMPLES, *(CASES / engine for engine in ("temporal", "inngest", "restate", "own"))):
        for file in sorted(folder.rglob("*.yaml")):
            yield file.relative_to(ROOT).as_posix(), scenario_in(load(file))


def _set_fields(value: object) -> Iterator[tuple[str, str, object]]:
    """(part, field, plain value) of each field that is set anywhere in a scenario."""
    if isinstance(value, Model):
        plain = as_written(value)
        for name in value.model_fields_set:
            info = type(value).model_fields.get(name)
            if info is None:
                continue
            written = info.alias or name
            if plain.get(written) is not None:
                yield type(value).__name__, written, plain[written]
            yield from _set_fields(getattr(value, name))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _set_fields(each)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for each in value:
            yield from _set_fields(each)


# --- commands


def commands_page() -> str:
    """Every command with its help, arguments and options, as typer has them."""
    import typer

    from durascope.cli.app import COMMANDS, build

    text = ["# Commands", "", "Made from the command line itself. `durascope COMMAND --help` prints the same.", ""]
    for name in COMMANDS:
        group: Any = typer.main.get_command(build([name]))
        command = group.commands.get(name)
        if command is None:
            continue
        text += [f"## durascope {name}", "", *_help(command.help or "")]
        for parameter in command.params:
            argument = parameter.param_type_name == "argument"
            value = "" if argument or getattr(parameter, "is_flag", False) or "|" in (parameter.metavar or "|") else (
                f" {parameter.metavar}"
            )  # fmt: skip
            names = [parameter.metavar or parameter.name.upper()] if argument else parameter.opts
            text += [
                ", ".join(f"`{each}{value}`" for each in names),
                f": {(parameter.help or '').replace('<', '&lt;')}{_choices(parameter)}",
                "",
            ]
    text += [
        "## Exit status", "", "0", ": done", "", "1", ": an expectation or a promise does not hold", "", "2",
        ": the scenario or the command line is wrong", "", "3", ": a bug in durascope", "", "130", ": interrupted", "",
    ]  # fmt: skip
    return "\n".join(text)


def _help(text: str) -> Iterator[str]:
    """The paragraphs of a docstring; those that are commands are shown as such."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith("durascope "):
            yield from ("```console", f"$ {' '.join(paragraph.split())}", "```", "")
        else:
            yield from (" ".join(paragraph.split()), "")


def _choices(parameter: Any) -> str:
    """The words that an option takes, where its type lists them."""
    kind = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)
    members = next(
        (each for each in (kind, *get_args(kind)) if isinstance(each, type) and issubclass(each, Enum)), None
    )
    return f" One of {', '.join(f'`{each.value}`' for each in members)}." if members is not None else ""


# --- trace events


def events_page() -> str:
    """Every kind of trace event with its meaning, and one that was simulated."""
    shown = _seen()
    text = [
        "# Trace events", "",
        "A trace is a list of events. Each has `at` (microseconds), `lane` (the component), `kind`, `run`, `step`, "
        "`attempt`, `cause` (the number of the event that led to it) and `detail`. `durascope export --format jsonl` "
        "writes one on each line. The examples are simulated: the first event of that kind in a built-in scenario.", "",
    ]  # fmt: skip
    for kind, meaning in _kinds().items():
        text += [f"`{kind}`", f": {meaning}", ""]
        if kind in shown:
            text += [f"  Example: {shown[kind]}", ""]
    return "\n".join(text)


def _kinds() -> dict[str, str]:
    module = ast.parse(inspect.getsource(durascope.models.trace))
    (body,) = (part.body for part in module.body if isinstance(part, ast.ClassDef) and part.name == "Kind")
    found = {kind.value: "" for kind in Kind}
    for part, after in pairwise([*body, ast.Pass()]):
        match part, after:
            case ast.Assign(value=ast.Constant(value=str(kind))), ast.Expr(value=ast.Constant(value=str(text))):
                found[kind] = " ".join(inspect.cleandoc(text).split())
            case _:
                pass
    return found


def _seen() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in builtin_names():
        scenario = load_scenario(name)
        for engine in ("temporal", "inngest", "restate"):
            for event in simulate(scenario, engine, full=True).events:
                if event.kind.value not in found:
                    what = [f"`{event.lane}`", *(f"{event.step}" for _ in [0] if event.step)]
                    detail = f", detail `{event.detail}`" if event.detail is not None else ""
                    found[event.kind.value] = f"{' · '.join(what)} at {event.at:,} µs{detail} ({name}, {engine})"
    return found


# --- the course


def lessons_page() -> str:
    """The lessons as a book: setting, question, idea, exercise; the last two folded away, as prediction comes first."""
    text = ["# The lessons", ""]
    for each in lessons():
        idea, exercise = each.parts
        body = idea.partition("\n")[2].strip()
        text += [
            f"## {each.number}. {each.title}", "", each.scenario.about.strip(), "",
            f"**Predict first.** {each.question.asks.strip()}", "",
            *(f"- **{letter})** {choice.says}" for letter, choice in each.question.letters.items()), "",
            "```console", f"$ durascope learn {each.number} --answer LETTER", "```", "",
            f'<p><a href="../lessons/lesson-{each.number}.html">Predict and play lesson {each.number}</a></p>', "",
            "<details><summary>You have answered? Why it is so, and the exercise</summary>", "",
            body, "", f"**Exercise.** {exercise}", "",
            "```console", f"$ durascope learn {each.number} --start .",
            f"$ durascope learn {each.number} --check exercise-{each.number}.yaml", "```", "", "</details>", "",
        ]  # fmt: skip
    return "\n".join(text)


def write_lesson_pages(folder: Path) -> None:
    """Each lesson as a page that plays it; one that would not change is left alone, since playing takes seconds."""
    from durascope.cli import main

    folder.mkdir(parents=True, exist_ok=True)
    for each in lessons():
        page, stamp = folder / f"lesson-{each.number}.html", folder / f".lesson-{each.number}"
        told = f"{__version__}\n{each.text}\n{each.scenario_text}\n{each.question}"
        if page.exists() and stamp.exists() and stamp.read_text("utf-8") == told:
            continue
        if main(["learn", str(each.number), "--page", str(page)]) != 0:
            raise RuntimeError(f"lesson {each.number} has no page")
        stamp.write_text(told, "utf-8")


PLAYERS: Final = ("order-fulfillment", "payment", "onboarding")
"""The scenarios that docs/player.md plays."""


def write_players(folder: Path) -> None:
    """Each as a page to stand in another one; one that would not change is left alone, since crashes take seconds."""
    from durascope.player.document import document
    from durascope.player.page import bundle, html

    folder.mkdir(parents=True, exist_ok=True)
    for name in PLAYERS:
        page, stamp = folder / f"{name}.html", folder / f".{name}"
        scenario = load_scenario(name)
        told = f"{__version__}\n{bundle().packed}\n{scenario.model_dump_json()}"
        if page.exists() and stamp.exists() and stamp.read_text("utf-8") == told:
            continue
        page.write_text(html(document(scenario, compared()), embed=True), "utf-8")
        stamp.write_text(told, "utf-8")


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
