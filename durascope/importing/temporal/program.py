"""The program behind the commands: what came one after the other, side by side, or as a race.

A command that follows the end of another one continues its branch. A command that follows the end of all branches
continues what is around them: that is a join. What is cancelled when another branch goes on has lost a race. A wait
leaves no event: it is where nothing is under way and a signal makes the code go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from durascope.importing.branches import Branch, Branches, Bug, Busy, Fork, Wait, all_of, inside, last, shares
from durascope.importing.temporal.lines import word
from durascope.importing.temporal.observing import CAUSE, FORCED, Activation, Command, Observed, What, failure_of
from durascope.importing.temporal.reading import Event, History

TASK: Final = 7_000
"""Microseconds that a workflow task takes if its code is not busy (engine notes, section 15)."""
BUSY: Final = 60_000
Steps = Branch[Command]
UNHANDLED: Final = "workflow-worker-unhandled-failure"
NEVER: Final = "a-message-that-never-came"
CUT_OFF: Final = 1_000_000
"""How much longer code would have been busy that a closed run cut off, as far as anybody knows."""


@dataclass(eq=False, slots=True)
class Program:
    """The steps of one execution."""

    steps: Steps
    unwinding: list[Command] = field(default_factory=list[Command])
    """What was done after the run had failed or was cancelled."""
    cause: Command | None = None
    """The step whose failure the run failed of."""
    cancelled: Event | None = None
    """The cancel request, or the signal, that the unwinding follows."""
    interrupted: bool = False
    """Whether what was under way was cancelled, too."""
    updates: list[tuple[Command, Steps]] = field(default_factory=list[tuple[Command, Steps]])
    """What was done for each update, in the order in which they were accepted."""


def program(observed: Observed, cancelling: Event | None = None, *, whole: bool = True) -> Program:
    """The program of one execution, or of a part of one.

    `cancelling`: the signal that makes it undo what it did.
    """
    builder = _Builder(observed.history, cancelling)
    for activation in observed.activations:
        builder.activation(activation)
    if whole:
        builder.left_off(observed)
    return builder.program


class _Builder(Branches[Command]):
    def __init__(self, history: History, cancelling: Event | None) -> None:
        super().__init__()
        self.history = history
        self.program = Program(self.root)
        self.cancelling = cancelling
        self.unwinding = False
        self.waiting_updates: list[Steps] = []
        """Updates that have been accepted and have not begun yet."""
        self.arrived: Counter[str] = Counter()
        """Signals, and updates that were answered, that nothing has waited for yet, by name."""

    def activation(self, now: Activation) -> None:
        fresh = self._ended(now)
        told = [each for each in now.news if isinstance(each, Event)]
        signals = [each for each in told if each.kind == "WorkflowExecutionSignaled"]
        self.arrived.update(str(each.a["signalName"]) for each in signals)
        self._limits(now)
        self._cancellation(now, told, fresh)
        commands = [each for each in now.commands if each.what is not What.UPDATE]
        for each in now.commands:
            if each.what is What.UPDATE:
                self._accepted(each, answered=each in now.answered)
        if not self.unwinding:
            fresh = self._races(now, signals, self._waits_over(now, signals, fresh))
            fresh = self._begun_elsewhere(now, commands, fresh, signals)
            self.unwinding = self.program.cause is not None and not self.owner
        first = min((each.asked.id for each in commands), default=None)
        before = (each.name for each in now.answered if each.ended and (first is None or each.ended.id < first))
        news = [*(str(each.a["signalName"]) for each in signals), *before]
        self.arrived.update(each.name for each in now.answered)
        if self.unwinding and self.program.cause in commands:
            last = commands.index(self.program.cause) + 1
            self._issue(now, commands[:last], fresh, news)
            self.program.unwinding += commands[last:]
        elif self.unwinding:
            self.program.unwinding += commands
        elif commands or signals or self._goes_on(now, fresh, news):
            self._issue(now, commands, fresh, news)

    def _goes_on(self, now: Activation, fresh: Sequence[Steps], news: Sequence[str]) -> bool:
        """Whether code did anything in a task, although it asked for nothing: a replay computes only what is known."""
        if now.failures or now.cut_off or (now.end and news):
            return True
        return bool(fresh and _busy(now, self.history))

    def left_off(self, observed: Observed) -> None:
        """What the code was at when the history ends."""
        thrown = [each for each in observed.stuck if word(each.a.get("cause"), CAUSE) == UNHANDLED]
        if thrown:
            self.open_branch().items.append(Bug(failure_of(thrown[0].a)[1], None))
            return
        ended = any(each.end for each in observed.activations)
        if ended or self.owner or not observed.activations or self.unwinding or not observed.closed:
            return
        self.root.items.append(Wait(NEVER))

    def _accepted(self, update: Command, *, answered: bool) -> None:
        branch = Steps(over=True)
        self.program.updates.append((update, branch))
        if not answered:
            self.waiting_updates.append(branch)

    # ---- what has ended ------------------------------------------------------------------------------------

    def _ended(self, now: Activation) -> list[Steps]:
        """The branches whose last command has ended."""
        fresh: list[Steps] = []
        for each in now.news:
            if isinstance(each, Command):
                branch = self.end(each)
                if branch is not None:
                    fresh.append(branch)
        return fresh

    def _cancellation(self, now: Activation, told: Sequence[Event], fresh: Sequence[Steps]) -> None:
        """From a cancel request on, what the code does is undoing; from a failure on, once nothing is under way."""
        for each in told:
            if each.kind == "WorkflowExecutionCancelRequested" or each is self.cancelling:
                self.program.cancelled = each
                unhandled = (word(each.a.get("cause"), CAUSE) == "unhandled-command" for each in now.failures)
                self.program.interrupted = bool(now.cancels) or any(unhandled)  # it was about to close at once
                self.unwinding = True
        main = {each for branch in fresh if not self._of_update(branch) for each in last(branch)}
        failed = next((each for each in now.news if isinstance(each, Command) and each.failed and each in main), None)
        failed = failed or next((each for each in now.commands if each.immediate and each.failed), None)
        if self.program.cause is None and failed is not None:
            self.program.cause = failed

    def _waits_over(self, now: Activation, signals: Sequence[Event], fresh: list[Steps]) -> list[Steps]:
        """A timer that is cancelled as a signal comes was the limit of a wait."""
        for timer in now.cancels:
            first = min((each.asked.id for each in now.commands), default=None)
            before = timer.ended is not None and (first is None or timer.ended.id < first)
            if timer.what is What.TIMER and signals and before and timer in self.owner:
                branch = self.owner.pop(timer)
                name = str(signals[-1].a["signalName"])
                branch.items.pop()
                if self.arrived[name] > 1:
                    branch.items.append(Wait(name, self.arrived[name] - 1))
                branch.items.append(Wait(name, timer=timer))
                self.arrived[name] = 0
                branch.over = True
                fresh = [*fresh, branch]
        return fresh

    def _limits(self, now: Activation) -> None:
        """Timers that limit waits: code lets go of them later than of sleeps that began after them."""
        timers = [each for each in now.cancels if each.what is What.TIMER and each.ended is not None]
        for timer in timers:
            later = (each for each in timers if each.asked.id > timer.asked.id)
            if any(each.ended and timer.ended and each.ended.id < timer.ended.id for each in later):
                branch = self.owner.get(timer)
                if branch is not None:
                    branch.items[-1] = Wait(f"message-{timer.asked.a['timerId']}", timer=timer)

    def _races(self, now: Activation, signals: Sequence[Event], fresh: list[Steps]) -> list[Steps]:
        """What is cancelled as another branch goes on has lost a race with it."""
        for loser in now.cancels:
            branch = self.owner.pop(loser, None)
            if branch is None:
                continue
            if not fresh and signals:
                fresh = [self._lost_to_signal(loser, branch, str(signals[-1].a["signalName"]))]
                continue
            fork = branch.inside
            while fork is not None and not any(inside(each, fork) for each in fresh):
                fork = fork.inside.inside
            if fork is None:
                branch.over = True
                continue
            fork.race = True
            for each in all_of(fork):
                each.over = True
            fresh = [each for each in fresh if not inside(each, fork)]
            fresh.append(fork.inside)
            fork.inside.over = True
        return fresh

    def _lost_to_signal(self, loser: Command, branch: Steps, name: str) -> Steps:
        """A race between what was under way and a wait for a signal, which came first."""
        fork: Fork[Command] = Fork(branch, race=True)
        fork.branches.append(Branch([branch.items.pop()], fork, over=True))
        fork.branches.append(Branch([Wait(name, max(1, self.arrived[name]))], fork, over=True))
        self.arrived[name] = 0
        branch.items.append(fork)
        branch.over = True
        return branch

    # ---- what is asked for ---------------------------------------------------------------------------------

    def _begun_elsewhere(
        self, now: Activation, commands: Sequence[Command], fresh: list[Steps], signals: Sequence[Event]
    ) -> list[Steps]:
        """A child that the code goes on after as soon as it has begun is not waited for."""
        if fresh or signals or not (commands or now.end):
            return fresh
        for event in now.news:
            if isinstance(event, Event) and event.kind == "ChildWorkflowExecutionStarted":
                child = next((each for each in self.owner if each.started is event), None)
                if child is not None:
                    child.detached = True
                    branch = self.owner.pop(child)
                    branch.over = True
                    fresh = [*fresh, branch]
        return fresh

    def _issue(self, now: Activation, commands: list[Command], fresh: list[Steps], news: Sequence[str]) -> None:
        owners = list(dict.fromkeys(self.joined(each) for each in fresh))
        answered = [branch for update, branch in self.program.updates if update in now.answered]
        owners = [each for each in owners if each not in answered]
        if not owners and (commands or now.cut_off) and self.waiting_updates:
            owners = [self.waiting_updates.pop(0)]
        if not owners and now.number == 0 and now.failures:
            owners = [self.root]  # it did not wait for what came while its first task was tried
        if not owners and news and (commands or now.end or not self.owner):
            owners = [self._waiting(news)]
        if not owners:
            owners = [self.open_branch()]
        if now.failures:
            told = now.failures[0].a
            if word(told.get("cause"), CAUSE) == UNHANDLED:
                times = max(len(now.failures), len(now.failures) + now.attempt - 2)
                owners[0].items.append(Bug(failure_of(told)[1], times))
        busy = _busy(now, self.history)
        if busy:
            owners[0].items.append(Busy(busy))
        for owner, own in zip(owners, shares(commands, len(owners)), strict=True):
            if own:
                self.append(owner, own)

    def _waiting(self, news: Sequence[str]) -> Steps:
        """The branch that signals, or the answers to updates, have made go on."""
        branch = self.open_branch()
        for name in dict.fromkeys(news):
            branch.items.append(Wait(name, self.arrived[name]))
            self.arrived[name] = 0
        return branch

    def _of_update(self, branch: Steps) -> bool:
        while branch.inside is not None:
            branch = branch.inside.inside
        return branch is not self.root


def _busy(now: Activation, history: History) -> int:
    """How long the code was busy in a task, beside its local activities, in microseconds; 0: no longer than usual."""
    if now.cut_off:
        return now.completed.at - now.started.at + CUT_OFF
    forced = [each for each in now.failures if word(each.a.get("cause"), CAUSE) == FORCED]
    if forced:  # the worker was still at it when the next attempt was there
        begun = history.at(int(forced[0].a["startedEventId"])).at
        return (now.completed.at - begun) // (len(forced) + 1) - TASK
    own = now.completed.at - now.started.at - now.local - TASK
    return own if own > BUSY else 0
