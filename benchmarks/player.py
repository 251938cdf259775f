"""The player: how long a moment of a long trace takes in a browser, and how long the trace takes to open."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.bars import Bar
from durascope.models.loading import load_scenario
from durascope.player.document import document
from durascope.player.packing import Pack, told
from durascope.player.page import html
from durascope.simulators.simulate import simulate

READY: Final = "performance.getEntriesByName('ready')[0].startTime"
ENGINES: Final = ("temporal", "inngest", "restate")
RUNS: Final = 118
"""Of order fulfillment: 50,000 events on the three engines."""
SEEKS: Final = 200
WARM_UP: Final = 20
VISITS: Final = 3
"""Of each moment: what else a machine does is seldom in the way three times."""
SEEK_MS: Final = 16

SEEK: Final = """async place => {
  const scrubber = document.querySelector(".scrubber");
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(scrubber, String(place));
  scrubber.dispatchEvent(new Event("input", {bubbles: true}));
  await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
}"""


NOTHING: Final = "async () => { await new Promise(done => requestAnimationFrame(() => setTimeout(done))); }"


def figures() -> Iterator[Bar]:
    """A bar for each figure; they want a core that does nothing else."""
    browser = next((path for name in ("chromium", "google-chrome", "chrome") if (path := shutil.which(name))), None)
    if browser is None:
        yield Bar("a moment, the processor's time", None, SEEK_MS, "ms", "no Chromium here")
        return
    found = _seeks(browser)
    more = (
        f"99 of 100 moments of {found.events:,} events, each the best of {VISITS} visits; half within {found.half:.1f}"
    )
    yield Bar("a moment, the processor's time", found.most, SEEK_MS, "ms", more)
    yield Bar("  an empty frame at the same time", found.empty, None, "ms", "what else this machine does: 99 of 100")
    yield Bar("to open it", found.opened, 1_000, "ms")
    yield Bar("rows in the document", found.rows, 60, "")


@dataclass(frozen=True, slots=True)
class _Seeks:
    """Times in milliseconds."""

    events: int
    half: float
    most: float
    """Of a hundred moments, 99 take at most so long."""
    empty: float
    opened: float
    """Until the page can be used."""
    rows: int
    """The most rows of records that are in the document at once."""


def _seeks(browser: str) -> _Seeks:
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
        for turn in range(WARM_UP):
            page.evaluate(SEEK, (turn * 7919) % 10_000)
        times, rows = [float("inf")] * SEEKS, 0
        for _ in range(VISITS):
            for turn in range(SEEKS):
                before = spent(session)
                page.evaluate(SEEK, (turn * 7919) % 10_000)
                times[turn] = min(times[turn], spent(session) - before)
                rows = max(rows, page.locator(".rows > li").count())
        empty = list[float]()
        for _ in range(SEEKS):
            before = spent(session)
            page.evaluate(NOTHING)
            empty.append(spent(session) - before)
        opened.close()
    times.sort()
    return _Seeks(events, times[SEEKS // 2], times[SEEKS * 99 // 100], sorted(empty)[SEEKS * 99 // 100], opens, rows)
