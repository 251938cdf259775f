"""The player: how big its page is, and how long a moment of a long trace takes in a browser."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from durascope.models.loading import load_scenario
from durascope.player.document import document
from durascope.player.packing import Pack, told
from durascope.player.page import html
from durascope.simulators.simulate import simulate

READY: Final = "performance.getEntriesByName('ready')[0].startTime"
ENGINES: Final = ("temporal", "inngest", "restate")
RUNS: Final = 118
"""Of order fulfillment: 50,000 events on the three engines."""
SEEKS: Final = 220
WARM_UP: Final = 20

SEEK: Final = """async place => {
  const scrubber = document.querySelector(".scrubber");
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(scrubber, String(place));
  scrubber.dispatchEvent(new Event("input", {bubbles: true}));
  await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
}"""


def figures() -> Iterator[str]:
    """One line for each figure."""
    scenario = load_scenario("order-fulfillment")
    small = document(scenario, ENGINES, budget=1)
    nothing = {
        **small,
        "engines": [{**each, "architecture": None} for each in small["engines"]],
        "traces": Pack().as_json(),
    }
    yield f"  page without traces and drawings   {len(html(nothing)) / 1000:.0f} KB (at most 60)"
    whole = document(scenario, ENGINES)
    yield f"  order fulfillment with its crashes {len(html(whole)) / 1000:.0f} KB (at most 300)"
    browser = next((path for name in ("chromium", "google-chrome", "chrome") if (path := shutil.which(name))), None)
    if browser is None:
        yield "  a moment of 50,000 events          not measured: no Chromium here"
        return
    events, times, opened, rows = _seeks(browser)
    yield (
        f"  a moment of {events:,} events          {times[len(times) // 2]:.1f} ms of processor time, "
        f"99 of 100 within {times[len(times) * 99 // 100]:.1f} ms (at most 16)"
    )
    yield f"  to open it                         {opened:.0f} ms (at most 1,000)"
    yield f"  rows in the document               {rows} (at most 60)"


def _seeks(browser: str) -> tuple[int, list[float], float, int]:
    """How many events there are; for each jump the browser's main thread's time in milliseconds, sorted; the time until
    the page can be used, in milliseconds; the most rows of records that are in the document at once."""
    from playwright.sync_api import CDPSession, sync_playwright

    scenario = load_scenario("order-fulfillment")
    long: dict[str, Any] = document(scenario, ENGINES, budget=1)
    scenario = scenario.model_copy(update={"workload": scenario.workload.model_copy(update={"runs": RUNS})})
    pack, stories = Pack(), dict[str, int]()
    events = 0
    for engine in ENGINES:
        trace = simulate(scenario, engine, full=True, records=True)
        events += len(trace.events)
        stories[engine] = pack.add(told(trace))
    long |= {
        "stories": [{"id": "long", "title": "Many runs", "parent": None, "fault": None, "traces": stories}],
        "opened": "long",
        "forks": {},
        "fork_kinds": [],
        "traces": pack.as_json(),
    }

    def spent(session: CDPSession) -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(each["value"] for each in metrics if each["name"] == "TaskDuration") * 1000

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "long.html"
        file.write_text(html(long), "utf-8")
        opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        page = opened.new_page(viewport={"width": 1440, "height": 900})
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.goto(file.as_uri())
        page.locator("html[data-ready]").wait_for(state="attached")
        opens: float = page.evaluate(READY)
        times, most = list[float](), 0
        for turn in range(SEEKS):
            before = spent(session)
            page.evaluate(SEEK, (turn * 7919) % 10_000)
            times.append(spent(session) - before)
            most = max(most, page.locator(".rows > li").count())
        opened.close()
    return events, sorted(times[WARM_UP:]), opens, most
