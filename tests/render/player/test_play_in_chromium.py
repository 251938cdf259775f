"""`durascope play` in a real browser: any fault at any moment, an edited scenario, and nothing is written."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import Browser

from tests.cli.commands import durascope
from tests.render.player.browser import chromium, visit
from tests.render.player.test_in_chromium import SHOP, shown

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where `durascope play` of the shop answers; afterwards nothing but the scenario may be in its folder."""
    (tmp_path / "shop.yaml").write_text(SHOP, "utf-8")
    command = [sys.executable, "-m", "durascope", "play", "shop.yaml", "-e", "restate", "-e", "temporal"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()
    assert [each.name for each in tmp_path.iterdir()] == ["shop.yaml"]


def effects(*options: str, engine: str, folder: Path) -> int:
    answer = durascope("run", str(folder / "shop.yaml"), "-e", engine, "--json", *options)
    return sum(json.loads(answer.out)["engines"][engine]["effects"].values())


def test_a_crash_and_a_second_one_are_what_run_counts(browser: Browser, address: str, tmp_path: Path) -> None:
    with visit(browser, address) as visited:
        here = visited.page.locator("[data-engine=restate]")
        crashes: list[str] = []
        for wanted in (2, 3):
            for _ in range(400):
                if shown(visited, "restate") == wanted and "has done charge" in visited.texts(".narration .what")[0]:
                    break
                visited.press("ArrowRight")
            number = visited.page.locator(".narration .where .dim").inner_text().removeprefix("event ")
            crashes += ["--crash", f"app after event {number}"]
            here.get_by_role("button", name="Crash here").click()
            visited.page.locator(".forks button").nth(len(crashes) // 2).wait_for(timeout=20_000)
            visited.press("End")
            assert shown(visited, "restate") == effects(*crashes, engine="restate", folder=tmp_path)
            visited.press("Home")
            if wanted == 2:
                for _ in range(400):
                    visited.press("ArrowRight")
                    if "a second time" in visited.texts(".narration .what")[0]:
                        break


def test_the_network_and_a_service_can_be_broken_for_as_long_as_one_likes(browser: Browser, address: str) -> None:
    with visit(browser, address) as visited:
        here = visited.page.locator("[data-engine=temporal]")
        for name, told in (("Hang the app", "hangs"), ("Cut off the app", "reach"), ("Take down stripe", "is down")):
            visited.press("Home", *["ArrowRight"] * 30)
            here.get_by_role("button", name="What to break").click()
            here.get_by_label("for").select_option("15000000")
            here.get_by_role("button", name=name).click()
            visited.page.get_by_text("The model has been run again.").wait_for(timeout=20_000)
            assert told in visited.page.locator(".forks [aria-current=true]").inner_text()
            assert "15 s" in visited.page.locator(".forks [aria-current=true]").inner_text()
            visited.page.locator(".forks button").first.click()


def test_an_edited_scenario_is_checked_while_one_types_and_run_anew(browser: Browser, address: str) -> None:
    with visit(browser, address) as visited:
        visited.page.get_by_role("button", name="Edit", exact=True).click()
        text, problems = visited.page.locator("textarea.yaml"), visited.page.locator(".problems")
        written = text.input_value()
        text.fill(written.replace("run: charge", "rum: charge"))
        problems.get_by_text("did you mean", exact=False).first.wait_for(timeout=20_000)
        assert visited.page.get_by_role("button", name="Run the models").is_disabled()
        text.fill(written.replace("run: charge", "run: bill-the-card"))
        visited.page.locator("button.run-anew:enabled").wait_for(timeout=20_000)
        assert problems.locator(".error").count() == 0
        visited.page.get_by_role("button", name="Run the models").click()
        visited.page.get_by_text("The model has been run again.").wait_for(timeout=20_000)
        visited.press("End")
        assert "bill-the-card" in str(visited.page.locator(".tracks").text_content())
        assert shown(visited, "restate") == 2
