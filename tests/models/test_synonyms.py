"""Names from other tools: a scenario written from memory of one of them is told the language's own."""

from __future__ import annotations

import pytest

from durascope.models.problems import ScenarioProblems
from durascope.models.reading import parse_scenario
from durascope.models.synonyms import synonym
from durascope.models.validation import STEP_KINDS

HEAD = "scenario: mine\nservices: {stripe: {}}\nworkflows:\n  pay:\n    steps:\n"


def told(text: str) -> str:
    with pytest.raises(ScenarioProblems) as raised:
        parse_scenario(text, "mine.yaml")
    return str(raised.value)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("activity", "run"), ("executeActivity", "run"), ("waitForEvent", "wait_for"), ("if", "choose"),
     ("map", "for_each"), ("invoke", "call"), ("emit", "send"), ("throw", "fail"), ("return", "finish"),
     ("loop", "repeat")],
)  # fmt: skip
def test_a_step_in_the_words_of_another_tool(theirs: str, ours: str) -> None:
    assert ours in STEP_KINDS
    assert f"did you mean `{ours}`?" in told(f"{HEAD}      - {theirs}: pay\n")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("compensate", "undo"), ("startToCloseTimeout", "timeout"), ("retry_policy", "retry"), ("service", "on")],
)
def test_an_option_in_the_words_of_another_tool(theirs: str, ours: str) -> None:
    assert f"did you mean `{ours}`?" in told(f"{HEAD}      - {{run: charge, {theirs}: 1s}}\n")


def test_the_rate_of_a_workload() -> None:
    assert "did you mean `arrivals`?" in told(f"{HEAD}      - run: a\nworkload: {{rate: 5/s}}\n")
    assert "did you mean `poisson`?" in told(f"{HEAD}      - run: a\nworkload: {{arrivals: {{rate: 5/s}}}}\n")


def test_a_word_for_several_known_names_says_nothing() -> None:
    assert synonym("duration", ["takes"]) == "takes"
    assert synonym("duration", ["takes", "down_for"]) is None


def test_a_name_of_ones_own_is_never_taken_for_a_synonym() -> None:
    workflow = "{key: count, input: {runs: unique, count: unique}, steps: [{run: rate}, {run: task, on: stripe}]}"
    assert parse_scenario(f"scenario: mine\nservices: {{stripe: {{}}}}\nworkflows: {{pay: {workflow}}}\n", "mine.yaml")


@pytest.mark.parametrize(("written", "meant"), [(3, 3), (0, 1), (-1, 1)])
def test_a_number_for_a_retry_policy_is_told_as_its_attempts(written: int, meant: int) -> None:
    policy = f"{{max_attempts: {meant}}}"
    assert f"write {policy}; the first attempt counts" in told(f"{HEAD}      - {{run: charge, retry: {written}}}\n")
    assert parse_scenario(f"{HEAD}      - {{run: charge, retry: {policy}}}\n", "mine.yaml"), "what is told is right"


@pytest.mark.parametrize(("written", "meant"), [("5/s", "{poisson: 5/s}"), ("200ms", "{every: 200ms}")])
def test_arrivals_without_their_form(written: str, meant: str) -> None:
    assert f"write {meant}" in told(f"{HEAD}      - run: a\nworkload: {{arrivals: {written}}}\n")


def test_the_step_at_which_a_fault_strikes_is_no_time() -> None:
    problem = told(f"{HEAD}      - run: charge\nfaults: [{{crash: app, at: charge}}]\n")
    assert "`at` is a time of the clock" in problem
    assert "when: {step: charge, moment: after-effect}" in problem


def test_a_field_of_another_part_is_told_where_it_belongs() -> None:
    text = told(f"{HEAD}      - {{run: charge, on: stripe, price: 0.05 USD}}\n")
    assert "it belongs at services.NAME.price; the fields here: `run`" in text
    text = told(HEAD.replace("stripe: {}", "stripe: {concurrency: 4}") + "      - run: charge\n")
    assert "it belongs at workflows.NAME.flow.concurrency; the fields here" in text


@pytest.mark.parametrize(
    ("written", "meant"),
    [("2/min", "{poisson: 2/m}"), ("2 per minute", "{poisson: 2/m}"), ("5/s", "{poisson: 5/s}"), ("3s", "{every: 3s}"),
     ("lots/day!", "{poisson: 5/s}")],
)  # fmt: skip
def test_arrivals_without_a_mapping_are_told_what_can_be_written(written: str, meant: str) -> None:
    begun = f"{HEAD}      - run: charge\nworkload: {{arrivals: ARRIVE}}\n"
    assert f"write {meant}" in told(begun.replace("ARRIVE", f'"{written}"'))
    parse_scenario(begun.replace("ARRIVE", meant), "mine.yaml")


