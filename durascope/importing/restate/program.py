"""The program behind a journal: which command follows which notification, and what a handler waited for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final

from durascope.importing.branches import Branch, Branches, Fork, Leaf, Wait, shares
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
    """The timer that ends the wait, or the call, which this one is."""

    @property
    def kind(self) -> str:
        return self.entry.kind

    @property
    def immediate(self) -> bool:
        return self.kind in IMMEDIATE

    @property
    def cancels(self) -> bool:
        """Whether it hands a cancellation on to what it has called: the SDK does that by itself."""
        return self.kind == "SendSignal" and self.signal == CANCEL_SIGNAL

    @property
    def signal(self) -> int | str:
        """The number of the signal that it sends, or its name; 0: it sends none."""
        return _number_or_name(self.entry.fields.get("signal_id"))

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
    entries: Sequence[Entry] = ()
    """The whole journal."""
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
        self.program = Program(self.root, entries=invocation.entries)
        self.by_id: dict[int, Command] = {}
        self.limits: dict[Command, Command] = {}
        """Waits and calls, by the timers that limit them."""
        self.answers = {each.id for each in self.entries if not each.command}
        self.known: list[tuple[str, int]] = []
        """Waits for awakeables, in the order in which they began, with the entry that tells of each; a signal has the
        number of its awakeable."""
        self.pending: dict[str, Steps] = {}
        """Waits that have not ended yet, of several that began together."""
        self.early: dict[str, Entry] = {}
        """What came before it was waited for."""

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
        self.root.items += [Wait(name) for name in self.early]  # it would have been waited for
        return self.program

    def _lost(self, command: Command) -> None:
        """What is still under way at the end has lost a race: with what the handler went on after."""
        self._timed_out(command)  # or what it limited had come before
        branch = self.owner.pop(command, None)
        fork = None if branch is None else branch.inside
        if branch is not None and fork is None and branch.items and isinstance(branch.items[-1], Leaf):
            won = self._won(branch)
            if won is not None:
                race: Fork[Command] = Fork(branch, race=True)
                race.branches += [Branch([branch.items[-1]], race, over=True), Branch([won], race, over=True)]
                branch.items[-1] = race
        if fork is None or fork.race:
            return
        fork.race = True
        around = fork.inside
        place = around.items.index(fork) + 1
        for each in fork.branches:
            around.items[place:place] = each.items[1:]
            del each.items[1:]

    def _won(self, branch: Steps) -> Wait[Command] | None:
        """The wait that what the branch ends with has lost to: what it is for was there already."""
        before = branch.items[-2] if len(branch.items) > 1 else None
        if self.early:
            name = next(iter(self.early))
            del self.early[name]
            return Wait(name)
        if isinstance(before, Wait) and before.timer is None:
            branch.items.remove(before)
            return before
        return None

    def _asked(self, entry: Entry, before: Sequence[Command]) -> Command:
        command = Command(entry)
        if entry.id is not None:
            self.by_id[entry.id] = command
        last = self.program.commands[-1] if self.program.commands else None
        if entry.kind == "Sleep" and last is not None and self._limits(command, last, before):
            last.limit = command
            self.limits[command] = last
        elif entry.kind == "Sleep" and command.name.endswith(LIMIT) and not self.promises:
            self.known.append((command.name.removesuffix(LIMIT), entry.index))
        self.program.commands.append(command)
        return command

    def _limits(self, timer: Command, last: Command, before: Sequence[Command]) -> bool:
        """Whether it is the limit of the command right before it."""
        if last.kind == "Call":
            return timer.name.endswith(LIMIT) and last.answer is None
        unnamed = not timer.name and bool(before) and before[-1] is last
        return last.kind == "GetPromise" and (unnamed or timer.name.endswith(LIMIT))

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
        cancelled = next((each for each in signals if signal_of(each) == CANCEL_SIGNAL), None)
        self.program.cancelled = cancelled or self.program.cancelled
        commands = [each for each in asked if each not in self.limits and not each.cancels]
        owners = list(dict.fromkeys(self.joined(each) for each in fresh))
        for entry in signals:
            if entry is not cancelled:
                ended = (each.index for each in news if not each.command and each.kind != "Signal")
                alone = self.program.cancelled is None and not any(index > entry.index for index in ended)
                branch = self._waited(entry, commands, alone=alone)
                owners = owners or ([] if branch is None else [branch])
        if self.program.cancelled is not None or (self.program.cause is not None and not self.owner):
            begun = list(takewhile(lambda each: not self._is_answered(each), commands))
            if cancelled is not None and fresh and begun:
                self.append(self.joined(fresh[0]), begun)  # the next steps had just begun
                del commands[: len(begun)]
            self.program.unwinding += commands
            return
        if not commands:
            return
        owners = owners or [self.open_branch()]
        owners = owners[-len(commands) :]  # where fewer went on than had ended, those that had ended last
        for owner, own in zip(owners, shares(commands, len(owners)), strict=True):
            self._append(owner, own)

    def _is_answered(self, command: Command) -> bool:
        return command.entry.id in self.answers

    def _append(self, branch: Steps, commands: Sequence[Command]) -> None:
        """Commands in a row: those that are answered at once come one after the other, before what is side by side."""
        rest = list(commands)
        while rest and (rest[0].immediate or (len(rest) > 1 and self._came_before(rest[0]))):
            command = rest.pop(0)
            if command.immediate:
                self.begun(command, branch)
            else:
                branch.items.append(Wait(self._claimed(command), timer=command))
        if rest:
            self.append(branch, rest)

    def _came_before(self, timer: Command) -> bool:
        """Whether it limits a wait for what was there already: the timer is never heard of."""
        named = timer.kind == "Sleep" and timer.name.endswith(LIMIT) and not self.promises
        return named and bool(self.early)

    def _claimed(self, timer: Command) -> str:
        """What the wait is for that the timer limits: what came before, if the timer did not fire."""
        name = timer.name.removesuffix(LIMIT)
        if timer.answer is None and self.early:
            found = next((each for each in self.early if each in name), next(iter(self.early)))
            entry = self.early.pop(found)
            if name and not isinstance(signal_of(entry), str):  # an awakeable's only name is that of its wait
                self.program.awaited[name] = self.program.awaited.pop(found)
                return name
            return found
        return name

    def _timed_out(self, timer: Command) -> None:
        """A timer that is called as the limit of a wait is one, although it fired."""
        branch = self.owner.get(timer)
        if branch is not None and timer.kind == "Sleep" and timer.name.endswith(LIMIT) and not self.promises:
            branch.items[-1] = Wait(self._claimed(timer), timer=timer)

    def _waited(self, entry: Entry, commands: Sequence[Command], *, alone: bool) -> Steps | None:
        """The branch that went on when something came from outside: an awakeable was resolved, or a named signal.

        None: none did. It came too late, or before it was waited for. `alone`: nothing else explains what was asked
        for.
        """
        number = signal_of(entry)
        known = [each for each, index in self.known if index < entry.index]
        place = number - FIRST_AWAKEABLE if isinstance(number, int) else len(known)
        name = str(number) if isinstance(number, str) else f"event-{place + 1}"
        if place < len(known):
            name = known[place]
        timer = next(
            (each for each in self.owner if each.kind == "Sleep" and each.name in ("", f"{name}{LIMIT}")), None
        )
        timer = timer or next((each for each in self.owner if each.name.endswith(LIMIT)), None)
        if timer is not None and timer.name.endswith(LIMIT) and not isinstance(number, str):
            name = timer.name.removesuffix(LIMIT)
        self.program.awaited[name] = entry
        if timer is None and place < len(known):
            return self._pending(name)
        if timer is None and not isinstance(number, str) and (place > len(known) or not alone):
            if not self._hidden(len(known), place, over=bool(self.owner) or not alone):
                self.early[name] = entry
            return None
        if timer is not None:
            branch = self.owner.pop(timer)
            branch.items[-1] = Wait(name, timer=timer)
        elif self.owner and commands and alone:
            branch = self._raced(name)
        elif isinstance(number, str) and (self.owner or not alone):
            self.early[name] = entry
            return None
        else:
            branch = self.open_branch()
            branch.items.append(Wait(name))
        if timer is None and not isinstance(number, str):
            self.known.insert(len(known), (name, entry.index))
        branch.over = not self.owner
        return branch

    def _pending(self, name: str) -> Steps | None:
        """The branch that waited for it; None: it came too late, nothing waited any more."""
        branch = self.pending.pop(name, None)
        if branch is not None:
            branch.over = True
            return self.joined(branch)
        return None

    def _hidden(self, known: int, place: int, *, over: bool) -> bool:
        """Waits that had begun before, as the number of an awakeable tells: beside a timer, or beside each other.

        False: there is nothing that they can have been beside.
        """
        names = [f"event-{number + 1}" for number in range(known, place + 1)]
        items = enumerate(self.root.items)
        sleeps = [at for at, each in items if isinstance(each, Leaf) and each.command.kind == "Sleep"]
        if over and not sleeps:
            return False
        self.known[known:known] = [(name, 0) for name in names]
        if over:
            for name, at in zip(names, sleeps, strict=False):
                race: Fork[Command] = Fork(self.root, race=True)
                race.branches += [Branch([self.root.items[at]], race, over=True), Branch([Wait(name)], race, over=True)]
                self.root.items[at] = race
            return True
        branch = self.open_branch()
        fork: Fork[Command] = Fork(branch)
        for name in names:
            fork.branches.append(Branch([Wait(name)], fork, over=name == names[-1]))
            self.pending[name] = fork.branches[-1]
        del self.pending[names[-1]]
        branch.items.append(fork)
        branch.over = False
        return True

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
    """The number of the signal that has come, or its name."""
    return _number_or_name(entry.fields.get("id"))


def _number_or_name(told: object) -> int | str:
    """`{"Index": 17}` or `{"Name": "go"}`; 0 where it is neither."""
    if isinstance(told, dict):
        value: object = next(iter(told.values()), 0)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        return value if isinstance(value, int) else str(value)
    return 0
