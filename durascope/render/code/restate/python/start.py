"""`app/start.py`: does what the workload says."""

from __future__ import annotations

from durascope.render.code import python
from durascope.render.code.layout import Source
from durascope.render.code.restate.python.names import Named
from durascope.render.code.restate.python.sending import Senders


def start_file(project: Named) -> str:
    """The module."""
    return _Start(project).text()


class _Start(Senders):
    def text(self) -> str:
        source = Source(python.STEP)
        for name in self.started:
            self._input(source, self.book.workflows[name])
            self._start(source, self.book.workflows[name])
        events = self._events(source)
        self._main(source, events)
        head = ['"""Starts the runs of the scenario, and sends what it sends."""', "", *python.imports(self.needs)]
        return "\n".join(head) + "\n" + source.text()
