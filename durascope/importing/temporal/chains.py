"""Which executions belong together: those that follow each other under one id, and the children that they called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from durascope.importing.temporal.lines import word
from durascope.importing.temporal.observing import Command, Observed, What, observe
from durascope.importing.temporal.reading import History


@dataclass(eq=False, slots=True)
class Chain:
    """A run: one execution, or several that continue each other."""

    executions: list[Observed]
    children: dict[Command, Chain] = field(default_factory=dict["Command", "Chain"])
    """What its commands have started, where that is among the recordings."""
    name: str = ""
    """As records name it: `run 1`, `run 1/shipment`."""

    @property
    def first(self) -> Observed:
        return self.executions[0]

    @property
    def last(self) -> Observed:
        return self.executions[-1]

    @property
    def begun(self) -> int:
        return self.first.history.begun

    @property
    def workflow_id(self) -> str:
        return str(self.first.history.first.get("workflowId") or "")

    def named(self) -> Iterator[tuple[str, Observed]]:
        """The executions with the names that records use: `run 1`, or `run 1.1`, `run 1.2`, …"""
        for number, each in enumerate(self.executions, 1):
            yield (self.name if len(self.executions) == 1 else f"{self.name}.{number}"), each

    def all(self) -> Iterator[Chain]:
        """This one and all below it."""
        yield self
        for each in self.children.values():
            yield from each.all()


def chains(histories: Sequence[History]) -> list[Chain]:
    """The runs that were started from outside, in the order in which they began, named; their children with them."""
    by_first: dict[str, list[History]] = {}
    for number, each in enumerate(sorted(histories, key=lambda history: history.begun)):
        first = each.first.get("firstExecutionRunId") or each.first.get("originalExecutionRunId") or str(number)
        by_first.setdefault(str(first), []).append(each)
    found = [Chain([observe(each) for each in _once(several)]) for several in by_first.values()]
    roots = _adopted(found)
    for number, root in enumerate(roots, 1):
        _name(root, f"run {number}")
    return roots


def _once(histories: Sequence[History]) -> list[History]:
    """The same execution's history twice is one."""
    seen: dict[str, History] = {}
    for number, each in enumerate(histories):
        seen.setdefault(str(each.first.get("originalExecutionRunId") or number), each)
    return list(seen.values())


def _adopted(found: Sequence[Chain]) -> list[Chain]:
    """The chains that are nobody's children; the others are put where they were called."""
    by_run = {run_id_of(each): (chain, each) for chain in found for each in chain.executions}
    roots: list[Chain] = []
    for chain in found:
        a = chain.first.history.first
        parent = by_run.get(str((a.get("parentWorkflowExecution") or {}).get("runId") or ""))
        number = str(a.get("parentInitiatedEventId") or "")
        command = None
        if parent is not None and parent[0] is not chain:
            command = next((each for each in parent[1].commands if str(each.asked.id) == number), None)
        if parent is None or command is None or command.what is not What.CHILD:
            roots.append(chain)
        else:
            parent[0].children[command] = chain
    return roots


def run_id_of(observed: Observed) -> str:
    return str(observed.history.first.get("originalExecutionRunId") or "")


def _name(chain: Chain, name: str) -> None:
    chain.name = name
    uses: dict[str, int] = {}
    for execution in chain.executions:
        for command in execution.commands:
            if command.what is What.CHILD:
                count = uses.get(command.name, 0)
                uses[command.name] = count + 1
                child = chain.children.get(command)
                if child is not None:
                    _name(child, f"{name}/{command.name}{f':{count}' if count else ''}")


def retried(execution: Observed) -> bool:
    """Whether it was started by the workflow's retry policy."""
    return word(execution.history.first.get("initiator"), "CONTINUE_AS_NEW_INITIATOR_") == "retry"
