"""What a workflow's code has to do, whatever the engine and the language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from durascope.models.scenario import Workflow
from durascope.models.steps import Finish, Run, Step
from durascope.render.code.program import Operation, Told, all_steps, within


def may_be_rejected(operation: Operation) -> bool:
    """Whether its service may refuse the call: another attempt is of no use then."""
    return operation.service.rejections > 0


def uses_attempt(operation: Operation) -> bool:
    """Whether what it does depends on which attempt it is."""
    fails = operation.step.fails
    return len(operation.takes) > 1 or "attempts" in operation.results or (fails is not None and not fails.always)


def finishes_in_a_branch(workflow: Workflow) -> bool:
    """Whether a branch may end the run: that is thrown, and has to be caught."""
    return any(
        isinstance(step, Finish)
        for each in within(workflow.steps)
        if each.kind in ("parallel", "race", "for_each")
        for block in each.blocks()
        for step in within(block)
    )


def referred_to(told: Told, step: Run, scope: Mapping[str, str]) -> tuple[str, list[str]]:
    """By what an effect is found within its run: a text with loop variables, and loops' numbers behind it.

    A step that stands in a loop, or twice in the code, has an effect each time.
    """
    if step.effect is not None:
        return step.effect, []
    same = [each for each in _runs(told) if each.run == step.run]
    index = next(number for number, each in enumerate(same) if each is step)
    loops = [code for name, code in scope.items() if f"{{{name}}}" not in step.run]
    return step.run if index == 0 else f"{step.run}:{index}", loops


def _runs(told: Told) -> Iterator[Run]:
    for step in all_steps(told.workflow):
        for each in (step, getattr(step, "undo", None)):
            if isinstance(each, Run):
                yield each


def is_numbered(step: Step) -> bool:
    """Whether what it does needs to know in which round of a loop it is: its effect is one of many."""
    if not isinstance(step, Run) or step.check_first is None:
        return False
    return step.idempotency_key is None and step.effect is None
