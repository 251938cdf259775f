"""`tests/test_handlers.py`: a server of the test's own, the endpoint, one start."""

from __future__ import annotations

from durascope.render.code.layout import Source, call
from durascope.render.code.names import quoted
from durascope.render.code.project import filled
from durascope.render.code.python import STEP
from durascope.render.code.restate.python.names import Named
from durascope.render.code.restate.python.sending import Senders


def test_file(project: Named) -> str:
    """A server of the test's own, the endpoint, one start."""
    name = project.scenario.started[0]
    told = project.book.workflows[name]
    starter = Senders(project)
    target = project.targets.of(name)
    start = Source(STEP)
    start.depth = 2
    start.statement(
        "invocation = await ",
        call("client.start", quoted("test"), starter.path(target, starter.key(told, "1")), "given"),
    )
    return filled(
        "restate_python_test.py.jinja",
        input=starter.inputs[name],
        start=start.text().rstrip("\n"),
        quote=("urllib.parse", "quote") in starter.needs,
    )
