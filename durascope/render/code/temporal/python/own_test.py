"""`tests/test_workflows.py`: a dev server of the test's own, the workers, one start; then the history replayed."""

from __future__ import annotations

from durascope.render.code.names import python_names, quoted
from durascope.render.code.project import filled
from durascope.render.code.temporal.facts import is_entity
from durascope.render.code.temporal.python.names import REQUEST, Named
from durascope.render.code.temporal.queues import workflow_queue


def test_file(project: Named) -> str:
    """`tests/test_workflows.py`: a dev server of the test's own, the workers, one start; then the history replayed."""
    name = project.scenario.started[0]
    told = project.book.workflows[name]
    entity = is_entity(told.workflow)
    names = python_names("client", "number", "main", "start", "asyncio", "os", "messages", "workflows")
    function = {each: names.new(f"{each} input") for each in dict.fromkeys(project.scenario.started)}[name]
    return filled(
        "temporal_python_test.py.jinja",
        workflow=project.classes[name],
        queue=quoted(workflow_queue(project.deployment, name)),
        input=function,
        entity=entity,
        request=quoted(REQUEST),
    )
