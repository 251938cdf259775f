"""Rule mutants: each breaks one rule of docs/engines by one change, found by its code and not by its line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from tests.mutants.trial import ROOT

ENGINES: Final = ("temporal", "restate", "inngest")
FOLDER: Final = Path(__file__).parent / "rules"


@dataclass(frozen=True)
class RuleMutant:
    """A rule of an engine, and the change that breaks it."""

    engine: str
    rule: str
    """As docs/engines calls it: `W4`, `§9`."""
    broken: str
    """What the broken model does."""
    file: str
    code: str
    becomes: str

    @property
    def name(self) -> str:
        return f"{self.rule} {self.broken}"

    @property
    def path(self) -> str:
        return f"durascope/{self.file}" if "/" in self.file else f"durascope/simulators/{self.engine}/{self.file}"

    @property
    def change(self) -> str:
        return f"{self.file}: {self.code!r} -> {self.becomes!r}"

    def source(self) -> str:
        """The broken file. Raises ValueError where the code is not there, or more than once."""
        text = (ROOT / self.path).read_text("utf-8")
        if text.count(self.code) != 1:
            raise ValueError(f"{self.name}: {text.count(self.code)} places in {self.path} have\n{self.code}")
        return text.replace(self.code, self.becomes)


def rule_mutants(engine: str) -> list[RuleMutant]:
    entries = yaml.safe_load((FOLDER / f"{engine}.yaml").read_text("utf-8"))
    return [RuleMutant(engine=engine, **entry) for entry in entries]
