"""Each question has one right answer, given by the models; each grader tells solved, nearly and cheated apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pytest

from durascope.course.grading import Grade, grade
from durascope.course.lessons import Lesson, UnknownLesson, lesson, lessons
from durascope.course.questions import answer
from durascope.models.reading import parse_scenario

LESSONS = lessons()
by_number = pytest.mark.parametrize("chosen", LESSONS, ids=lambda each: f"{each.number}-{each.slug}")


@dataclass(frozen=True)
class Attempt:
    """A solution with one passage rewritten, and what the grader must say of it."""

    lesson: int
    old: str
    new: str
    says: str

    def __str__(self) -> str:
        return f"{self.lesson}: {self.new[:40] or 'removed'}"

    def graded(self) -> Grade:
        text = lesson(self.lesson).solution_text
        assert text.count(self.old), self.old
        return graded(lesson(self.lesson), text.replace(self.old, self.new))


@cache
def graded(chosen: Lesson, text: str) -> Grade:
    return grade(chosen.exercise, parse_scenario(text), chosen.grading)


NEARLY = [
    # steps of 20 s still lose too much
    Attempt(1, "repeat: 12\n        do:\n          - {run: import-rows, takes: 5s}",
            "repeat: 3\n        do:\n          - {run: import-rows, takes: 20s}", "latency max"),
    # a quote that is computed at the end of the code is still computed in every later replay
    Attempt(2, "      - {run: compute-quote, takes: 1s}\n      - {run: store-quote, takes: 50ms}",
            "      - {run: store-quote, takes: 50ms}\n      - {compute: 1s, name: compute-quote}", "latency max"),
    # the crash comes before the parcel leaves
    Attempt(3, "moment: after-effect", "moment: before-effect", "ship: exactly 2 per run; found 1"),
    # the right moment of the wrong step
    Attempt(3, "step: ship", "step: charge", "ship: exactly 2 per run; found 1"),
    # the customer's key merges the customer's orders
    Attempt(4, "stripe, idempotency_key: order_id", "stripe, idempotency_key: customer_id", "found 0 in 2 runs"),
    # amounts differ by chance
    Attempt(4, "idempotency_key: order_id", "idempotency_key: amount", "all orders are for the same amount"),
    # one of two effects is protected
    Attempt(4, "on: warehouse, idempotency_key: order_id", "on: warehouse", "reserve: exactly 1 per run; found 2"),
    # a short timeout kills long videos
    Attempt(5, "timeout: 10m, heartbeat: {timeout: 5s, every: 1s}", "timeout: 2m", "Nothing breaks"),
    # a heartbeat timeout of minutes is too slow
    Attempt(5, "heartbeat: {timeout: 5s, every: 1s}", "heartbeat: {timeout: 3m, every: 1s}", "latency max"),
    # one of milliseconds takes a pause for a death
    Attempt(5, "heartbeat: {timeout: 5s, every: 1s}", "heartbeat: {timeout: 10ms}", "`encode-video` began 2 times"),
    # the step comes after the charge: old runs are fine, the check is too late for some
    Attempt(6, "{patched: fraud-check, do: [{run: check-fraud, takes: 80ms}]}", "{run: check-fraud, takes: 80ms}",
            "completed: at least 100%; found 50.0%"),
    # the check comes when the money is gone
    Attempt(6, "before: charge", "before: pack", "none of the work was done before `charge`"),
    # paid and escalated all the same
    Attempt(7, "        then:\n          - {run: pay, on: bank}\n        on_timeout:\n          - {run: escalate",
            "      - {run: pay, on: bank}\n      - {run: escalate", "escalate: exactly 0"),
    # it gives up before the manager answers
    Attempt(7, "timeout: 14d", "timeout: 7d", "Approved on day ten"),
    # a virtual object serializes on Restate; on Temporal a second start is refused and its payment lost
    Attempt(8, "    one_at_a_time: true\n", "", "completed: at least 100%; found 50.0%"),
    # a worker with one slot serializes everybody
    Attempt(8, "sdk: python}]", "sdk: python, slots: 1}]", "latency max"),
    # a refund without a key, and one with the key of the charge
    Attempt(9, "undo: {run: refund, idempotency_key: refund_id}", "undo: refund", "refund: exactly 1 per run; found 2"),
    Attempt(9, "idempotency_key: refund_id", "idempotency_key: order_id", "refund: exactly 1 per run; found 0"),
    # cheap enough and too slow; fast enough and too dear
    Attempt(10, "at_once: 4", "at_once: 1", "latency max"),
    Attempt(10, "at_once: 4", "at_once: 8", "repeated calls cost"),
]  # fmt: skip

IMPORT = "      - repeat: 12\n        do:\n          - {run: import-rows, takes: 5s}\n"
REPORT = "      - {run: send-report, takes: 100ms}\n"
RESERVED, CHARGED = (
    "{run: reserve, on: warehouse, idempotency_key: order_id",
    "{run: charge, on: stripe, idempotency_key: order_id",
)
RELEASED, REFUNDED = "{run: release, idempotency_key: release_id}", "{run: refund, idempotency_key: refund_id}"
UNDONE = f"      - {RESERVED}, undo: {RELEASED}}}\n      - {CHARGED}, undo: {REFUNDED}}}\n"
ALWAYS_UNDONE = (
    f"      - {RESERVED}}}\n      - {CHARGED}}}\n"
    "      - {run: refund, on: stripe, idempotency_key: refund_id}\n"
    "      - {run: release, on: warehouse, idempotency_key: release_id}\n"
)
QUESTIONS = """      - for_each: 12
        at_once: 4
        do:
          - {run: ask, on: model, effect_at: 5%}
      - {run: summarize, on: model}
