"""The program behind a journal: which command follows which notification, and what a handler waited for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from durascope.importing.branches import Branch, Branches, Fork, Wait, shares
from durascope.importing.restate.reading import Entry, Invocation
from durascope.importing.restate.rows import CANCEL_SIGNAL

IMMEDIATE: Final = frozenset({
    "GetEagerState", "GetEagerStateKeys", "SetState", "ClearState", "ClearAllState", "OneWayCall", "SendSignal",
})  # fmt: skip
"""Commands that the handler goes on after at once."""
LIMIT: Final = "-timeout"
"""How the timers are called that limit a wait, in Python."""
FIRST_AWAKEABLE: Final = 17
"""The signal that an invocation's first awakeable is."""


@dataclass(eq=False, slots=True)
class Command:
    """A command and its answer."""

    entry: Entry
    answer: Entry | None = None
    limit: Command | None = None
    """The timer that ends the wait which this one is."""

    @property
    def kind(self) -> str:
        return self.entry.kind

    @property
    def immediate(self) -> bool:
        return self.kind in IMMEDIATE

    @property
    def failed(self) -> bool:
        return self.answer is not None and self.answer.failure is not None

    @property
    def name(self) -> str:
        """What it is about: a step, a promise, a state."""
        told = self.entry.fields.get("name") or self.entry.fields.get("key") or self.entry.row.get("name")
        return str(told or "")


Steps = Branch[Command]


@dataclass(eq=False, slots=True)
class Program:
    """The steps of one invocation."""

    steps: Steps
    unwinding: list[Command] = field(default_factory=list[Command])
    """What was done after a step had failed for good, or the invocation was cancelled."""
    cause: Command | None = None
    cancelled: Entry | None = None
    output: Entry | None = None
    commands: list[Command] = field(default_factory=list[Command])
    awaited: dict[str, Entry] = field(default_factory=dict[str, Entry])
    """Events that came from outside, by the name that the wait for them has here."""


def program(invocation: Invocation) -> Program:
    """The program of one invocation."""
    return _Builder(invocation).built()


