"""What came of a battery, in numbers: how many agree, in which interval the true share lies, kinds of differences."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

AGREES: Final = "agrees"
CHANCE: Final = "agrees as the model goes with other random draws"
COUNTS: Final = Path(__file__).parent.parent.parent / "conformance" / "agreement.json"
"""The batteries that docs/fidelity.md tells of."""


@dataclass
class Counts:
    """What came of one battery."""

    engine: str
    sdk: str
    seed: int
    on: str
    server: str = ""
    with_sdk: str = ""
    agree: int = 0
    by_chance: int = 0
    """Of those that agree: as the model goes with other random draws of the engine's."""
    differ: int = 0
    not_run: int = 0
    kinds: dict[str, int] = field(default_factory=dict[str, int])

    def add(self, kind: str) -> None:
        self.agree += kind in (AGREES, CHANCE)
        self.by_chance += kind == CHANCE
        if kind not in (AGREES, CHANCE):
            self.differ += 1
            self.kinds[kind] = self.kinds.get(kind, 0) + 1

    @property
    def verified(self) -> int:
        return self.agree + self.differ

    def share(self) -> tuple[float, float, float]:
        """The share that agrees, and its 95 % interval (Wilson)."""
        return wilson(self.agree, self.verified)

    def __str__(self) -> str:
        share, low, high = self.share()
        lines = [
            f"{self.engine} ({self.sdk}, seed {self.seed}): {self.agree} of {self.verified} agree,"
            f" {share:.0%} ({low:.0%} to {high:.0%}); {self.by_chance} of them with other random draws;"
            f" {self.not_run} could not be run"
        ]
        return "\n".join(lines + [f"  {count:>3}  {kind}" for kind, count in Counter(self.kinds).most_common()])


def wilson(good: int, of: int, z: float = 1.96) -> tuple[float, float, float]:
    """A share, and the interval in which it lies in 95 of 100 such samples."""
    if not of:
        return 0.0, 0.0, 1.0
    share = good / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return share, max(0.0, middle - half), min(1.0, middle + half)


def note(counts: Counts, file: Path = COUNTS) -> None:
    """Puts the counts beside the others; in place of those of the same engine, SDK and seed."""
    kept: list[dict[str, object]] = json.loads(file.read_text("utf-8")) if file.exists() else []
    same = counts.engine, counts.sdk, counts.seed
    others = [each for each in kept if (each["engine"], each["sdk"], each["seed"]) != same]
    rows = sorted([*others, asdict(counts)], key=lambda each: (str(each["engine"]), str(each["sdk"]), str(each["on"])))
    file.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", "utf-8")
