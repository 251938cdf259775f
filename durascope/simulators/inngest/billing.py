"""Billing and limits: what a load costs on Inngest, counted while it runs (inngest.md §14, §15)."""

from __future__ import annotations

from typing import Final

from durascope.simulators.inngest.protocol import (
    INVOKE_FUNCTION,
    SLEEP,
    STEP_FAILED,
    STEP_RUN,
    WAIT_FOR_EVENT,
    Answer,
    Request,
)
from durascope.simulators.inngest.settings import NUMBERS
from durascope.simulators.inngest.state import RunState

_STEPS: Final = frozenset((STEP_RUN, STEP_FAILED, SLEEP, WAIT_FOR_EVENT, INVOKE_FUNCTION))


class Meter:
    """Counts over all runs.

    An *execution* is one function run or one step: five steps make six executions. Whether a failed attempt is billed
    is not known: they are counted apart, as `failed_attempts`.
    """

    def __init__(self, step_limit: int) -> None:
        self._step_limit = step_limit
        self.runs = 0
        self.steps = 0
        self.failed_attempts = 0
        self.events = 0
        self.requests = 0
        self.bytes_sent = 0
        self.largest_request = 0
        self.fetches = 0
        self.checkpoints = 0
        self.most_steps = 0
        self.largest_state = 0
        self.largest_output = 0

    def run(self, state: RunState) -> None:
        self.runs += 1
        for event in state.events:
            state.event_size += event.size()

    def request(self, request: Request) -> None:
        self.requests += 1
        size = request.size
        self.bytes_sent += size
        if size > self.largest_request:
            self.largest_request = size
        self.fetches += request.use_api

    def answer(self, answer: Answer) -> None:
        """Steps that an answer brings; planned ones are counted when they have run."""
        for op in answer.ops:
            if op.code in _STEPS:
                self.steps += 1
                if op.memo is not None:
                    self.largest_output = max(self.largest_output, op.memo.size)
            elif op.code == "StepError":
                self.failed_attempts += 1
        if answer.status >= 400:
            self.failed_attempts += 1

    def ended(self, state: RunState) -> None:
        self.most_steps = max(self.most_steps, len(state.stack))
        self.largest_state = max(self.largest_state, state.size)

    def counters(self) -> dict[str, float]:
        """Named as reports show them; shares of limits are between 0 and 1 (above: the limit was hit)."""
        runs = max(self.runs, 1)
        return {
            "executions": self.runs + self.steps,
            "failed_attempts": self.failed_attempts,
            "events": self.events,
            "runs": self.runs,
            "steps": self.steps,
            "requests": self.requests,
            "requests_per_run": self.requests / runs,
            "request_bytes": self.bytes_sent,
            "request_bytes_per_run": self.bytes_sent / runs,
            "largest_request_bytes": self.largest_request,
            "state_fetches": self.fetches,
            "checkpoints": self.checkpoints,
            "largest_state_bytes": self.largest_state,
            "limit_steps": self.most_steps / self._step_limit,
            "limit_step_output": self.largest_output / NUMBERS.step_output,
            "limit_request_body": self.largest_request / NUMBERS.request_body,
            "limit_run_state": self.largest_state / NUMBERS.run_state,
        }
