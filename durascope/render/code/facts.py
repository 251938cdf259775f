"""What a workflow's code has to do, whatever the engine and the language."""

from __future__ import annotations

from durascope.models.scenario import Workflow
from durascope.models.steps import Finish
from durascope.render.code.program import Operation, within


def may_be_rejected(it: Operation) -> bool:
    """Whether its service may refuse the call: another attempt is of no use then."""
    return it.service.rejections > 0


def finishes_in_a_branch(workflow: Workflow) -> bool:
    """Whether a branch may end the run: that is thrown, and has to be caught."""
    return any(
        isinstance(step, Finish)
        for each in within(workflow.steps)
        if each.kind in ("parallel", "race", "for_each")
        for block in each.blocks()
        for step in within(block)
    )
