"""Which executions belong together: those that follow each other under one id, and the children that they called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from durascope.importing.temporal.entities import by_request, is_entity, requests
from durascope.importing.temporal.lines import word
from durascope.importing.temporal.observing import CAUSE, Command, Observed, What, observe
from durascope.importing.temporal.reading import Event, History
from durascope.importing.temporal.resets import reset_of


@dataclass(eq=False, slots=True)
class Chain:
    """A run: one execution, or several that continue each other."""

    executions: list[Observed]
    children: dict[Command, Chain] = field(default_factory=dict["Command", "Chain"])
    """What its commands have started, where that is among the recordings."""
    parent: Chain | None = None
    base: Chain | None = None
    """The run that it is a reset of, which had ended."""
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
    def came(self) -> int:
        """When it came to be."""
        reset = reset_of(self.first)
        return self.begun + (0 if reset is None else reset.at)

    @property
    def workflow_id(self) -> str:
        return str(self.first.history.first.get("workflowId") or "")

    @property
    def code(self) -> list[Observed]:
        """Its executions, without those that were reset: what they did is in the next one's history."""
        following = [*self.executions[1:], None]
        pairs = zip(self.executions, following, strict=True)
        return [each for each, after in pairs if after is None or reset_of(after) is None]

    def named(self) -> Iterator[tuple[str, Observed]]:
        """The executions with the names that records use: `run 1`, or `run 1.1`, `run 1.2`, …"""
        for number, each in enumerate(self.executions, 1):
            yield (self.name if len(self.executions) == 1 else f"{self.name}.{number}"), each

    def all(self) -> Iterator[Chain]:
        """This one and all below it."""
        yield self
        for each in dict.fromkeys(self.children.values()):
            yield from each.all()


def chains(histories: Sequence[History]) -> list[Chain]:
    """The runs that were started from outside, in the order in which they began, named; their children with them."""
    by_first: dict[str, list[History]] = {}
    for number, each in enumerate(sorted(histories, key=_came)):
        first = each.first.get("firstExecutionRunId") or each.first.get("originalExecutionRunId") or str(number)
        by_first.setdefault(str(first), []).append(each)
    found = [Chain([observe(each) for each in _once(several)]) for several in by_first.values()]
    roots = _adopted(found)
    number = 1
    for root in sorted(roots, key=lambda each: each.came):
        _name(root, number)
        number += starts(root)
    return roots


def _came(history: History) -> tuple[int, int]:
    """When the run came to be: a reset one has the beginning of another."""
    resets = [each.at for each in history.events if word(each.a.get("cause"), CAUSE) == "reset-workflow"]
    return history.begun, max(resets, default=0)


def starts(chain: Chain) -> int:
    """How many runs it is: one, or, of an entity, one for each request."""
    return sum(map(len, map(requests, chain.executions))) if is_entity(chain.first) else 1


def _once(histories: Sequence[History]) -> list[History]:
    """The same execution's history twice is one."""
    seen: dict[str, History] = {}
    for number, each in enumerate(histories):
        seen.setdefault(str(each.first.get("originalExecutionRunId") or number), each)
    return list(seen.values())


def _adopted(all_chains: Sequence[Chain]) -> list[Chain]:
    """The chains that are nobody's children; the others are put where they were called."""
    by_run = {run_id_of(each): (chain, each) for chain in all_chains for each in chain.executions}
    roots: list[Chain] = []
    for chain in all_chains:
        a = chain.first.history.first
        reset = reset_of(chain.first)
        base = None if reset is None else by_run.get(reset.base_run)
        chain.base = None if base is None or base[0] is chain else base[0]
        parent = by_run.get(str((a.get("parentWorkflowExecution") or {}).get("runId") or ""))
        number = str(a.get("parentInitiatedEventId") or "")
        command = None
        if parent is not None and parent[0] is not chain:
            command = next((each for each in parent[1].commands if str(each.asked.id) == number), None)
        if parent is None or command is None or command.what is not What.CHILD:
            roots.append(chain)
        else:
            parent[0].children[command] = chain
            chain.parent = parent[0]
    for chain in all_chains:
        for execution in chain.executions:
            _reconnected(execution, chain, by_run)
    return roots


def _reconnected(execution: Observed, chain: Chain, by_run: Mapping[str, tuple[Chain, Observed]]) -> None:
    """The children that a run which was reset has from the one before it."""
    reset = reset_of(execution)
    before, base = by_run.get(reset.base_run, (None, None)) if reset is not None else (None, None)
    if before is None or base is None:
        return
    known = {each.asked.id: each for each in base.commands}
    for command in execution.commands:
        same = known.get(command.asked.id)
        if same in before.children and same.name == command.name:
            chain.children.setdefault(command, before.children[same])


def run_id_of(observed: Observed) -> str:
    return str(observed.history.first.get("originalExecutionRunId") or "")


def _name(root: Chain, number: int) -> None:
    root.name = f"run {number}"
    if is_entity(root.first):
        for execution in root.executions:
            asked = requests(execution)
            for each, commands in enumerate(by_request(execution)):
                _name_children(root, f"run {number + each}", commands)
            number += len(asked)
    else:
        _name_children(root, root.name, [command for each in root.executions for command in each.commands])


def _name_children(chain: Chain, name: str, commands: Sequence[Command]) -> None:
    uses: dict[str, int] = {}
    for command in commands:
        if command.what is What.CHILD:
            count = uses.get(command.name, 0)
            uses[command.name] = count + 1
            child = chain.children.get(command)
            if child is not None and not child.name:
                child.name = f"{name}/{command.name}{f':{count}' if count else ''}"
                _name_children(child, child.name, [each for one in child.executions for each in one.commands])


def started_again(root: Chain) -> list[Event]:
    """Signals that came with further starts of the same id: like the first one, and before anything was done."""
    events = root.first.history.events
    if len(events) < 2 or events[1].kind != "WorkflowExecutionSignaled" or events[1].at > 0:
        return []
    first = next((each.id for each in events if each.kind == "WorkflowTaskStarted"), len(events))
    name = events[1].a["signalName"]
    return [each for each in events[2:first] if each.a.get("signalName") == name]


def retried(execution: Observed) -> bool:
    """Whether it was started by the workflow's retry policy."""
    return word(execution.history.first.get("initiator"), "CONTINUE_AS_NEW_INITIATOR_") == "retry"
