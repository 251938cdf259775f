"""The crash map says what the exploration found; CI's formats say the same."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from durascope.experiments.exploration.explore import explore
from durascope.models.engine import title_of
from durascope.models.loading import load_scenario
from durascope.render.canvas import Box, Text
from durascope.render.crash_map import LOOKS, crash_map
from durascope.render.exploration_ci import junit
from tests.cli.commands import durascope

ENGINES = ("temporal", "inngest", "restate")


@pytest.fixture(scope="module")
def orders() -> dict[str, Any]:
    return explore(load_scenario("order-fulfillment"), ENGINES, between=False, processes=1).as_json()


def test_the_title_is_the_finding(orders: dict[str, Any]) -> None:
    assert crash_map(orders, title_of).title == "A crash can repeat each of 5 steps on all three engines"


def test_the_strips_have_the_colours_of_what_was_found(orders: dict[str, Any]) -> None:
    fills = {mark.fill for mark in crash_map(orders, title_of).canvas.marks if isinstance(mark, Box)}
    found = {cell["leads_to"] for each in orders["engines"].values() for cell in each["strip"]}
    assert found == {"delay", "duplicate", "nothing"}
    assert {LOOKS[each].paint.fill for each in found} <= fills


def test_findings_are_numbered_as_on_the_page(orders: dict[str, Any]) -> None:
    page = durascope("explore", "order-fulfillment", "--moments", "--processes", "1").out
    numbers = re.findall(r"^(\d)\. ", page, re.MULTILINE)
    shown = [t.text for t in crash_map(orders, title_of).canvas.texts if t.text.isdigit() and t.bold]
    assert sorted(shown) == sorted(numbers)


@pytest.mark.parametrize("name", ["onboarding", "agent"])
def test_nothing_overlaps_and_everything_is_legible(name: str) -> None:
    data = explore(load_scenario(name), ["restate"], between=False, processes=1).as_json()
    picture = crash_map(data, title_of)
    assert picture.width == 880
    texts = picture.canvas.texts
    assert min(text.size for text in texts) >= 12
    rows: dict[float, list[Text]] = {}
    for text in texts:
        rows.setdefault(text.y, []).append(text)
    for row in rows.values():
        placed = sorted(row, key=lambda text: text.left)
        for left, right in pairwise(placed):
            assert left.left + left.width <= right.left + 0.5, (left.text, right.text)


class TestForCI:
    def test_junit_has_a_case_for_each_promise(self, orders: dict[str, Any]) -> None:
        root = ElementTree.fromstring(junit(orders))
        assert [suite.get("name") for suite in root] == [f"order-fulfillment on {engine}" for engine in ENGINES]
        for suite in root:
            failed = [case for case in suite if case.find("failure") is not None]
            assert [case.get("name") for case in failed] == ["the scenario's expectations hold"]
            assert suite.get("failures") == str(len(failed))
            assert "durascope run" in (failed[0].findtext("failure") or "")

    def test_sarif_points_to_the_step(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.yaml"
        file.write_text(
            "scenario: mine\nworkflows:\n  w:\n    steps:\n      - run: first\n      - run: second\n", "utf-8"
        )
        answer = durascope("explore", str(file), "-e", "restate", "--moments", "--format", "sarif")
        run = json.loads(answer.out)["runs"][0]
        assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} >= {r["ruleId"] for r in run["results"]}
        lines = {
            r["partialFingerprints"]["durascope/v1"]: r["locations"][0]["physicalLocation"]["region"]["startLine"]
            for r in run["results"]
        }
        assert lines["restate/duplicate/first"] == 5
        assert lines["restate/duplicate/second"] == 6

    def test_what_xml_cannot_hold_is_replaced(self, orders: dict[str, Any]) -> None:
        ElementTree.fromstring(junit({**orders, "scenario": "a\x00b<&\ud800"}))


def test_the_map_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    for suffix in ("svg", "png", "pdf"):
        file = tmp_path / f"map.{suffix}"
        answer = durascope("explore", "order-fulfillment", "-e", "restate", "--moments", "--map", str(file))
        assert file.stat().st_size > 1_000, answer.err
    answer = durascope("explore", "order-fulfillment", "-e", "restate", "--moments", "--map", str(tmp_path / "map.doc"))
    assert answer.status == 2
    assert "svg" in answer.err
