"""A scenario file is read safely, and what is wrong with it is said where it stands."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from durascope.models.problems import Problem, ScenarioProblems
from durascope.models.reading import MAX_BYTES, parse_scenario, read_scenario
from durascope.models.scenario import Scenario

ORDER = """
scenario: order
services:
  stripe: {kind: api, latency: {p50: 180ms, p99: 900ms}}
workflows:
  fulfill-order:
    key: order_id
    input: {order_id: unique, amount: {uniform: [10, 500]}}
    steps:
      - {run: charge-payment, on: stripe, undo: refund-payment}
      - {sleep: 7d}
      - {wait_for: CancelOrder, timeout: 1m}
"""


def problems_of(text: str) -> tuple[Problem, ...]:
    """What is wrong with a scenario."""
    with pytest.raises(ScenarioProblems) as raised:
        parse_scenario(dedent(text).lstrip(), "order.yaml")
    return raised.value.problems


def problem_of(text: str) -> Problem:
    """The one thing that is wrong with a scenario."""
    (problem,) = problems_of(text)
    return problem


def order_with(old: str, new: str) -> str:
    """The order scenario with one piece of text replaced."""
    assert old in ORDER
    return ORDER.replace(old, new, 1)


def test_a_scenario_is_read_with_its_defaults() -> None:
    scenario = parse_scenario(ORDER)
    assert scenario.scenario == "order"
    assert scenario.workload.runs == 1
    assert [step.label for step in scenario.workflows["fulfill-order"].walk()] == [
        "charge-payment",
        "refund-payment",
        "sleep 7d",
        "CancelOrder",
    ]


class TestPlainWords:
    @pytest.mark.parametrize("word", ["on", "off", "yes", "no", "y", "n", "On", "2026-11-22", "1:30", "=", "<<"])
    def test_words_that_old_yaml_converts_are_text(self, word: str) -> None:
        assert parse_scenario(order_with("scenario: order", f"scenario: order\ntitle: {word}")).title == word

    @pytest.mark.parametrize("word", ["yes", "on", "1", '"true"'])
    def test_only_true_and_false_are_booleans(self, word: str) -> None:
        problem = problem_of(order_with("kind: api", f"kind: api, deduplicates: {word}"))
        assert problem.message.startswith("expected true or false")
        assert problem.line == 3

    def test_a_yes_is_taken_for_a_true(self) -> None:
        assert problem_of(order_with("kind: api", "kind: api, deduplicates: yes")).help == "did you mean `true`?"

    def test_octal_and_hexadecimal_numbers(self) -> None:
        scenario = parse_scenario(
            order_with("{order_id: unique,", "{order_id: unique, a: 0o17, b: 0x1F, c: 017, d: 1e3,")
        )
        inputs = scenario.workflows["fulfill-order"].input
        assert [inputs[name] for name in "abcd"] == [15, 31, 17, 1000.0]


class TestPlaces:
    def test_an_unknown_field_points_at_its_key(self) -> None:
        problem = problem_of(order_with("timeout: 1m", "timeot: 1m"))
        assert (problem.line, problem.column, problem.code) == (11, 33, "unknown-field")
        assert problem.help == "did you mean `timeout`?"

    def test_a_bad_value_points_at_the_value(self) -> None:
        problem = problem_of(order_with("p99: 900ms", "p99: 900 millis"))
        assert (problem.line, problem.column) == (3, 50)
        assert problem.help.startswith("did you mean `900ms`?")

    def test_a_problem_reads_like_a_compilers(self) -> None:
        text = str(problem_of(order_with("on: stripe", "on: strip")))
        assert text == (
            "order.yaml:9:35: error[unknown-service]: there is no service `strip`\n"
            "  9 |       - {run: charge-payment, on: strip, undo: refund-payment}\n"
            "    |                                   ^\n"
            "  help: did you mean `stripe`?"
        )

    def test_all_problems_are_reported_at_once_in_the_order_of_the_file(self) -> None:
        text = (
            ORDER.replace("kind: api", "kind: apii").replace("on: stripe", "on: strip").replace("sleep: 7d", "sleep: 7")
        )
        assert [(problem.line, problem.code) for problem in problems_of(text)] == [
            (3, "bad-value"),
            (9, "unknown-service"),
            (10, "bad-value"),
        ]

    def test_a_name_that_was_lost_with_a_bad_part_is_not_called_unknown(self) -> None:
        problem = problem_of(order_with("  stripe: {kind: api, latency", "  stripe: {kind: 5, latency"))
        assert problem.code == "bad-value"

    def test_a_missing_field_points_at_what_lacks_it(self) -> None:
        problem = problem_of("scenario: order\nworkflows:\n  w: {title: W}\n")
        assert (problem.line, problem.column, problem.message) == (3, 6, "`steps` is missing")

    def test_a_long_line_is_cut_around_the_place(self) -> None:
        text = order_with("kind: api", f"title: {'x' * 500}, kind: apii")
        assert all(len(line) < 130 for line in str(problem_of(text)).splitlines())


class TestSteps:
    @pytest.mark.parametrize(
        ("step", "message", "help"),
        [
            ("{rum: x}", "`rum` is not a kind of step", "did you mean `run`?"),
            ("{run: a, sleep: 3s}", "a step has one type; this has both `run` and `sleep`", "write one of them"),
            ("{}", "this step has no type", "kinds of step: run, sleep"),
            ("charge", "a step is a mapping", "write {run: NAME}"),
            ("{sleep: 5}", "a duration needs a unit", "write 5s or 5ms"),
            ("{sleep: 5 sec}", "'5 sec' is not a duration", "did you mean `5s`?"),
            ("{run: 7}", "expected text, not 7", 'write "7" in quotes'),
            ("{repeat: two, do: []}", "expected a whole number, not 'two'", ""),
            ("{run: a, fails: {times: 1, always: true}}", "a step that fails needs a count", "write either"),
            ("{run: a, takes: [1s, soon]}", "'soon' is not a duration", "write a number and a unit"),
            ("{run: a, effect_at: 120%}", "'120%' is not between 0% and 100%", "write a percentage"),
            ("{run: a, size: 2 KB}", "'2 KB' is not a size", "write 512B"),
            ("{choose: [{when: 1 +, do: []}]}", "'1 +' is not a condition", "write `in_stock`"),
            ("{choose: [{when: amount, otherwise: []}]}", "`otherwise` stands alone", "write {otherwise"),
            ("{choose: [{when: f(amount), do: []}]}", "a condition cannot hold `f(amount)`", "it has only names"),
        ],
    )
    def test_what_is_no_step_is_explained(self, step: str, message: str, help: str) -> None:  # noqa: A002
        problem = problem_of(order_with("{sleep: 7d}", step))
        assert problem.line == 10
        assert problem.message == message
        assert problem.help.startswith(help)


class TestSafety:
    def test_tags_are_refused(self) -> None:
        problem = problem_of("scenario: !!python/object/apply:os.system [echo]\n")
        assert problem.code == "refused"
        assert (problem.line, problem.column) == (1, 11)

    def test_aliases_that_multiply_are_refused(self) -> None:
        layers = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 10))
        assert "aliases" in problem_of(f"l0: &l0 [x]\n{layers}").message

    def test_an_alias_inside_of_itself_is_refused(self) -> None:
        assert "alias" in problem_of("a: &a [*a]\n").message

    @pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
    def test_depth_is_bounded(self, opening: str) -> None:
        assert "levels deep" in problem_of(opening * 5000).message

    def test_the_number_of_values_is_bounded(self) -> None:
        assert "at most" in problem_of(f"a: [{'1,' * 60_000}]").message

    def test_the_size_is_bounded(self, tmp_path: Path) -> None:
        file = tmp_path / "big.yaml"
        file.write_bytes(b"#" * (MAX_BYTES + 1))
        with pytest.raises(ScenarioProblems, match="at most 1 MiB"):
            read_scenario(file)

    def test_duplicate_keys_are_errors(self) -> None:
        problem = problem_of(order_with("scenario: order", "scenario: order\nscenario: order"))
        assert (problem.line, problem.code, problem.help) == (2, "duplicate-key", "it is also on line 1; keep one")

    @pytest.mark.parametrize("number", [".nan", ".inf", "-.INF", "1e999"])
    def test_what_is_no_finite_number_is_refused(self, number: str) -> None:
        assert "is not a number here" in problem_of(order_with("[10, 500]", f"[10, {number}]")).message

    def test_what_cannot_be_read_is_one_problem_and_not_a_second_about_what_stands_in_its_place(self) -> None:
        problem = problem_of("scenario: s\nworkflows: {w: {steps: [{run: a, fails: .nan}]}}")
        assert (problem.code, problem.line) == ("bad-number", 2)

    def test_merge_keys_are_refused_by_name(self) -> None:
        problem = problem_of("scenario: s\nworkflows: {w: {steps: [{<<: {takes: 1s}, run: a}]}}")
        assert (problem.code, problem.message) == ("bad-key", "`<<` merges nothing in YAML 1.2")

    @pytest.mark.parametrize("number", ["9223372036854775808", "1" + "0" * 9000, "0x" + "F" * 40])
    def test_huge_numbers_are_refused(self, number: str) -> None:
        message = problem_of(order_with("sleep: 7d", f"repeat: {number}, do: []")).message
        assert "too big" in message
        assert ("…" in message) == (len(number) > 40)

    @pytest.mark.parametrize("quantity", ["9" * 5000 + "s", "200000000d", "forever"])
    def test_huge_durations_are_refused(self, quantity: str) -> None:
        assert problem_of(order_with("sleep: 7d", f"sleep: {quantity}")).code == "bad-value"

    @pytest.mark.parametrize(
        "text", ["a: b: c", "a: [1", "a: 'x", "a:\n\t- b", "a: *b", "%YAML 9.9\n---\na", "--- a\n--- b"]
    )
    def test_what_is_no_yaml_is_said_with_a_place(self, text: str) -> None:
        problem = problem_of(text)
        assert problem.code == "yaml-syntax"
        assert problem.line >= 1

    def test_characters_that_yaml_does_not_allow(self) -> None:
        problem = problem_of("scenario: order\ntitle: a\x00b\n")
        assert (problem.code, problem.line, problem.column) == ("bad-character", 2, 9)

    def test_half_a_character_is_refused(self) -> None:
        assert problem_of(order_with("scenario: order", 'scenario: order\ntitle: "\\ud800"')).code == "bad-character"


class TestFiles:
    def test_a_file_is_called_as_its_scenario(self, tmp_path: Path) -> None:
        file = tmp_path / "other.yaml"
        file.write_text(ORDER)
        with pytest.raises(ScenarioProblems, match="the scenario is called `order`, its file `other`"):
            read_scenario(file)

    def test_a_byte_order_mark_is_no_part_of_the_text(self, tmp_path: Path) -> None:
        file = tmp_path / "order.yaml"
        file.write_bytes(b"\xef\xbb\xbf" + ORDER.encode())
        assert isinstance(read_scenario(file), Scenario)

    @pytest.mark.parametrize(
        ("content", "code"),
        [(b"", "empty"), (b"# nothing\n", "empty"), (b"scenario: \xff", "not-utf-8"), (b"[]", "bad-value")],
    )
    def test_what_is_no_scenario(self, tmp_path: Path, content: bytes, code: str) -> None:
        file = tmp_path / "order.yaml"
        file.write_bytes(content)
        with pytest.raises(ScenarioProblems) as raised:
            read_scenario(file)
        assert [problem.code for problem in raised.value.problems] == [code]

    def test_a_byte_that_is_not_utf_8_has_a_place(self, tmp_path: Path) -> None:
        file = tmp_path / "order.yaml"
        file.write_bytes("scenario: order\ntitle: é\xff".encode("latin-1"))
        with pytest.raises(ScenarioProblems, match=r"order\.yaml:2:8: error\[not-utf-8\]"):
            read_scenario(file)

    def test_a_missing_file_a_directory_and_a_name_that_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(ScenarioProblems, match="no such file"):
            read_scenario(tmp_path / "none.yaml")
        with pytest.raises(ScenarioProblems, match="directory"):
            read_scenario(tmp_path)
        with pytest.raises(ScenarioProblems, match="cannot be read"):
            read_scenario(Path("a\0b"))
