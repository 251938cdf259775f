"""The player inside of other pages: a lesson that leads it to a counterexample, and a notebook's page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from nbformat.v4 import new_code_cell, new_notebook, new_output
from playwright.sync_api import Browser, FrameLocator, Page

import durascope as library
from durascope.course.lessons import lesson
from durascope.course.questions import answer
from tests.cli.commands import durascope
from tests.render.player.browser import chromium

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened, complaints = (
        browser.new_page(viewport={"width": 1200, "height": 1000}, reduced_motion="reduce"),
        list[str](),
    )
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda sent: None if sent.url.startswith(("file:", "data:")) else complaints.append(sent.url))
    yield opened
    opened.close()
    assert complaints == []


def ready(page: Page, frame: str) -> FrameLocator:
    inside = page.frame_locator(frame)
    inside.locator("html[data-ready]").wait_for(state="attached", timeout=20_000)
    return inside


@pytest.mark.parametrize("number", [3, 5, 8])
def test_a_wrong_answer_leads_the_player_to_what_refutes_it(page: Page, tmp_path: Path, number: int) -> None:
    file = tmp_path / "lesson.html"
    assert durascope("learn", str(number), "--page", str(file)).status == 0
    chosen = lesson(number)
    found = answer(chosen.scenario, chosen.question)
    wrong = next(letter for letter in chosen.question.letters if letter != found.right)
    engine = found.counterexample(wrong)[0]
    event = found.moment(engine)
    assert event is not None
    page.goto(file.as_uri())
    assert page.locator("#played").is_hidden()
    page.locator(f"input[value={wrong}]").check()
    inside = ready(page, "#player")
    inside.locator(".narration .where", has_text=f"event {event}").wait_for(timeout=10_000)
    assert engine.title() in inside.locator(".narration .where").inner_text()
    page.locator(f"input[value={found.right}]").check()
    inside.locator(".narration", has_text="Nothing has happened yet").wait_for(timeout=10_000)


def test_a_result_in_a_notebook_is_a_player_that_plays(page: Page, tmp_path: Path) -> None:
    """A notebook puts a result's HTML into its page in this way."""
    file = tmp_path / "notebook.html"
    file.write_text("<!doctype html><meta charset=utf-8><title>Notebook</title><div id=output></div>", "utf-8")
    page.goto(file.as_uri())
    shown = library.run("order-fulfillment", ["restate"])._repr_mimebundle_()
    page.evaluate("html => { document.getElementById('output').innerHTML = html; }", shown["text/html"])
    inside = ready(page, "iframe")
    inside.locator("button.play").click()
    inside.locator(".speed select").select_option("4")
    inside.locator(".badge.twice", has_text="1 duplicate").wait_for(timeout=30_000)


def test_a_notebook_as_a_web_page_has_its_players(browser: Browser, tmp_path: Path) -> None:
    """What nbconvert makes of it; its own scripts come from the network, which this page does not get."""
    nbconvert = pytest.importorskip("nbconvert", reason="nbconvert is not installed")
    shown = library.run("order-fulfillment", ["restate"])._repr_mimebundle_()
    notebook = new_notebook(cells=[new_code_cell("result", outputs=[new_output("execute_result", shown)])])
    file = tmp_path / "notebook.html"
    file.write_text(nbconvert.HTMLExporter().from_notebook_node(notebook)[0], "utf-8")
    opened = browser.new_page(reduced_motion="reduce")
    opened.route(re.compile("^https?:"), lambda route: route.abort())
    opened.goto(file.as_uri())
    inside = ready(opened, "iframe")
    inside.locator("button.jump.duplicate").click()
    inside.locator(".narration", has_text="a second time: a duplicate").wait_for(timeout=10_000)
    box = opened.locator("iframe").bounding_box()
    assert box is not None
    assert box["height"] >= 400
    opened.close()
