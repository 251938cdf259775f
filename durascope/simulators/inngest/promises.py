"""How a function's own code waits in TypeScript: for promises, several of them by `Promise.all` or `Promise.race`."""

from __future__ import annotations

from collections.abc import Sequence

from durascope.simulators.inngest.sdk import Variables
from durascope.simulators.program.loop import Coroutine, Future, Loop, Task, first


class Promises(Variables):
    """The code's branches are tasks on its loop; what waits in a branch knows the parallel mode of its group."""

    loop: Loop
    in_race: bool = False
    """Whether the code that is running is in a group of mode race."""

    def gather(self, branches: Sequence[Coroutine]) -> Coroutine:
        """Promise.all: the first rejection leaves at once, the others go on unheard."""
        race = self.in_race or self._mode == "race"
        return (yield from _all(self, [self.loop.task(self._within(branch, race=race)) for branch in branches]))

    def race(self, branches: Sequence[Coroutine]) -> Coroutine:
        """Promise.race, in `group.parallel` unless it is plain: the first that settles decides, the others go on.

        Raises what that one has failed with.
        """
        race = self.in_race or self._mode != "plain"
        index, tasks = yield from first(self.loop, [self._within(branch, race=race) for branch in branches])
        if tasks[index].exception is not None:
            raise tasks[index].exception
        return index

    def _within(self, branch: Coroutine, *, race: bool) -> Coroutine:
        """Runs a branch in its asynchronous context: the parallel mode of the group that it was begun in."""
        value, thrown = None, None
        while True:
            outer, self.in_race = self.in_race, race
            try:
                waited = branch.send(value) if thrown is None else branch.throw(thrown)
            except StopIteration as end:
                return end.value
            finally:
                self.in_race = outer
            try:
                value, thrown = (yield waited), None
            except Exception as error:
                value, thrown = None, error


def _all(sdk: Promises, tasks: list[Task]) -> Coroutine:
    settled = sdk.loop.future()
    left = len(tasks)

    def one_settled(task: Future) -> None:
        nonlocal left
        left -= 1
        if task.exception is not None:
            settled.fail(task.exception)
        elif not left:
            settled.resolve()

    for task in tasks:
        task.then(one_settled)
    if tasks:
        yield settled
    return [task.result for task in tasks]
