"""What mutation runs have found, kept in results/ENGINE.json: it is what the page is written from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

FOLDER: Final = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Tried:
    """One mutant: what became of it, which test noticed it, when, and what it changed."""

    outcome: str
    killed_by: str
    date: str
    change: str


@dataclass
class Sample:
    """Generic mutants of one engine."""

    seed: int
    of: int
    """Places that cosmic-ray's operators can change."""
    nothing: int
    """How many were drawn and left out, because they change nothing that runs."""
    tried: dict[str, Tried]


@dataclass
class Results:
    """Of one engine, by the mutants' names."""

    rules: dict[str, Tried] = field(default_factory=dict[str, Tried])
    sample: Sample | None = None


def read(engine: str) -> Results:
    file = FOLDER / f"{engine}.json"
    return TypeAdapter(Results).validate_json(file.read_bytes()) if file.exists() else Results()


def write(engine: str, results: Results) -> None:
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps(asdict(results), indent=1, ensure_ascii=False)
    (FOLDER / f"{engine}.json").write_text(text + "\n", "utf-8")
