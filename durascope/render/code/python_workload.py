"""The workload as Python: when each run starts, and what goes on beside the runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import ClassVar

from durascope.render.code import python
from durascope.render.code.layout import Expression, Group, Source, call
from durascope.render.code.python_inputs import Inputs


class Workload(Inputs, ABC):
    """Writes `main`; how a run is started is the engine's."""

    client: ClassVar[str]
    """The type of what starts runs."""
    starts: dict[str, str]
    """The functions that start a run, by workflow."""

    @abstractmethod
    def connected(self, source: Source) -> AbstractContextManager[object]:
        """Writes what makes `client`; what is written inside uses it."""

    def _main(self, source: Source, events: list[str]) -> None:
        workload, runs = self.workload, self.workload.runs
        started = self.book.scenario.started
        parts: list[Expression] = []
        if len(set(started)) == 1:
            one = self._one_run(source, self.starts[started[0]])
            parts.append(f"*({one}(client, number) for number in range(1, {runs + 1}))")
        else:
            for number in range(1, runs + 1):
                name = started[min(number, len(started)) - 1]
                parts.append(self._one(str(number), self.starts[name]))
        parts += events
        if self._delayed and (workload.arrivals.poisson is not None or len(set(started)) > 1):
            source("", "", "async def later(seconds: float, run: Coroutine[Any, Any, None]) -> None:")
            source('    """Starts a run after that time."""', "    await asyncio.sleep(seconds)", "    await run")
            self.needs |= {("collections.abc", "Coroutine"), ("typing", "Any")}
        source("", "", "async def main() -> None:")
        with source.deeper(), self.connected(source):
            if workload.arrivals.poisson is not None:
                source("at = 0.0")
                source("async with asyncio.TaskGroup() as runs:")
                source(f"    for number in range(1, {runs + 1}):")
                source(f"        at += random.expovariate({workload.arrivals.poisson!r})")
                source(f"        runs.create_task(later(at, {self.starts[started[0]]}(client, number)))")
                self.needs.add(("random", ""))
                for each in events:
                    source(f"    runs.create_task({each})")
            else:
                source.statement("await ", call("asyncio.gather", *parts))
        source("", "", 'if __name__ == "__main__":', "    asyncio.run(main())")

    @property
    def _delayed(self) -> bool:
        arrivals = self.workload.arrivals
        return arrivals.poisson is not None or arrivals.every is not None or any(arrivals.at or ())

    def _one_run(self, source: Source, start: str) -> str:
        """The function that starts a run in its time."""
        arrivals = self.workload.arrivals
        if not self._delayed or arrivals.poisson is not None:
            return start
        if arrivals.every is not None:
            delay = f"{python.seconds(arrivals.every)} * (number - 1)"
        else:
            times = [python.seconds(each) for each in arrivals.at or ()]
            source("", "")
            source.statement("AT = ", Group("[", tuple(times), "]"))
            source('"""When each run starts, in seconds; the last is that of all that follow."""')
            delay = "AT[min(number, len(AT)) - 1]"
        name = self.names.new("one run")
        source("", "", f"async def {name}(client: {self.client}, number: int) -> None:")
        source(
            '    """Starts a run in its time."""',
            f"    await asyncio.sleep({delay})",
            f"    await {start}(client, number)",
        )
        return name

    def _one(self, number: str, start: str) -> Expression:
        arrivals = self.workload.arrivals
        made = f"{start}(client, {number})"
        if arrivals.every is not None:
            return call("later", f"{python.seconds(arrivals.every)} * ({number} - 1)", made)
        if arrivals.at is not None and any(arrivals.at):
            times = [python.seconds(each) for each in arrivals.at]
            return call("later", times[min(int(number), len(times)) - 1], made)
        return made