"""
QUESTIONS_ASIDE = """      - parallel:
          - - {sleep: 2s}
            - {run: summarize, on: model}
          - - for_each: 12
              at_once: 4
              do:
                - {run: ask, on: model, effect_at: 5%}
"""

CHEATING = [
    Attempt(1, "repeat: 12", "repeat: 2", "Do not make it smaller"),
    Attempt(1, "      - {run: send-report, takes: 100ms}\n", "", "You removed the step `send-report`"),
    Attempt(1, IMPORT, "      - {sleep: 60s}\n", "none of the work was done before `send-report`"),
    Attempt(1, f"{IMPORT}{REPORT}", f"{REPORT}{IMPORT}", "none of the work was done before `send-report`"),
    Attempt(1, "takes: 5s", "takes: 5s, effect_at: never", "none of the work was done before `send-report`"),
    Attempt(2, "      - {run: compute-quote, takes: 1s}\n", "", "Do not make it smaller"),
    Attempt(2, "{run: compute-quote, takes: 1s}", "{sleep: 1s}", "only 50 ms of the work was done before `store"),
    Attempt(2, "{run: compute-quote, takes: 1s}\n      - {run: store-quote, takes: 50ms}",
            "{run: store-quote, takes: 50ms}\n      - {run: compute-quote, takes: 1s}",
            "only 50 ms of the work was done before `store-quote`"),
    Attempt(2, "      - {run: notify-sales, takes: 50ms}\n      - {run: send-quote, takes: 50ms}\n",
            "      - {run: send-quote, takes: 50ms}\n      - {run: notify-sales, takes: 50ms}\n",
            "`send-quote` happened before `notify-sales`"),
    Attempt(2, "{run: notify-sales, takes: 50ms}", "{run: notify-sales, takes: 1ms}", "how long `notify-sales` takes"),
    Attempt(3, "      - {run: ship, on: warehouse}\n",
            "      - {run: ship, on: warehouse, fails: {times: 1, moment: after-effect}}\n", "how `ship` fails"),
    Attempt(3, "      - {run: ship, on: warehouse}\n",
            "      - {run: ship, on: warehouse}\n      - {run: ship-again, on: warehouse, effect: ship}\n",
            "You added `workflows.order.steps.ship-again`."),
    Attempt(3, "{crash: app, when: {step: ship, moment: after-effect}, down_for: 1s}",
            "{deploy: order, at: 0s, change: {append: {run: ship-again, on: warehouse, effect: ship}}}",
            "You deployed other code"),
    Attempt(3, "{crash: app, when: {step: ship, moment: after-effect}, down_for: 1s}",
            "{random: {crash: app, every: {exponential: 300ms}, down_for: 10ms}}", "With your faults"),
    Attempt(4, "idempotency_key: order_id", "check_first: 0s", "`check_first`"),
    Attempt(4, "{run: charge, on: stripe, idempotency_key: order_id}",
            "{run: charge, on: stripe, retry: {max_attempts: 1}}", "completed: at least 100%"),
    Attempt(4, "{run: charge, on: stripe, idempotency_key: order_id}", "{run: charge, on: stripe, effect_at: 10%}",
            "the effect of `charge`"),
    Attempt(4, "charge", "charge-card", "You renamed `charge` to `charge-card`"),
    Attempt(4, "  - {crash: app, when: {step: charge, moment: after-effect}, down_for: 1s}\n", "  []\n",
            "You changed the faults"),
    Attempt(4, "runs: 3", "runs: 1", "You changed the workload"),
    Attempt(5, "takes: {uniform: [60s, 300s]}", "takes: 10s", "how long `encode-video` takes"),
    Attempt(5, "  - {crash: app, when: {step: encode-video, moment: started, after: 5s}, down_for: 1s}", "  []",
            "You changed the faults"),
    Attempt(5, "heartbeat: {timeout: 5s, every: 1s}", "effect_at: 0%", "the effect of `encode-video`"),
    Attempt(5, "takes: 50ms", "takes: 50ms, timeout: 1s", "You added `workflows.encode.steps.publish.timeout`"),
    Attempt(6, "at: 5s", "at: 60s", "You changed the faults"),
    Attempt(6, "takes: 80ms", "takes: 0s", "none of the work was done before `charge`"),
    Attempt(6, "{run: check-fraud, takes: 80ms}", "{run: check-fraud, takes: 80ms, effect_at: never}",
            "The new code has been deployed before any order"),
    Attempt(7, "events:\n    - {send: expense/approved, to: 1, at: 3d}", "events: []", "You changed the workload"),
    Attempt(7, "{run: escalate, on: mail}", "{run: escalate, takes: 0s}", "`escalate` does not call `mail`"),
    Attempt(7, "          - {run: pay, on: bank}\n",
            "          - {run: ask-manager, on: mail}\n          - {run: pay, on: bank}\n",
            "ask-manager: exactly 1 per run"),
    Attempt(7, "      - {run: ask-manager, on: mail}\n", "", "You removed the step `ask-manager`"),
    Attempt(8, "kind: object, sdk: python}\n", "kind: service, sdk: python}\n    server: {concurrent_invocations: 1}\n",
            "latency max"),
    Attempt(8, "    one_at_a_time: true\n", "    id_conflict: use-existing\n",
            "You changed `workflows.pay.id_conflict`"),
    Attempt(8, "keys: [u1, u1, u2, u2, u3, u3]", "keys: [u1, u2, u3, u4, u5, u6]", "You changed the workload"),
    Attempt(8, "key: user_id", "key: payment_id", "You changed `workflows.pay.key`"),
    Attempt(9, "      - {run: ship, on: warehouse, fails: {always: true, error: OutOfStock, retryable: false}}",
            "      - {run: ship, on: warehouse}", "how `ship` fails"),
    Attempt(9, UNDONE, ALWAYS_UNDONE, "release: exactly 0 per run; found 1"),
    Attempt(9, UNDONE, ALWAYS_UNDONE, "`reserve` happened and `release` did not"),
    Attempt(9, "undo: {run: refund, ", "undo: {run: refund, on: warehouse, ", "`refund` does not call `stripe`"),
    Attempt(10, "for_each: 12", "for_each: 4", "ask: exactly 12 per run; found 4"),
    Attempt(10, "effect_at: 5%}", "effect_at: 5%, retry: {max_attempts: 1}}", "completed: at least 100%; found 0.0%"),
    Attempt(10, "at_once: 4\n        do:\n          - {run: ask, on: model, effect_at: 5%}",
            "do:\n          - {run: ask, on: model, effect_at: 5%, check_first: 1s}", "`check_first`"),
    Attempt(10, QUESTIONS, QUESTIONS_ASIDE, "of the work was done before `summarize`"),
    Attempt(10, "price: 0.02 USD", "price: 0 USD", "You changed the outside world"),
    Attempt(10, "      - {run: summarize, on: model}\n", "", "You removed the step `summarize`"),
]  # fmt: skip


def test_the_course_has_ten_lessons_in_order() -> None:
    assert [each.number for each in LESSONS] == list(range(1, 11))
    with pytest.raises(UnknownLesson, match="the lessons are 1 to 10"):
        lesson(11)


@by_number
def test_one_answer_is_right_and_a_run_refutes_each_other_one(chosen: Lesson) -> None:
    found = answer(chosen.scenario, chosen.question)
    for letter in chosen.question.letters:
        assert bool(found.counterexample(letter)) == (letter != found.right)


@by_number
def test_the_right_answer_does_not_hang_on_the_seed(chosen: Lesson) -> None:
    right = {answer(chosen.scenario, chosen.question, seed=seed).right for seed in range(4)}
    assert len(right) == 1


@by_number
def test_the_solution_passes_and_the_exercise_as_given_does_not(chosen: Lesson) -> None:
    assert graded(chosen, chosen.solution_text).passed
    assert not graded(chosen, chosen.exercise_text).passed


@by_number
def test_the_exercise_as_given_is_no_cheat(chosen: Lesson) -> None:
    assert not graded(chosen, chosen.exercise_text).cheats


@pytest.mark.parametrize("attempt", NEARLY, ids=str)
def test_what_is_nearly_right_is_told_what_still_breaks(attempt: Attempt) -> None:
    found = attempt.graded()
    assert not found.cheats
    assert any(attempt.says in str(each) for each in found.broken), list(map(str, found.broken))


@pytest.mark.parametrize("attempt", CHEATING, ids=str)
def test_cheating_is_recognised(attempt: Attempt) -> None:
    found = attempt.graded()
    assert not found.passed
    assert any(attempt.says in sentence for sentence in (*found.cheats, *found.missing, *map(str, found.broken))), found


def test_every_lesson_has_a_nearly_right_and_a_cheating_answer() -> None:
    numbers = {each.number for each in LESSONS}
    assert {each.lesson for each in NEARLY} == {each.lesson for each in CHEATING} == numbers


@by_number
def test_no_verdict_gives_the_answer_away(chosen: Lesson) -> None:
    """What is reported is what breaks; the words of the solution that the exercise does not have are not in it."""
    new = set(chosen.solution_text.split()) - set(chosen.exercise_text.split()) - set(chosen.text.split())
    words = {word for word in new if ":" in word and len(word) > 8}
    for each in graded(chosen, chosen.exercise_text).broken:
        assert not words & set(str(each).split())
