"""Whatever is thrown at the command line, the answer is words and a status, never a traceback."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from durascope.models.loading import load_scenario
from durascope.models.problems import ScenarioProblems
from durascope.models.reading import parse_scenario
from durascope.models.scenario import Scenario
from durascope.models.writing import as_yaml
from tests.cli.commands import Outcome, durascope

ROOT = Path(__file__).parents[2]
FILES = [*sorted((ROOT / "durascope/scenarios").glob("*.yaml")), *sorted((ROOT / "tests/conformance").glob("*/*.yaml"))]
PLACE = re.compile(r"^[^\n]*:\d+:\d+: error\[[a-z0-9-]+\]: .+", re.MULTILINE)
EACH = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def assert_answered(answer: Outcome) -> None:
    """No traceback, a status that means something, and a place for what is wrong."""
    assert answer.status in (0, 1, 2), answer.err
    assert "Traceback" not in answer.err + answer.out
    if answer.status == 2:
        assert PLACE.search(answer.err) or answer.err.startswith(("durascope: error: ", "Usage: ")), answer.err


def assert_read_or_explained(text: str) -> None:
    """A text is a scenario that reads back equal, or its problems have places in it."""
    scenario, found = read(text)
    if scenario is not None:
        assert parse_scenario(as_yaml(scenario)) == scenario
    if found is not None:
        lines = len(re.split(r"\r\n|[\n\r\x85\u2028\u2029]", text))
        assert PLACE.search(str(found))
        assert all(1 <= problem.line <= lines + 1 and problem.column >= 1 for problem in found.problems)


def read(text: str) -> tuple[Scenario | None, ScenarioProblems | None]:
    """The scenario of a text, or what is wrong with it."""
    try:
        return parse_scenario(text, "s.yaml"), None
    except ScenarioProblems as found:
        return None, found


@cache
def vocabulary() -> list[str]:
    """The words that scenarios are made of."""
    words = {word for file in FILES[:40] for word in re.findall(r"[\w./%-]+", file.read_text(encoding="utf-8"))}
    return sorted(words)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A scenario or case that ships, with a few places changed."""
    text = draw(st.sampled_from(FILES)).read_text(encoding="utf-8")
    if "\nscenario:\n" in text and draw(st.booleans()):
        body = text.partition("\nscenario:\n")[2].partition("\nrecords:")[0]
        text = "\n".join(line[2:] for line in body.splitlines())
    for _ in range(draw(st.integers(1, 4))):
        text = draw(st.sampled_from([_word, _line, _character, _move]))(draw, text)
    return text


def _word(draw: st.DrawFn, text: str) -> str:
    """Another word in place of one."""
    words = list(re.finditer(r"[\w./%-]+", text))
    if not words:
        return text
    word = draw(st.sampled_from(words))
    other = draw(
        st.sampled_from(vocabulary())
        | st.sampled_from(["", "null", "~", "-1", "1e9", ".nan", "[]", "{}", "5", "0s", "&a", "*a"])
    )
    return text[: word.start()] + other + text[word.end() :]


def _line(draw: st.DrawFn, text: str) -> str:
    """A line fewer, or twice."""
    lines = text.splitlines()
    if not lines:
        return text
    at = draw(st.integers(0, len(lines) - 1))
    return "\n".join([*lines[:at], *[lines[at]] * draw(st.sampled_from([0, 2])), *lines[at + 1 :]])


def _character(draw: st.DrawFn, text: str) -> str:
    """A character more."""
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(st.sampled_from("{}[]:,#&*!|>'\"%@`\t\n- ?\x00\x85é")) + text[at:]


def _move(draw: st.DrawFn, text: str) -> str:
    """A line under another roof."""
    lines = text.splitlines()
    if not lines:
        return text
    line = lines.pop(draw(st.integers(0, len(lines) - 1)))
    lines.insert(draw(st.integers(0, len(lines))), " " * draw(st.integers(0, 8)) + line.strip())
    return "\n".join(lines)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["1s", "run", "5/s", "on"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*Scenario.model_fields, "run", "steps", "sleep", "when", "kind"]) | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@EACH
@given(st.binary(max_size=300))
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "s.yaml"
    file.write_bytes(content)
    answer = durascope("check", str(file))
    assert answer.status == 2
    assert_answered(answer)


@EACH
@given(st.text(alphabet="ab: \n-[]{},&*!|>'\"#%?~\t0.", max_size=80))
def test_any_punctuation(text: str) -> None:
    assert_read_or_explained(text)


@EACH
@given(VALUES)
def test_any_values(value: object) -> None:
    assert_read_or_explained(yaml.safe_dump(value, allow_unicode=True))


@EACH
@given(services=VALUES, steps=VALUES, workload=VALUES, faults=VALUES, expect=VALUES, deployments=VALUES)
def test_any_values_in_the_place_of_any_part(**parts: object) -> None:
    steps = parts.pop("steps")
    assert_read_or_explained(yaml.safe_dump({"scenario": "s", "workflows": {"w": {"steps": steps}}, **parts}))


@EACH
@given(mutated())
def test_mutated_files(text: str) -> None:
    assert_read_or_explained(text)


@EACH
@given(mutated())
def test_mutated_files_on_the_command_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(text, encoding="utf-8")
    assert_answered(durascope("check", str(file)))


