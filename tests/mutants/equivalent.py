"""Changes that nobody could notice: survivors of a sample that were read, each with the reason.

They stay on the page, and in the count of what was tried; only the share of what can be noticed leaves them out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import yaml

FILE: Final = Path(__file__).parent / "equivalent.yaml"


def reasons() -> dict[tuple[str, str], str]:
    """By the changed file, as in a mutant's name, and the change: why nobody could notice it."""
    entries = yaml.safe_load(FILE.read_text("utf-8"))
    return {(entry["file"], entry["change"].rstrip("\n")): entry["why"] for entry in entries}


def reason(known: dict[tuple[str, str], str], name: str, change: str) -> str | None:
    """Why nobody could notice the mutant of that name."""
    return known.get((name.split(" ", maxsplit=1)[0], change.rstrip("\n")))
