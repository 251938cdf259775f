"""How many recordings an import reproduces line for line, for docs/import.md: `python -m tests.importing.reproduced`.

The tests hold each recording to what the `DIFFERS` tables say, so the figures follow from how many there are.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Final

from tests.importing import test_inngest, test_own_histories, test_restate, test_temporal
from tests.importing.figures import PAGE

TABLE: Final = re.compile(r"(?<=<!-- reproduced -->\n).*?(?=<!-- /reproduced -->)", re.DOTALL)


def rows() -> Iterator[tuple[str, int, int]]:
    """What is compared, how many there are of it, and how many are reproduced."""
    yield "Temporal, recorded by the real server: histories", len(test_temporal.RECORDED), len(test_temporal.RECORDED)
    families = sum(len(test_own_histories.families(name)) for name in test_own_histories.SCENARIOS)
    yield (
        "Temporal, exported: runs with their children, continuations and resets",
        families,
        families - len(test_own_histories.DIFFERS),
    )
    journals = len(test_restate.SCENARIOS)
    yield "Restate, exported: scenarios with all their journals", journals, journals - len(test_restate.DIFFERS)
    traces = sum(len(test_inngest.exported(name)) for name in test_inngest.SCENARIOS)
    yield (
        "Inngest, exported: run traces (steps, attempts, ends; not the requests)",
        traces,
        traces - len(test_inngest.DIFFERS),
    )


def table() -> str:
    """The rows as the page has them."""
    lines = ["| recordings | compared | reproduced line for line |", "|---|---|---|"]
    lines += [f"| {what} | {count} | {good} ({good / count:.1%}) |" for what, count, good in rows()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(TABLE.sub(lambda _: table(), PAGE.read_text("utf-8")), "utf-8")
    sys.stdout.write(table())
