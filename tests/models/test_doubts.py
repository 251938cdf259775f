"""Scenarios that are valid and hardly show what is meant: each warning with its place and its fix."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from durascope.models.doubts import doubts
from durascope.models.problems import Problem, ScenarioProblems
from durascope.models.reading import parse_scenario
from durascope.models.source import Source
from durascope.models.yaml12 import compose
from tests.cli.commands import durascope


def doubts_of(text: str) -> list[Problem]:
    whole = f"scenario: s\n{text}"
    value, problems = compose(Source("s.yaml", whole))
    assert not problems
    return doubts(parse_scenario(whole), value)


@pytest.mark.parametrize(
    ("text", "code", "line", "message", "fix"),
    [
        (
            "workflows: {w: {steps: [{run: a}]}}\n"
            "deployments:\n  temporal: {workers: [{name: w, runs: workflows}]}",
            "no-worker", 4, "no worker runs activities", "`runs: activities`",
        ),
        (
            "workflows: {w: {steps: [{run: a, queue: gpu}]}}",
            "no-worker", 2, "no worker polls the queue `gpu`", "`queue: gpu`",
        ),
        ("workflows: {w: {steps: [{wait_for: go}]}}", "never-sent", 2, "nobody sends `go`", "give the wait a timeout"),
        ("workflows: {w: {key: id, steps: []}}", "unknown-key", 2, "no input has the key `id`", "{id: unique}"),
        (
            "workflows: {w: {steps: [{run: a, idempotency_key: order}]}}",
            "unknown-key", 2, "hands over no idempotency key", "add `order`",
        ),
        (
            "workflows: {w: {steps: [{run: a}, {run: b}, {run: a}]}}",
            "same-name", 2, "`w` has two steps `a`", "a name of its own",
        ),
        (
            "workflows: {w: {steps: [{for_each: 3, do: [{run: 'chunk-{i}'}]}]}}",
            "no-number", 2, "`{i}` stands for nothing here", "`as: i`",
        ),
        (
            "workflows: {w: {steps: [{repeat: 2, as: i, do: [{parallel: [{run: 'a-{i}'}, {run: 'b-{n}'}]}]}]}}",
            "no-number", 2, "`{n}` stands for nothing here", "`as: n`",
        ),
        (
            "workflows: {w: {steps: [{repeat: 3, as: i, do: [{run: 'pay-{i}', effect: pay}]}]}}",
            "same-effect", 2, "all but the first count as duplicates", "`effect: pay-{i}`",
        ),
        (
            "workflows: {w: {steps: [{for_each: 3, do: [{run: pay, effect: pay}]}]}}",
            "same-effect", 2, "all but the first count as duplicates", "leave `effect` out",
        ),
        (
            "workflows: {w: {key: id, input: {id: unique}, steps: [{wait_for: go}]}}\n"
            "workload: {events: [{send: go, to: first, at: 1s}]}",
            "unknown-key", 3, "no run has the key `first`", "`to: 1`",
        ),
        (
            "workflows: {w: {steps: [{run: a}]}}\nexpect: {completed: 0%}",
            "always-holds", 3, "at least 0% of the runs complete", "`failed: {at_least: 100%}`",
        ),
        (
            "workflows: {w: {steps: [{run: a}]}}\nexpect: {failed: 100%}",
            "always-holds", 3, "at most 100% of the runs fail", "`failed: {at_least: 100%}`",
        ),
        (
            "workflows: {w: {steps: [{run: a}]}}\nexpect: {effects: {a: {at_least: 0}}}",
            "always-holds", 3, "at least 0 is always true", "`at_most: N`",
        ),
        ("workflows: {w: {steps: [{run: a, timeout: 0s}]}}", "zero-timeout", 2, "`timeout: 0s`", "leave it out"),
        (
            "workflows: {w: {steps: [{run: a, heartbeat: {timeout: 0s}}]}}",
            "zero-timeout", 2, "0s is none", "as in 10s",
        ),
        (
            "workflows: {w: {steps: [{run: a}]}}\ndeployments:\n  inngest: {retries: 2}",
            "silent-default", 4, "it is Python's", "sdk: typescript",
        ),
        (
            "workflows: {w: {steps: [{run: a}]}}\n"
            "deployments:\n  restate: {}\n  temporal: {workers: [{name: w, replicas: 5}]}",
            "unlike-sizes", 4, "5 processes run steps on temporal, 1 on restate", "the same `replicas`",
        ),
    ],
)  # fmt: skip
def test_a_doubt_has_a_code_a_place_and_a_fix(text: str, code: str, line: int, message: str, fix: str) -> None:
    (found,) = doubts_of(text)
    assert (found.severity, found.code, found.line) == ("warning", code, line)
    assert message in found.message
    assert fix in found.help


@pytest.mark.parametrize(
    "text",
    [
        "workflows: {w: {steps: [{wait_for: go, timeout: 1s}]}}",
        "workflows: {w: {steps: [{wait_for: go}]}}\nworkload: {events: [{send: go, to: 1, at: 1s}]}",
        "workflows: {w: {key: id, steps: [{run: a, idempotency_key: id}]}}\nworkload: {keys: [k]}",
        "workflows: {w: {steps: [{choose: [{when: attempts > 1, do: [{run: a}]}, {otherwise: [{run: a}]}]}]}}",
        "workflows: {w: {steps: [{run: a}]}}\ndeployments: {inngest: {app: {sdk: python}}, restate: {}}",
    ],
)
def test_what_is_meant_is_not_doubted(text: str) -> None:
    assert doubts_of(text) == []


def test_a_workflow_that_calls_itself_has_no_end() -> None:
    circle = "a: {steps: [{call: b}]}, b: {steps: [{run: x}, {call: c}]}, c: {steps: [{call: b}]}"
    with pytest.raises(ScenarioProblems) as error:
        parse_scenario(f"scenario: s\nworkflows: {{{circle}}}\nworkload: {{of: a}}")
    assert [problem.message.split()[0] for problem in error.value.problems] == ["`b`", "`c`"]


@pytest.mark.parametrize(
    "steps", ["[{choose: [{when: attempts > 1, do: [{call: w}]}]}]", "[{call: w, key: other}]", "[{start: w}]"]
)
def test_a_call_of_itself_that_may_end_is_none_of_ours(steps: str) -> None:
    parse_scenario(f"scenario: s\nworkflows: {{w: {{key: id, input: {{id: unique}}, steps: {steps}}}}}")


def test_check_warns_and_with_strict_it_fails(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("scenario: s\nworkflows: {w: {steps: [{wait_for: go}]}}\n")
    warned = durascope("check", str(file))
    assert (warned.status, warned.out.splitlines()[0]) == (0, f"{file}: valid")
    assert "warning[never-sent]: nobody sends `go`" in warned.err
    assert "1 warning" in warned.err
    assert durascope("check", "--strict", str(file)).status == 2
    (told,) = json.loads(durascope("check", "--json", str(file)).out)
    assert (told["valid"], told["problems"][0]["severity"]) == (True, "warning")


def test_run_says_that_there_are_warnings_about_a_file(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("scenario: s\nworkflows: {w: {steps: [{wait_for: go}]}}\n")
    assert durascope("run", str(file)).err == f"1 warning: see `durascope check {file}`\n"
    assert durascope("run", str(file), "--json").err == ""
    file.write_text("scenario: s\nworkflows: {w: {steps: [{sleep: 1s}]}}\n")
    assert durascope("run", str(file)).err == ""
    assert durascope("run", "order-fulfillment").err == ""
