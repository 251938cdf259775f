"""The page in a real browser: it plays, goes back, breaks, links, and asks nobody for anything."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import Browser

from tests.cli.commands import durascope
from tests.render.player.browser import Visit, chromium, visit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

SHOP = """
scenario: shop
title: Two steps, each outside
workflows:
  order:
    steps:
      - {run: reserve, on: stock}
      - {run: charge, on: stripe}
services:
  stock: {title: PostgreSQL, latency: 10ms}
  stripe: {title: Stripe API, latency: 250ms}
"""
MOST_STEPS = 400
CRASH = "app after-effect charge"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("shop") / "shop.yaml"
    file.write_text(SHOP, "utf-8")
    return file


@pytest.fixture(scope="module")
def report(shop: Path) -> str:
    file = shop.with_suffix(".html")
    answer = durascope("report", str(shop), "--crash", CRASH, "--out", str(file))
    assert answer.status == 0, answer.err
    return file.as_uri()


def counted(shop: Path, *crashes: str, engine: str) -> int:
    """How many effects `durascope run` counts."""
    told = [argument for crash in crashes for argument in ("--crash", crash)]
    answer = durascope("run", str(shop), "-e", engine, "--json", *told)
    return sum(json.loads(answer.out)["engines"][engine]["effects"].values())


def shown(visited: Visit, engine: str) -> int:
    """How many effects the services of an engine's column have counted."""
    return sum(int(text.rstrip("×")) for text in visited.texts(f"[data-engine={engine}] .stage .count"))


def test_played_to_the_end_it_shows_the_effects_that_run_counts(browser: Browser, shop: Path, report: str) -> None:
    with visit(browser, report) as visited:
        visited.page.select_option(".speed select", "4")
        visited.press(" ")
        visited.page.locator(".play[aria-label=Play]").wait_for(timeout=20_000)
        for engine in ("temporal", "inngest", "restate"):
            assert shown(visited, engine) == counted(shop, CRASH, engine=engine)
            assert visited.page.locator(f"[data-engine={engine}] .badge.twice").inner_text() == "◆ 1 duplicate"


def test_stepped_back_to_the_start_it_is_the_picture_it_began_with(browser: Browser, report: str) -> None:
    with visit(browser, report) as visited:
        visited.press("1")
        forward: list[str] = []
        visited.press("Home")
        for _ in range(60):
            forward.append(visited.picture())
            visited.press("ArrowRight")
        for before in reversed(forward):
            visited.press("ArrowLeft")
            assert visited.picture() == before


def test_a_crash_here_has_the_effects_that_run_counts(browser: Browser, shop: Path, tmp_path: Path) -> None:
    calm = tmp_path / "calm.html"
    answer = durascope("report", str(shop), "-e", "restate", "--out", str(calm))
    assert answer.status == 0, answer.err
    with visit(browser, calm.as_uri()) as visited:
        visited.page.locator(".views button", has_text="map").click()
        visited.press("End")
        before = shown(visited, "restate")
        assert before == counted(shop, engine="restate")
        # To the moment after the card was charged: the second effect.
        visited.press("Home")
        for _ in range(MOST_STEPS):
            if shown(visited, "restate") == 2:
                break
            visited.press("ArrowRight")
        visited.press("c")
        assert "dies" in visited.page.locator(".narration .what").inner_text()
        visited.press("End")
        assert shown(visited, "restate") == before + 1
        assert shown(visited, "restate") == counted(shop, CRASH, engine="restate")
        # And back, by the tree.
        visited.page.locator(".forks button").first.click()
        visited.press("End")
        assert shown(visited, "restate") == before


def test_a_link_leads_to_the_same_picture(browser: Browser, report: str) -> None:
    with visit(browser, report) as visited:
        visited.press("d", "ArrowRight", "ArrowRight")
        visited.page.wait_for_timeout(600)
        link, there = visited.page.evaluate("location.hash"), visited.texts(".narration .what")
        said = visited.texts(".clock")
    with visit(browser, report + link) as visited:
        assert (visited.texts(".narration .what"), visited.texts(".clock")) == (there, said)


def test_the_keyboard_reaches_everything(browser: Browser, report: str) -> None:
    with visit(browser, report) as visited:
        reached = set[str]()
        for _ in range(60):
            visited.press("Tab")
            name = visited.page.evaluate("document.activeElement.ariaLabel || document.activeElement.innerText || ''")
            reached.add(str(name).strip().split("\n")[0])
        assert {"All", "Temporal", "Inngest", "Restate", "Scenario", "Play", "Moment", "Keys and signs"} <= reached
        visited.page.locator("h1").click()
        visited.press("?")
        visited.page.get_by_role("dialog").wait_for(state="visible", timeout=5_000)
        visited.press("Escape")
        visited.page.get_by_role("dialog").wait_for(state="hidden", timeout=5_000)


def test_what_happens_is_told_to_a_screen_reader(browser: Browser, report: str) -> None:
    with visit(browser, report) as visited:
        visited.press("d")
        visited.page.locator("[aria-live]", has_text="duplicate").first.wait_for(state="attached", timeout=5_000)


def test_pointing_at_a_duplicate_lights_up_its_cause(browser: Browser, report: str) -> None:
    with visit(browser, report) as visited:
        visited.press("End")
        visited.page.locator(".mark.duplicate path").first.hover(force=True)
        assert visited.page.locator(".lights path.lit-cause").count() >= 1
        assert visited.page.locator(".lights path.lit-effect").count() >= 1


