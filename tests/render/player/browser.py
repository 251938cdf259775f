"""The system's Chromium, as the tests of the player drive it; without one they are skipped."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
SECONDS_TO_OPEN = 20
DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""What a key has changed is on the screen a frame later; a busy machine takes its time for it."""


@contextmanager
def chromium() -> Generator[Browser]:
    """The browser, started; skips the test where there is none."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        except Error as error:
            pytest.skip(f"Chromium does not start here: {error.message.splitlines()[0]}")
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page that somebody looks at, and all that went wrong meanwhile."""

    page: Page
    complaints: list[str] = field(default_factory=list[str])

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def texts(self, selector: str) -> list[str]:
        return [text.strip() for text in self.page.locator(selector).all_text_contents()]

    def picture(self) -> str:
        """All that is on the screen (what is said to screen readers comes a moment later)."""
        self.page.evaluate(DRAWN)
        seen = [".narration", ".columns", ".timeline", ".controls"]
        return "\n".join(self.page.locator(each).first.inner_html() for each in seen)


@contextmanager
def visit(
    browser: Browser, place: str, *, width: int = 1440, height: int = 900, dark: bool = False
) -> Generator[Visit]:
    """Opens an address; a complaint on the console or a request to anybody fails the test."""
    scheme = "dark" if dark else "light"
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce")
    visited = Visit(page)
    page.on("console", lambda message: visited.complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: visited.complaints.append(f"error: {error}"))
    own = place.split("/", 3)[:3] if place.startswith("http") else ["file:", "", ""]
    page.on("request", lambda request: _asked(visited, request.url, "/".join(own)))
    page.goto(place)
    page.locator("html[data-ready]").wait_for(state="attached", timeout=SECONDS_TO_OPEN * 1000)
    try:
        yield visited
        assert visited.complaints == []
    finally:
        page.close()


def _asked(visited: Visit, url: str, own: str) -> None:
    if not url.startswith((own, "data:")):
        visited.complaints.append(f"asked for {url}")
