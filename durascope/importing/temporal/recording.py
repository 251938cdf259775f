"""All that was recorded, together: the runs that were started from outside, their children, and every line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from durascope.importing.temporal.chains import Chain, chains, run_id_of
from durascope.importing.temporal.lines import lines
from durascope.importing.temporal.observing import Observed, What, span
from durascope.importing.temporal.reading import History
from durascope.importing.temporal.resets import reset_of

STEP_TIMEOUT: Final = 10_000_000
"""start-to-close where no activity was recorded, in microseconds."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the deployment says, so that no step has to."""

    queue: str
    step_timeout: int
    run_timeout: int = 0
    """Of this run; 0: none."""


class Recording:
    """Histories, in the order in which their runs began."""

    def __init__(self, histories: Sequence[History]) -> None:
        self.roots: Sequence[Chain] = chains(histories)
        self.began = min(each.begun for each in self.roots)
        """When the first run began: the scenario's zero."""

    @cached_property
    def chains(self) -> Sequence[Chain]:
        """Every run, children after their parents."""
        return list(dict.fromkeys(each for root in self.roots for each in root.all()))

    @cached_property
    def started(self) -> Sequence[Chain]:
        """The runs that were started from outside, without those that others were reset to."""
        return [each for each in self.roots if each.base is None]

    def latest(self, chain: Chain) -> Chain:
        """The run that it was reset to at last; itself, if it was not."""
        return next((self.latest(each) for each in reversed(self.roots) if each.base is chain), chain)

    @cached_property
    def executions(self) -> Mapping[str, Observed]:
        """Every execution, by the name that records use."""
        return dict(pair for chain in self.chains for pair in chain.named())

    @cached_property
    def records(self) -> Mapping[str, Sequence[str]]:
        """The lines of every execution."""
        return {name: lines(each.history.raw) for name, each in self.executions.items()}

    @cached_property
    def open(self) -> frozenset[str]:
        """The executions whose recording stops before their end."""
        return frozenset(name for name, each in self.executions.items() if not each.closed)

    @cached_property
    def run_ids(self) -> frozenset[str]:
        """The ids of the executions."""
        return frozenset(map(run_id_of, self.executions.values()))

    def run(self, run_id: str) -> Observed | None:
        """The execution of that id; None: it is not among the recordings."""
        return next((each for each in self.executions.values() if run_id_of(each) == run_id), None)

    def reset_from(self, chain: Chain) -> tuple[Chain, Observed] | None:
        """What the chain's last run is a reset of, and the chain that it is in."""
        reset = reset_of(chain.last)
        run = None if reset is None else self.run(reset.base_run)
        return None if run is None else (next(each for each in self.chains if run in each.executions), run)

    @cached_property
    def signalled(self) -> frozenset[str]:
        """The ids of the workflows that recorded runs send signals to."""
        return frozenset(
            str((command.asked.a.get("workflowExecution") or {}).get("workflowId"))
            for each in self.executions.values()
            for command in each.commands
            if command.what is What.SIGNAL
        )

    @cached_property
    def size(self) -> int:
        """How many events there are."""
        return sum(len(each.history.events) for each in self.executions.values())

    @cached_property
    def defaults(self) -> Defaults:
        """What most activities have in common: the queue of the first run, and start-to-close."""
        timeouts = Counter(self._timeouts())
        usual = timeouts.most_common(1)[0][0] if timeouts else STEP_TIMEOUT
        return Defaults(self.roots[0].first.queue, usual)

    def _timeouts(self) -> Iterator[int]:
        for execution in self.executions.values():
            for command in execution.commands:
                a = command.asked.a
                if command.what is What.ACTIVITY and not span(a, "scheduleToCloseTimeout"):
                    timeout = span(a, "startToCloseTimeout")
                    if timeout:
                        yield timeout

    def offset(self, execution: Observed) -> int:
        """When an execution began, in microseconds since the first one."""
        return execution.history.begun - self.began
