"""What everybody in a simulation knows about a run: its name, its workflow, its key and its input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from durascope.models.trace import Kind


@dataclass(frozen=True, slots=True, eq=False)
class RunInfo:
    """The identity of one run of a workflow.

    >>> run = RunInfo("run 1", "order", 1, "42", {"order_id": "42"}, "run 1")
    >>> run.plain()["input"]
    {'order_id': '42'}
    >>> RunInfo.from_plain(run.plain()).key
    '42'
    """

    name: str
    """As records name it: `run 1`, `run 1/shipment`, `mail run 2`, …"""
    workflow: str
    number: int
    """The number of the start that it goes back to, from 1; events and faults address runs by it. 0: none."""
    key: str | None
    input: Mapping[str, object]
    luck: str
    """Its address for luck: the same on every engine, so that all get the same latencies and failures. What another
    run has called or started has that one's address and the step's (`run 1/ship`)."""
    parent: str | None = None
    """The run that has called or started it; None: it was started from outside."""

    def plain(self) -> dict[str, Any]:
        """What another process, or a file, is told of the run: all but its parent."""
        return {
            "run": self.name,
            "workflow": self.workflow,
            "number": self.number,
            "key": self.key,
            "input": dict(self.input),
            "luck": self.luck,
        }

    @classmethod
    def from_plain(cls, told: Mapping[str, Any]) -> RunInfo:
        """The run that was told of."""
        return cls(told["run"], told["workflow"], told["number"], told["key"], told["input"], told["luck"])


Moment = tuple[Kind | None, str, RunInfo]
"""What happens to a step of that name in its first attempt; without a kind, the mark of that name. Whose it is."""
