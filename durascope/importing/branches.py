"""Branches: what a run's code did one after the other, and what side by side, put together command by command.

A command that follows the end of another one continues its branch. A command that follows the end of all branches
continues what is around them: that is a join.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar


class Asked(Protocol):
    """Something that code asks an engine for."""

    @property
    def immediate(self) -> bool:
        """Whether the code has its answer at once."""
        ...


C = TypeVar("C", bound=Asked)


@dataclass(eq=False, slots=True)
class Branch(Generic[C]):
    """Steps one after the other."""

    items: list[Node[C]] = field(default_factory=list["Node[C]"])
    inside: Fork[C] | None = None
    over: bool = False
    """Whether nothing of it is under way."""


@dataclass(eq=False, slots=True)
class Fork(Generic[C]):
    """Branches side by side; `race`: the first that ends wins."""

    inside: Branch[C]
    branches: list[Branch[C]] = field(default_factory=list[Branch[C]])
    race: bool = False


@dataclass(eq=False, slots=True)
class Leaf(Generic[C]):
    """One command."""

    command: C


@dataclass(eq=False, slots=True)
class Wait(Generic[C]):
    """A wait for a signal; with a timer, it has a timeout."""

    name: str
    times: int = 1
    timer: C | None = None


@dataclass(eq=False, slots=True)
class Bug:
    """A place where the code threw, `times` of them, and then no more; None: to the end."""

    message: str
    times: int | None


@dataclass(eq=False, slots=True)
class Busy:
    """Time that the code itself took."""

    us: int


Node = Leaf[C] | Fork[C] | Wait[C] | Bug | Busy


class Branches(Generic[C]):
    """The branches of one run, as far as they are known."""

    def __init__(self) -> None:
        self.root: Branch[C] = Branch(over=True)
        self.owner: dict[C, Branch[C]] = {}
        """The branch that each command that is under way is the end of."""

    def end(self, command: C) -> Branch[C] | None:
        """The branch whose end the command was, now that it has ended; None: it was no branch's."""
        branch = self.owner.pop(command, None)
        if branch is not None:
            branch.over = True
        return branch

    def joined(self, branch: Branch[C]) -> Branch[C]:
        """The branch, or what is around it where all branches beside it are over, too."""
        fork = branch.inside
        if fork is None or not all(each.over for each in fork.branches):
            return branch
        fork.inside.over = True
        return self.joined(fork.inside)

    def open_branch(self) -> Branch[C]:
        """Where code can go on that nothing has ended for: the main line, or a new branch beside what is under way."""
        if not self.owner:
            return self.root
        branch = next(iter(self.owner.values()))
        while branch.inside is not None:
            branch = branch.inside.inside
        last = branch.items[-1] if branch.items else None
        if isinstance(last, Fork):
            done = next((each for each in last.branches if each.over), None)
            if done is not None:
                return done
            return self.beside(last)
        fork: Fork[C] = Fork(branch)
        first = Branch([branch.items.pop()] if branch.items else [], fork, over=False)
        for command, owner in self.owner.items():
            if owner is branch:
                self.owner[command] = first
        fork.branches.append(first)
        branch.items.append(fork)
        return self.beside(fork)

    def beside(self, fork: Fork[C]) -> Branch[C]:
        """A new branch beside those of a fork."""
        branch: Branch[C] = Branch([], fork, over=True)
        fork.branches.append(branch)
        return branch

    def append(self, branch: Branch[C], commands: Sequence[C]) -> None:
        """The commands that a branch went on with at once: side by side, if there are several."""
        durable = [each for each in commands if not each.immediate]
        if len(durable) > 1 and durable == list(commands):
            fork: Fork[C] = Fork(branch)
            for each in commands:
                fork.branches.append(self.begun(each, Branch([], fork)))
            branch.items.append(fork)
            branch.over = False
            return
        for position, each in enumerate(commands):
            if each in durable and len(durable) > 1:
                self.append(branch, [other for other in commands[position:] if other in durable])
                return
            self.begun(each, branch)

    def begun(self, command: C, branch: Branch[C]) -> Branch[C]:
        """The branch, with the command at its end."""
        branch.items.append(Leaf(command))
        branch.over = command.immediate
        if not branch.over:
            self.owner[command] = branch
        return branch


def last(branch: Branch[C]) -> Iterator[C]:
    """The command at the end of a branch."""
    item = branch.items[-1] if branch.items else None
    if isinstance(item, Leaf):
        yield item.command


def inside(branch: Branch[C], fork: Fork[C]) -> bool:
    """Whether the branch is one of the fork's, or inside of one."""
    around = branch.inside
    while around is not None and around is not fork:
        around = around.inside.inside
    return around is fork


def all_of(fork: Fork[C]) -> Iterator[Branch[C]]:
    """Every branch inside."""
    for branch in fork.branches:
        yield branch
        for item in branch.items:
            if isinstance(item, Fork):
                yield from all_of(item)


def shares(commands: Sequence[C], owners: int) -> list[list[C]]:
    """Which commands belong to which of several branches that have ended at once: in their order."""
    if owners == 1 or len(commands) <= owners:
        each = 1 if owners > 1 else len(commands)
    else:
        each = len(commands) // owners if len(commands) % owners == 0 else 1
    shares = [list(commands[number * each : (number + 1) * each]) for number in range(owners)]
    shares[-1] += commands[owners * each :]
    return shares


def waits(sequence: Branch[C]) -> Iterator[Wait[C]]:
    """Every wait in it."""
    for item in sequence.items:
        if isinstance(item, Wait):
            yield item
        elif isinstance(item, Fork):
            for branch in item.branches:
                yield from waits(branch)
