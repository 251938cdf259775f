"""asyncio.gather: what waits for branches that run side by side, until all of them have ended."""

from __future__ import annotations

from collections.abc import Sequence

from durascope.simulators.program.loop import Cancelled, Future, Task


class Gathered(Future):
    """Done when every branch is: a cancellation goes to each, and is raised when all of them have ended."""

    __slots__ = ("_asked_to_cancel", "_left", "_tasks")

    def __init__(self, tasks: Sequence[Task]) -> None:
        super().__init__(tasks[0].loop)
        self._tasks = tasks
        self._left = len(tasks)
        self._asked_to_cancel = False
        for task in tasks:
            task.then(self._one_done)

    def cancel(self) -> bool:
        if self.done:
            return False
        self._asked_to_cancel = True
        for task in self._tasks:
            task.cancel()
        return True

    def _one_done(self, _: Future) -> None:
        self._left -= 1
        if not self._left and self._asked_to_cancel:
            self.fail(Cancelled())
        elif not self._left:
            self.resolve()
