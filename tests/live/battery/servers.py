"""A server that does not answer is given up, and a fresh one asked: it must not end a battery."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from durascope.live.processes import LiveProblem

T = TypeVar("T")

TRIES: Final = 2
"""Every run starts a server of its own; where two of them fail in a row, the scenario counts as not run."""


def answered(run: Callable[[], T], tell: Callable[[str], None], tries: int = TRIES) -> T:
    """What came of the run. Raises the last `LiveProblem` where no server has answered."""
    for left in reversed(range(tries)):
        try:
            return run()
        except LiveProblem as problem:
            if not left:
                raise
            tell(f"  {problem}: once more, with a fresh server")
    raise AssertionError("no try was asked for")