@pytest.mark.parametrize("width", [1440, 1024, 390, 360])
def test_nothing_is_wider_than_the_screen(browser: Browser, report: str, width: int) -> None:
    with visit(browser, report, width=width, height=800, dark=width == 1024) as visited:
        visited.press("d")
        assert visited.page.evaluate("document.documentElement.scrollWidth") <= width
        assert visited.page.locator(".column").count() == (3 if width > 700 else 1)


def test_at_most_sixty_rows_are_in_the_page(browser: Browser, report: str) -> None:
    with visit(browser, report) as visited:
        visited.press("End")
        assert visited.page.locator(".rows > li").count() <= 60


def test_printed_it_is_a_page_without_controls(browser: Browser, report: str) -> None:
    with visit(browser, report, dark=True) as visited:
        visited.press("End")
        visited.page.emulate_media(media="print", color_scheme="dark")
        paper = visited.page.evaluate("getComputedStyle(document.querySelector('.column')).backgroundColor")
        assert paper == "rgb(255, 255, 255)"
        assert not visited.page.locator(".controls").is_visible()
        assert visited.page.locator(".narration").is_visible()
        for part in (".stage", ".record .list", ".tracks"):
            box = visited.page.locator(part).first.bounding_box()
            assert box is not None
            assert box["height"] > 100


def damaged(file: Path, out: Path, change: str) -> str:
    """The file with its data changed: one letter, or all that follows the first thousand."""
    text = file.read_text("utf-8")
    found = re.search(r'(<script type="text/plain" id="durascope-data">)([^<]*)', text)
    assert found is not None
    data = found[2]
    other = {
        "letter": data[:500] + ("A" if data[500] != "A" else "B") + data[501:],
        "cut": data[:1000],
        "empty": "",
        "words": "%%%",
    }
    out.write_text(text.replace(found[0], found[1] + other[change]), "utf-8")
    return out.as_uri()


@pytest.mark.parametrize("change", ["letter", "cut", "empty", "words"])
def test_damaged_data_is_said_to_be_damaged(browser: Browser, report: str, tmp_path: Path, change: str) -> None:
    place = damaged(Path(report.removeprefix("file://")), tmp_path / "damaged.html", change)
    with visit(browser, place) as visited:
        assert visited.page.get_by_role("alert").inner_text().startswith("This file's data is damaged")


HOSTILE = """
scenario: hostile
title: "</script><script>window.broken = 1</script> \\u202Eevil {longer}"
workflows:
  "<img src=x onerror='window.broken=1'>":
    steps:
      - {{run: "<b>{long}</b>", on: "</svg><script>window.broken=1</script>"}}
      - {{run: "\\u202Edrac", on: "</svg><script>window.broken=1</script>"}}
services:
  "</svg><script>window.broken=1</script>": {{title: "<script>window.broken=1</script>"}}
"""


def test_names_that_would_run_are_only_names(browser: Browser, shop: Path, tmp_path: Path) -> None:
    assert shop.exists()
    scenario, out = tmp_path / "hostile.yaml", tmp_path / "hostile.html"
    scenario.write_text(HOSTILE.format(long="x" * 190, longer="x" * 300), "utf-8")
    answer = durascope("report", str(scenario), "--out", str(out))
    assert answer.status == 0, answer.err
    for width in (1440, 390):
        with visit(browser, out.as_uri(), width=width) as visited:
            for key in ("1", "2", "3", "3"):
                visited.press(key, "End")
                for heading in ("h1", ".column h2", ".narration .what", ".stage, .drawing", ".record .rows > li"):
                    assert visited.page.locator(heading).first.is_visible(), heading
            assert visited.page.evaluate("window.broken") is None
            assert "\u202e" not in visited.page.evaluate("document.body.innerText")
            assert visited.page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_story_without_runs_says_that_nothing_happens(browser: Browser, shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "none.html"
    answer = durascope("report", str(shop), "--runs", "0", "--out", str(out))
    assert answer.status == 0, answer.err
    with visit(browser, out.as_uri()) as visited:
        visited.press(" ", "ArrowRight", "End", "c", "d")
        assert "There are no runs." in visited.page.locator("main").inner_text()
    with visit(browser, out.as_uri(), width=390) as visited:
        assert "no runs" in visited.page.locator("main").inner_text()
        assert visited.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_of_500_runs_one_chooses_the_one_that_differs(browser: Browser, shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "many.html"
    answer = durascope(
        "report", str(shop), "--runs", "500", "--rate", "20/s", "--crash", CRASH, "--budget", "1B",
        "--out", str(out),
    )  # fmt: skip
    assert answer.status == 0, answer.err
    with visit(browser, out.as_uri()) as visited:
        visited.page.locator(".choices button", has_text="of 500").click()
        assert "500 runs" in visited.page.get_by_role("dialog").inner_text()
        assert visited.page.locator(".rows .run-row").count() <= 20
        assert "◆" in visited.page.locator(".rows .run-row").first.inner_text()
        assert visited.texts(".run-head .outcome") == ["Temporal", "Inngest", "Restate"]
        assert visited.page.locator(".rows > li").count() <= 60
