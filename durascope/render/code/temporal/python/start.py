"""`app/start.py`: does what the workload says."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from durascope.render.code.layout import Source
from durascope.render.code.temporal.python.names import Named
from durascope.render.code.temporal.python.sending import Senders


def start_file(project: Named) -> str:
    """The module."""
    return _Start(project).text()


class _Start(Senders):
    @contextmanager
    def connected(self, source: Source) -> Generator[None]:
        source('client = await Client.connect(os.environ.get("TEMPORAL_ADDRESS", "localhost:7233"))')
        yield
