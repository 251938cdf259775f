"""What a run's code and the core share in a worker: what the code asks for, and what the core lets it know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from durascope.models.scenario import Workflow
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.program import Future, Loop
from durascope.simulators.temporal.commands import Command
from durascope.simulators.temporal.mutable_state import StartOptions

C = TypeVar("C", bound=Command)


class TaskFailure(Exception):
    """The workflow task fails, not the workflow (W11)."""


class WorkflowContext:
    """Of one run in one worker process."""

    __slots__ = (
        "_seqs", "cancel_requested", "conditions", "failure", "issued", "loop", "options", "patches", "rejections",
        "replaying", "waits", "workflow",
    )  # fmt: skip

    def __init__(self, options: StartOptions, workflow: Workflow) -> None:
        self.options = options
        self.workflow = workflow
        self.loop = Loop()
        self.replaying = False
        """The code goes through what the history tells already."""
        self.patches: set[str] = set()
        """Those that the history tells of."""
        self.cancel_requested = False
        self.issued: list[Command] = []
        """Commands of the activation under way."""
        self.conditions: list[tuple[Callable[[], bool], Future]] = []
        """What the code waits for until it holds."""
        self.waits: list[tuple[str, str, RunInfo]] = []
        """Waits without a timer that this task has begun: the step, the event, whose."""
        self.rejections = False
        """Whether there may be rejections among the commands: they leave no events."""
        self.failure: TaskFailure | None = None
        """The code has thrown something that is no failure of the run: the task fails (W11)."""
        self._seqs = {"activity": 0, "timer": 0, "child": 0, "signal": 0}

    def next_seq(self, kind: str) -> int:
        """The SDK's counters: activities and local activities share one (E5)."""
        seqs = self._seqs
        seq = seqs[kind] = seqs[kind] + 1
        return seq

    def issue(self, command: C, handle: Any = None) -> C:
        """The code asks for something; `handle` waits for it."""
        command.handle = handle
        self.issued.append(command)
        return command