WORDS = st.sampled_from(
    [
        *("check", "list", "show", "new", "schema", "doctor", "--json", "--help", "--version", "-e", "--engine", "--"),
        *(
            "--set",
            "--crash",
            "--runs",
            "--rate",
            "--seed",
            "--out",
            "temporal",
            "inngest",
            "payment",
            "agent",
            "paymnt",
        ),
        *(
            "services.stripe.latency=5s",
            "workload.runs=3",
            "workload.runs",
            "workflows.charge.steps.stripe-charge.takes=1s",
        ),
        *(
            "app after-effect stripe-charge",
            "engine at 3s down 1s",
            "app at",
            "app started x attempt 9",
            "5/s",
            "5",
            "-1",
        ),
        *(
            "=",
            "a=b",
            "..=1",
            "faults.0=x",
            "faults.99=x",
            "workload.events.0.to={",
            "scenario=Other",
            "workflows=",
            "\0",
            "\udcff",
        ),
    ]
)


@EACH
@given(st.lists(WORDS | st.text(max_size=12), max_size=7))
def test_any_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert_answered(
        durascope(
            *(each for each in arguments if each not in ("run", "compare", "explore", "diagram", "export", "verify"))
        )
    )


@EACH
@given(
    st.sampled_from(["payment", "order-fulfillment", "agent-fan-out"]),
    st.lists(st.tuples(st.sampled_from(["--set", "--crash", "--rate"]), WORDS | st.text(max_size=30)), max_size=4),
)
def test_any_override(name: str, options: list[tuple[str, str]]) -> None:
    answer = durascope("show", name, *(f"{option}={value}" for option, value in options))
    assert_answered(answer)
    if answer.status == 0:
        assert isinstance(parse_scenario(answer.out), Scenario)


@EACH
@given(st.data())
def test_any_field_can_be_set_to_anything(data: st.DataObject) -> None:
    plain = load_scenario("order-fulfillment").model_dump(mode="json", by_alias=True)
    path: list[str] = []
    value: object = plain
    while isinstance(value, (dict, list)) and value and data.draw(st.booleans() | st.just(True)):
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))  # pyright: ignore[reportUnknownVariableType]
        key = data.draw(st.sampled_from(keys))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        path.append(str(key))  # pyright: ignore[reportUnknownArgumentType]
        value = value[key]  # pyright: ignore[reportUnknownVariableType, reportCallIssue, reportArgumentType]
    written = data.draw(st.sampled_from(vocabulary()) | st.text(max_size=10))
    assert_answered(durascope("show", "order-fulfillment", "--set", f"{'.'.join(path)}={written}"))


ALIKE = (
    (re.compile(r"\b\d+(ms|s|m)\b"), ["0s", "1ms", "40ms", "300ms", "1s", "2500ms", "20s", "3m"]),
    (re.compile(r"(?<=[:,] )\d{1,2}\b(?!%|/)"), ["1", "2", "3", "7"]),
    (re.compile(r"\b(scheduled|started|before-effect|after-effect|reported|recorded)\b"), ["started", "recorded"]),
    (re.compile(r"\b(python|typescript)\b"), ["python", "typescript"]),
    (re.compile(r"\b(bidirectional|request-response)\b"), ["bidirectional", "request-response"]),
    (re.compile(r"\b(true|false)\b"), ["true", "false"]),
    (re.compile(r"\b(parallel|race)\b"), ["parallel", "race"]),
    (re.compile(r"\b(cancel|kill|pause|resume)\b"), ["cancel", "kill", "pause", "resume"]),
)


@st.composite
def other_values(draw: st.DrawFn) -> str:
    """A scenario that ships, or a case's, with other values of the same kinds in a few places."""
    text = draw(st.sampled_from(FILES)).read_text(encoding="utf-8")
    if "\nscenario:\n" in text:
        body = text.partition("\nscenario:\n")[2].partition("\nrecords:")[0]
        text = "\n".join(line[2:] for line in body.splitlines())
    for _ in range(draw(st.integers(1, 5))):
        pattern, values = draw(st.sampled_from(ALIKE))
        places = list(pattern.finditer(text))
        if places:
            place = draw(st.sampled_from(places))
            text = text[: place.start()] + draw(st.sampled_from(values)) + text[place.end() :]
    return text


@settings(EACH, max_examples=60)
@given(
    text=other_values(),
    engine=st.sampled_from(["temporal", "inngest", "restate", "queue"]),
    command=st.sampled_from([["run"], ["run", "--json"], ["export", "--format", "jsonl"], ["diagram", "--out", "out"]]),
    crash=st.sampled_from([[], ["--crash", "app at 300ms"], ["--crash", "engine at 1s down 3s"]]),
)
def test_what_can_be_read_can_be_simulated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, engine: str, command: list[str], crash: list[str]
) -> None:
    scenario, _ = read(text)
    if scenario is None or re.search(r"\b(for_each|repeat): \d{3,}", text):
        return
    monkeypatch.chdir(tmp_path)
    file = f"{scenario.scenario}.yaml"
    Path(file).write_text(text, encoding="utf-8")
    runs = ["--runs", "3"] if scenario.workload.runs > 20 else []
    assert_answered(durascope(*command, file, "--engine", engine, *crash, *runs))


@EACH
@given(
    st.sampled_from(["run", "export", "diagram"]),
    st.lists(WORDS.filter(lambda word: not word.startswith("workload.runs")) | st.text(max_size=12), max_size=5),
)
def test_any_command_line_of_a_simulating_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_answered(durascope(command, *arguments))


@pytest.mark.parametrize("options", [(), ("--json",)], ids=str)
def test_a_reader_that_has_had_enough_is_no_failure(options: tuple[str, ...]) -> None:
    """As in `durascope run … | head -1`."""
    command = [sys.executable, "-m", "durascope", "run", "order-fulfillment", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