@pytest.mark.parametrize(("written", "meant"), [("2/min", "2/m"), ("7 / Hour", "7/h"), ("1 per day", "1/d")])
def test_a_rate_in_other_words(written: str, meant: str) -> None:
    text = f"{HEAD}      - run: charge\nworkload: {{arrivals: {{poisson: {written}}}}}\n"
    assert f"did you mean `{meant}`?" in told(text)


@pytest.mark.parametrize("written", ["$0.05", "0.05$", "0.05"])
def test_money_in_another_form(written: str) -> None:
    text = f"{HEAD}      - run: charge\n".replace("stripe: {}", f"stripe: {{price: '{written}'}}")
    assert "did you mean `0.05 USD`?" in told(text)


def test_a_suggested_name_can_be_copied_into_a_mapping() -> None:
    """`chunk-{i}` ends a mapping in braces: what is suggested has the quotes that it needs."""
    steps = f"{HEAD}      - for_each: 3\n        do: [{{run: 'chunk-{{i}}'}}]\n"
    fault = "faults: [{crash: app, when: {step: NAME, moment: started}}]\n"
    assert 'did you mean `"chunk-{i}"`?' in told(steps + fault.replace("NAME", "'chunc-{i}'"))
    parse_scenario(steps + fault.replace("NAME", '"chunk-{i}"'), "mine.yaml")
    assert "into quotes" in told(steps + fault.replace("NAME", "chunk-{i}"))


@pytest.mark.parametrize(
    ("step", "help"),
    [
        ("{id: charge-card, on: stripe}", "say what it does, as in `run: charge-card`"),
        ("{run: charge, id: charge-card}", "a step's name follows its kind: `run: charge-card`"),
        ("{sleep: 1s, id: pause}", "did you mean `name`?"),
        ("{run: charge, fails: true}", "write {always: true}, or how many attempts fail: 2"),
        ("{call: stripe}", "`stripe` is a service, and a step uses it: write `run: NAME` with `on: stripe`"),
    ],
)
def test_a_step_with_an_id_or_that_calls_a_service(step: str, help: str) -> None:  # noqa: A002
    assert help in told(f"{HEAD}      - {step}\n")


@pytest.mark.parametrize(
    ("field", "written", "help"),
    [
        ("faults", "[{crash: app, when: after-effect charge}]", "write {moment: after-effect, step: charge}"),
        ("faults", "[{crash: app, when: after the effect of charge}]", "write {moment: after-effect, step: charge}"),
        ("faults", "[{crash: app, when: charge recorded}]", "write {moment: recorded, step: charge}"),
        ("faults", "[{crash: app, when: early}]", "write {step: NAME, moment: started}"),
        (
            "workload",
            "{events: [{send: paid, after: 3h}]}",
            "write `at: 3h`, or `when: {event: WaitStarted, after: 3h}`",
        ),
    ],
)
def test_a_moment_in_a_phrase(field: str, written: str, help: str) -> None:  # noqa: A002
    assert help in told(f"{HEAD}      - run: charge\n      - wait_for: paid\n{field}: {written}\n")


@pytest.mark.parametrize(
    ("written", "help"), [("fail", "write `[{fail: NAME}]`"), ("{fail: late}", "each item of a list begins with `- `")]
)
def test_steps_that_are_no_list(written: str, help: str) -> None:  # noqa: A002
    assert help in told(f"{HEAD}      - wait_for: paid\n        timeout: 1s\n        on_timeout: {written}\n")


def test_a_title_where_an_id_belongs_and_a_description() -> None:
    text = f"{HEAD}      - run: charge\n".replace("scenario: mine", "scenario: My first\ndescription: It pays.")
    assert "did you mean `my-first`?" in told(text)
    assert "did you mean `about`?" in told(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (f"{HEAD}      - run: charge\n".replace("stripe: {}", "stripe: {takes: 1s}"), "latency"),
        (f"{HEAD}      - run: charge\nfaults: [{{crash: app, at: 1s, for: 5s}}]\n", "down_for"),
    ],
)
def test_a_field_under_the_name_that_another_part_has_for_it(text: str, meant: str) -> None:
    assert f"did you mean `{meant}`?" in told(text)


@pytest.mark.parametrize(
    ("text", "help"),
    [
        (f"{HEAD}      - run: charge\nfaults: [{{crash: app, step: charge}}]\n", "`when: {step: …}`"),
        (f"{HEAD}      - run: charge\nexpect: {{p99: 10s}}\n", "`latency: {p99: …}`"),
        (f"{HEAD}      - run: charge\nworkload: {{every: 1h}}\n", "`arrivals: {every: …}`"),
        (f"{HEAD}      - run: charge\nfaults: [{{partition: app, for: 3s}}]\n", "did you mean `cut`?"),
        (f"{HEAD}      - run: charge\n".replace("stripe: {}", "stripe: {idempotent: true}"), "`deduplicates`"),
    ],
)
def test_a_field_of_a_part_inside(text: str, help: str) -> None:  # noqa: A002
    assert help in told(text)
