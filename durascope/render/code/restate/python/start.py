"""`app/start.py`: does what the workload says."""

from __future__ import annotations

from durascope.render.code.restate.python.names import Named
from durascope.render.code.restate.python.sending import Senders


def start_file(project: Named) -> str:
    """The module."""
    return Senders(project).text()
