"""`src/start.ts`: does what the workload says."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from durascope.render.code.layout import Braces
from durascope.render.code.temporal.typescript.names import Named
from durascope.render.code.temporal.typescript.sending import Senders


def start_file(project: Named) -> str:
    """The module."""
    return _Start(project).text()


class _Start(Senders):
    @contextmanager
    def connected(self, source: Braces) -> Generator[None]:
        source('const address = process.env["TEMPORAL_ADDRESS"] ?? "localhost:7233";')
        source("const connection = await Connection.connect({ address });")
        source("const client = new Client({ connection });")
        yield
        source("await connection.close();")
