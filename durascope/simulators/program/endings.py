"""How a workflow's code ends, other than by returning."""

from __future__ import annotations


class WorkflowFailure(Exception):
    """The run has failed for good: a step's failure that nobody caught, or a `fail` step."""

    def __init__(self, message: str, *, code: int = 500, step: str | None = None, retryable: bool = True) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.step = step
        """The step whose failure it is; None: the workflow's own."""
        self.retryable = retryable
        """Whether a retry policy of the workflow may start another run after it."""


class CodeBug(Exception):
    """The workflow's code has thrown something that is not a failure of the run: what the engine retries."""


class RunCancelled(Exception):
    """The run is to be cancelled: undo what was done, then end.

    `returns`: the code handles the wish itself and returns normally (a Temporal signal), instead of ending as
    cancelled.
    """

    def __init__(self, reason: str, *, returns: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.returns = returns


class Finished(Exception):
    """A `finish` step: the workflow, or the handler it stands in, ends with that result."""

    def __init__(self, result: str) -> None:
        super().__init__(result)
        self.result = result
