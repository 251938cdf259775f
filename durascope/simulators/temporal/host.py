"""The worker process, as the runs in its cache know it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from durascope.models.scenario import Workflow
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.temporal.app import App
from durascope.simulators.temporal.commands import LocalEnd
from durascope.simulators.temporal.local_activity import LocalActivity
from durascope.simulators.temporal.mutable_state import StartOptions
from durascope.simulators.temporal.sdks import SdkRules

LocalDone = Callable[[LocalActivity, LocalEnd], object]
"""Takes a local activity and what its marker will tell of its end."""


class Host(Protocol):
    """What a run's code and its core ask of the process."""

    @property
    def app(self) -> App:
        """What all of the app's processes have in common."""
        ...

    @property
    def rules(self) -> SdkRules:
        """What its SDK does in its own way."""
        ...

    @property
    def code(self) -> Mapping[str, Workflow]:
        """The workflows' code as it was when the process came up."""
        ...

    def step_replayed(self, run: RunInfo, name: str) -> None:
        """The code has come to a step that the replay passes."""

    def run_local_activity(self, local: LocalActivity, options: StartOptions, done: LocalDone) -> None:
        """Runs it, with its retries, and calls `done` at its end."""

    def cancel_local_activity(self, local: LocalActivity) -> None:
        """Stops it where it is: nobody is told."""

    def local_news(self, run_id: int) -> None:
        """The run's code can go on, in the task that waits for its local activities."""
