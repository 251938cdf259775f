"""What is in a page: the stories, and what would happen if something crashed at any moment of them."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from durascope.models.loading import load_scenario
from durascope.models.overrides import Overrides
from durascope.models.reading import parse_scenario
from durascope.models.writing import as_plain
from durascope.player.document import crashes_in, document
from durascope.player.page import compressed, size
from durascope.render.exports.jsonl import plain
from durascope.simulators.simulate import simulate
from tests.player.unpacking import events, forks, ledger, runs

ENGINES = ("temporal", "inngest", "restate")


@cache
def order() -> dict[str, Any]:
    return document(load_scenario("order-fulfillment"), ENGINES)


def test_a_scenario_with_faults_is_told_with_and_without_them() -> None:
    told = order()["stories"]
    assert [each["id"] for each in told] == ["calm", "written"]
    assert (told[1]["parent"], order()["opened"]) == ("calm", "written")
    assert told[1]["fault"].startswith("app is killed")


def test_a_scenario_without_faults_is_told_once() -> None:
    scenario = load_scenario("order-fulfillment", Overrides(("faults=[]",), (), None, None))
    told = document(scenario, ["restate"])
    assert [each["id"] for each in told["stories"]] == ["calm"]
    assert told["opened"] == "calm"
    assert forks(told, "restate")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_fork_is_what_run_with_its_phrase_does(engine: str) -> None:
    told = order()
    pack, written = told["traces"], told["stories"][1]["traces"][engine]
    story = events(pack, written)
    written_forks = [each for each in forks(told, engine) if each["story"] == "written" and each["remedy"] is None]
    for fork in [each for each in written_forks if each["what"] == "crash"][::60]:
        went = events(pack, fork["trace"])
        assert went[: fork["to"] + 1] == story[: fork["to"] + 1]
        scenario = load_scenario("order-fulfillment", Overrides((), (fork["phrase"],), None, None))
        trace = simulate(scenario, engine, full=True)
        assert went == [event._replace(detail=plain(event.detail)) for event in trace.events]


@pytest.mark.parametrize("what", ["hang", "cut", "outage"])
def test_what_does_not_die_is_a_fork_at_the_moments_of_steps(what: str) -> None:
    told = order()
    made = [each for each in forks(told, "temporal") if (each["story"], each["what"]) == ("written", what)]
    assert len(made) >= 5
    for fork in made[::12]:
        written = as_plain(load_scenario("order-fulfillment"))
        written["faults"].append({**fork["fault"], "when": {"event": fork["to"]}})
        scenario = parse_scenario(json.dumps(written))
        trace = simulate(scenario, "temporal", full=True, records=True)
        assert events(told["traces"], fork["trace"]) == [e._replace(detail=plain(e.detail)) for e in trace.events]
        assert str(fork["to"]) in fork["phrase"]


def test_after_every_event_the_engine_can_crash_for_a_short_and_a_long_time() -> None:
    for engine in ENGINES:
        told = order()
        ended = runs(told["traces"], told["stories"][1]["traces"][engine])[0]["ended_us"]
        story = events(told["traces"], told["stories"][1]["traces"][engine])
        last = max(number for number, event in enumerate(story) if event.at <= ended)
        for down in (50_000, 15_000_000):
            covered = {
                number
                for fork in forks(told, engine)
                if fork["what"] == "crash"
                and (fork["story"], fork["target"], fork["down_us"]) == ("written", "engine", down)
                for number in range(fork["from"], fork["to"] + 1)
            }
            assert covered >= set(range(last + 1)), (engine, down)


def test_one_crash_before_the_charge_charges_once_and_one_after_it_twice() -> None:
    told = order()
    story = events(told["traces"], told["stories"][0]["traces"]["restate"])
    kinds = {event.kind.value: number for number, event in enumerate(story) if event.step == "charge-payment"}

    def charges(number: int) -> int:
        [fork] = [
            each
            for each in forks(told, "restate")
            if each["what"] == "crash"
            and (each["story"], each["target"], each["down_us"], each["remedy"]) == ("calm", "app", 50_000, None)
            and each["from"] <= number <= each["to"]
        ]
        return sum(entry["step"] == "charge-payment" for _, entry in ledger(told["traces"], fork["trace"]))

    assert charges(kinds["before-effect"]) == 1
    assert charges(kinds["after-effect"]) == 2


@pytest.mark.parametrize("engine", ENGINES)
def test_with_an_idempotency_key_the_same_crash_charges_once(engine: str) -> None:
    told = order()

    def charges(fork: dict[str, Any]) -> int:
        entries = [entry for _, entry in ledger(told["traces"], fork["trace"])]
        return sum(each["step"] == "charge-payment" and not each["deduplicated"] for each in entries)

    def moment(fork: dict[str, Any]) -> tuple[object, ...]:
        return tuple(fork[name] for name in ("story", "what", "target", "from", "to", "down_us"))

    calm = [each for each in forks(told, engine) if each["story"] == "calm"]
    plain_forks = {moment(each): each for each in calm if each["remedy"] is None}
    with_remedy = [each for each in calm if each["remedy"] == "an idempotency key at Stripe API"]
    assert with_remedy
    for each in with_remedy:
        assert charges(plain_forks[moment(each)]) == 2
        assert charges(each) == 1


def test_a_second_crash_after_the_second_charge_charges_a_third_time() -> None:
    told = order()
    charges = {
        sum(entry["step"] == "charge-payment" for _, entry in ledger(told["traces"], fork["trace"]))
        for fork in forks(told, "restate")
        if fork["story"] == "written" and fork["what"] == "crash" and fork["remedy"] is None
    }
    assert charges == {1, 2, 3}  # 1: a crash before the charge, and the one that is written never comes


def test_the_document_is_the_same_every_time() -> None:
    scenario = load_scenario("order-fulfillment")
    alone, together = (document(scenario, ["inngest"], processes=number) for number in (1, 2))
    assert compressed(alone) == compressed(together)


def test_order_fulfillment_with_all_single_crashes_of_both_stories_is_small() -> None:
    assert order()["left_out"] == dict.fromkeys(ENGINES, 0)
    assert size(order()) <= 300_000


def test_what_does_not_fit_is_left_out_and_counted() -> None:
    scenario = load_scenario("order-fulfillment")
    whole = document(scenario, ["restate"])
    small = document(scenario, ["restate"], budget=size(whole) - 4_000)

    def crashes(told: dict[str, Any]) -> int:
        return crashes_in(told)["restate"]

    kept, left = crashes(small), small["left_out"]["restate"]
    assert size(small) <= size(whole) - 4_000
    assert kept + left == crashes(whole)
    assert 0 < kept < kept + left
    nothing = document(scenario, ["restate"], budget=1)
    assert forks(nothing, "restate") == []
    assert len(nothing["traces"]["traces"]["length"]) == 2


def test_the_worst_is_kept_longest() -> None:
    scenario = load_scenario("order-fulfillment")
    whole = document(scenario, ["restate"])
    small = document(scenario, ["restate"], budget=size(whole) - 4_000)

    def most(told: dict[str, Any]) -> int:
        return max(len(ledger(told["traces"], fork["trace"])) for fork in forks(told, "restate"))

    assert most(small) == most(whole)


def test_record_lines_are_in_the_events() -> None:
    trace = simulate(load_scenario("order-fulfillment"), "temporal", full=True, records=True)
    told = order()
    story = events(told["traces"], told["stories"][1]["traces"]["temporal"])
    lines = [event.detail for event in story if event.kind == "record-appended"]
    assert lines == list(trace.records["run 1"])


def test_every_lane_of_a_message_has_its_place_in_the_drawing() -> None:
    for engine in order()["engines"]:
        told = order()
        story = events(told["traces"], told["stories"][1]["traces"][engine["name"]])
        for lane in {event.lane for event in story if event.kind.startswith("message-")}:
            assert f"&quot;{lane}&quot;" in engine["architecture"] or f'"{lane}"' in engine["architecture"], lane
        assert f'id="{engine["name"]}-title"' in engine["architecture"]
        assert 'id="title"' not in engine["architecture"]


NASTY = "a</script><script>alert(1)</script>\u202e" + "x" * 250


def test_names_of_any_kind_are_told() -> None:
    text = f"""\
scenario: nasty
title: '{NASTY}'
about: '<img src=x onerror=alert(1)>'
services: {{"b<!--</script>": {{kind: api, latency: 100ms}}}}
workflows:
  w:
    steps:
      - {{run: 'charge</script>\u202d', on: "b<!--</script>"}}
"""
    told = document(parse_scenario(text), ENGINES)
    assert "\u202e" not in str(told)
    assert told["scenario"]["title"].startswith("a</script>")


def test_no_runs_are_a_story_without_events() -> None:
    scenario = load_scenario("order-fulfillment", Overrides((), (), 0, None))
    told = document(scenario, ENGINES)
    assert [forks(told, engine) for engine in ENGINES] == [[], [], []]


@pytest.mark.slow
def test_five_hundred_runs_are_all_told() -> None:
    scenario = load_scenario("payment", Overrides((), (), 500, None))
    told = document(scenario, ["restate"])
    assert len(told["traces"]["traces"]["runs"][1]) == 500
