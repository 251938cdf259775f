"""A scenario's `run` steps, found by the names that they have in a trace."""

from __future__ import annotations

import re

from durascope.models.scenario import Scenario
from durascope.models.steps import Run


class StepNames:
    """The scenario's `run` steps by the names that they have in a trace (`round-{n}` is there as `round-1`, …)."""

    def __init__(self, scenario: Scenario) -> None:
        steps = [step for _, step in scenario.runs()]
        steps += [undo for step in steps if (undo := step.undo_step) is not None]
        self.vias = [step.via for step in {step.label: step for step in steps}.values()]
        self.known: dict[str, Run | None] = {step.label: step for step in steps}
        self.patterns = [
            (re.compile(re.sub(r"\\{\w+\\}", ".+", re.escape(step.label))), step) for step in steps if "{" in step.label
        ]

    def alone(self, via: str) -> bool:
        """Whether only one step calls it, so that the call tells the step."""
        return self.vias.count(via) == 1

    def named(self, name: str) -> Run | None:
        if name not in self.known:
            self.known[name] = next((step for pattern, step in self.patterns if pattern.fullmatch(name)), None)
        return self.known[name]