class _Builder(Branches[Command]):
    def __init__(self, invocation: Invocation) -> None:
        super().__init__()
        self.entries = invocation.entries[1:]
        self.promises = invocation.kind == "workflow"
        """Whether waits are for promises, which have an entry of their own."""
        self.program = Program(self.root)
        self.by_id: dict[int, Command] = {}
        self.limits: dict[Command, Command] = {}
        """Waits, by the timers that limit them."""

    def built(self) -> Program:
        news: list[Entry] = []
        asked: list[Command] = []
        for entry in self.entries:
            if entry.command and entry.kind != "Output":
                asked.append(self._asked(entry, asked))
            elif asked:
                self._go_on(news, asked)
                news, asked = [], []
            if not entry.command:
                self._answered(entry)
                news.append(entry)
            elif entry.kind == "Output":
                self.program.output = entry
        self._go_on(news, asked)
        if self.program.output is not None and self.program.cancelled is None:
            for command in list(self.owner):
                self._lost(command)
        return self.program

    def _lost(self, command: Command) -> None:
        """What is still under way at the end has lost a race: with what the handler went on after."""
        self._timed_out(command)  # or what it limited had come before
        branch = self.owner.pop(command, None)
        fork = None if branch is None else branch.inside
        if fork is None or fork.race:
            return
        fork.race = True
        around = fork.inside
        place = around.items.index(fork) + 1
        for each in fork.branches:
            around.items[place:place] = each.items[1:]
            del each.items[1:]

    def _asked(self, entry: Entry, before: Sequence[Command]) -> Command:
        command = Command(entry)
        if entry.id is not None:
            self.by_id[entry.id] = command
        last = before[-1] if before else None
        is_limit = last is not None and last.kind == "GetPromise" and command.name in ("", f"{last.name}{LIMIT}")
        if entry.kind == "Sleep" and last is not None and is_limit:
            last.limit = command
            self.limits[command] = last
        self.program.commands.append(command)
        return command

    def _answered(self, entry: Entry) -> None:
        command = self.by_id.get(entry.id) if entry.id is not None else None
        if command is not None:
            command.answer = entry

    def _go_on(self, news: Sequence[Entry], asked: Sequence[Command]) -> None:
        """What the handler asked for once it had that news."""
        fresh: list[Steps] = []
        signals: list[Entry] = []
        for entry in news:
            if entry.kind == "Signal":
                signals.append(entry)
                continue
            command = self.by_id.get(entry.id) if entry.id is not None else None
            if command is None or command.immediate:
                continue
            self._timed_out(command)
            branch = self.end(self.limits.get(command, command))
            if branch is not None:
                fresh.append(branch)
            if command.failed and self.program.cause is None:
                self.program.cause = command
        for entry in signals:
            if signal_of(entry) == CANCEL_SIGNAL:
                self.program.cancelled = entry
        commands = [each for each in asked if each not in self.limits]
        if self.program.cancelled is not None or (self.program.cause is not None and not self.owner):
            self.program.unwinding += commands
            return
        owners = list(dict.fromkeys(self.joined(each) for each in fresh))
        for entry in signals:
            if signal_of(entry) != CANCEL_SIGNAL:
                branch = self._waited(entry, commands)
                owners = owners or [branch]
        if not commands:
            return
        owners = owners or [self.open_branch()]
        for owner, own in zip(owners, shares(commands, len(owners)), strict=True):
            self._append(owner, own)

    def _append(self, branch: Steps, commands: Sequence[Command]) -> None:
        """Commands in a row: those that are answered at once come one after the other, before what is side by side."""
        rest = list(commands)
        while rest and rest[0].immediate:
            self.begun(rest.pop(0), branch)
        if rest:
            self.append(branch, rest)

    def _timed_out(self, timer: Command) -> None:
        """A timer that is called as the limit of a wait is one, although it fired."""
        branch = self.owner.get(timer)
        if branch is not None and timer.kind == "Sleep" and timer.name.endswith(LIMIT) and not self.promises:
            branch.items[-1] = Wait(timer.name.removesuffix(LIMIT), timer=timer)

    def _waited(self, entry: Entry, commands: Sequence[Command]) -> Steps:
        """The branch that went on when something came from outside: an awakeable was resolved, or a named signal."""
        number = signal_of(entry)
        name = str(number) if isinstance(number, str) else f"event-{number - FIRST_AWAKEABLE + 1}"
        timer = next(
            (each for each in self.owner if each.kind == "Sleep" and each.name in ("", f"{name}{LIMIT}")), None
        )
        timer = timer or next((each for each in self.owner if each.name.endswith(LIMIT)), None)
        if timer is not None and timer.name.endswith(LIMIT):
            name = timer.name.removesuffix(LIMIT)
        self.program.awaited[name] = entry
        if timer is not None:
            branch = self.owner.pop(timer)
            branch.items[-1] = Wait(name, timer=timer)
        elif self.owner and commands:
            branch = self._raced(name)
        else:
            branch = self.open_branch()
            branch.items.append(Wait(name))
        branch.over = not self.owner
        return branch

    def _raced(self, name: str) -> Steps:
        """A race of what is under way with a wait, which ended first."""
        loser, branch = next(iter(self.owner.items()))
        if branch.inside is not None:
            around = branch.inside.inside
            fork = branch.inside
        else:
            around, fork = branch, Fork(branch)
            fork.branches.append(Branch([branch.items.pop()], fork, over=True))
            around.items.append(fork)
        del self.owner[loser]
        fork.race = True
        fork.branches.append(Branch([Wait(name)], fork, over=True))
        return around


def signal_of(entry: Entry) -> int | str:
    """A signal's number, or its name."""
    told = entry.fields.get("id")
    if isinstance(told, dict):
        value = next(iter(told.values()), 0)
        return value if isinstance(value, int) else str(value)
    return 0
