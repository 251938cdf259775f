"""(e) Command lines over any scenario: each ends with a status that is documented, and with words that do nothing."""

from __future__ import annotations

import contextlib
import io
import os
import random
import tempfile
from pathlib import Path
from typing import Any, Final

from durascope.cli.app import main
from durascope.models.engine import names
from tests.fuzz.inputs import text_of

COMMANDS: Final = (
    ("run",), ("run", "--json"), ("compare", "--runs", "3"), ("compare", "--runs", "2", "--json"), ("diagram",),
    ("diagram", "--format", "mermaid"), ("diagram", "--format", "d2"), ("diagram", "--format", "dot"), ("check",),
    ("check", "--json"), ("show",), ("show", "--json"), ("export", "-f", "csv"), ("export", "-f", "jsonl"),
    ("export", "-f", "otlp"), ("export", "-f", "markdown"), ("report",), ("export", "-f", "nothing"),
)  # fmt: skip
OPTIONS: Final = (
    ("--seed", "7"), ("--seed", "-1"), ("--runs", "3"), ("--runs", "0"), ("--rate", "5/s"), ("--rate", "fast"),
    ("--set", "workload.runs=2"), ("--set", "workflows.main.steps=[]"), ("--set", "=\u202e"), ("--crash", "app at 1s"),
    ("--crash", "engine after-effect a"), ("--crash", "\x1b[31m"), ("--json",), ("--nothing",), ("--records",),
)  # fmt: skip


def a_command_ends_in_words(tree: Any, draw: random.Random) -> str | None:
    """Exit status 0, 1 or 2, no traceback, and no character that acts on a terminal."""
    given = list(draw.choice(COMMANDS))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "s.yaml"
        file.write_text(text_of(tree), "utf-8")
        line = [given[0], str(file), *given[1:]]
        if draw.random() < 0.7 and given[0] not in ("check", "show"):
            line += ["-e", draw.choice(names())]
        if given[0] in ("diagram", "report"):
            line += ["--out", folder]
        for option in draw.sample(OPTIONS, draw.choice([0, 1, 1, 2])):
            line += option
        status, said = _said(line, draw.choice(["60", "80", "0", "250"]))
    told = " ".join(line[2:])
    if status not in (0, 1, 2):
        return f"{line[0]} {told}: exit status {status}: {said[-200:]}"
    if "Traceback" in said:
        return f"{line[0]} {told}: {said[-300:]}"
    acting = [each for each in said if each not in "\n\t" and not each.isprintable() and each not in "\xa0\u3000"]
    return f"{line[0]} {told}: prints {acting[:5]}" if acting else None


def _said(line: list[str], columns: str) -> tuple[int, str]:
    """The exit status, and everything that was printed."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    os.environ["COLUMNS"] = columns
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        status = main(line)
    out.flush()
    return status, out.buffer.getvalue().decode("utf-8")  # pyright: ignore[reportAttributeAccessIssue]
