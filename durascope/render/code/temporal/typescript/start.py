"""`src/start.ts`: does what the workload says."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from durascope.render.code.layout import Braces
from durascope.render.code.temporal.typescript.names import Named
from durascope.render.code.temporal.typescript.sending import Senders
from durascope.render.code.typescript import STEP, imports


def start_file(project: Named) -> str:
    """The module."""
    return _Start(project).text()


class _Start(Senders):
    def text(self) -> str:
        source = Braces(STEP)
        for name in self.started:
            self.input(source, self.book.workflows[name])
            self.start(source, self.book.workflows[name])
        events = self.events(source)
        self.main(source, events)
        head = "/** Starts the runs of the scenario, and sends what it sends. */"
        return f"{head}\n\n{imports(self.needs)}{source.text()}"

    @contextmanager
    def connected(self, source: Braces) -> Generator[None]:
        source('const address = process.env["TEMPORAL_ADDRESS"] ?? "localhost:7233";')
        source("const connection = await Connection.connect({ address });")
        source("const client = new Client({ connection });")
        yield
        source("await connection.close();")
