"""The database: transactions on rows, and the query with which pollers find what is due.

A row is due when its time has come and nobody has it, or whoever had it has let the lease run out:

    inserted ─▶ due ─ claimed (owner, lease) ─┬─ transaction (the lease begins anew) ─▶ … ─▶ ended
                 ▲                            ├─ released, to be woken at its time or by an event ─┐
                 └── the lease runs out ──────┘◀───────────────────────────────────────────────────┘

Only the one who has claimed a row may write it; a transaction of anybody else is refused (a fencing token).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from durascope.models.deployments import Resumes
from durascope.models.scenario import Scenario
from durascope.models.steps import Clear, Get, Set, WaitFor
from durascope.models.trace import Kind
from durascope.simulators.database.rows import OPEN, Changes, Claim, Post, Row, Saved, Status, Tables
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import Callback, World

DUE: Final = "due rows"
"""What pictures call the queue of rows that a poller may take."""
MOST_BUGS: Final = 5
"""After this many exceptions of the code, the row is no longer taken: a person has to look at it."""
BUG_BACKOFF_US: Final = 1_000_000
"""After the first time, in microseconds; it doubles each time."""
ROW_BYTES: Final = 200
"""An assumption: what a transaction writes beside results (columns, index entries, the log's header)."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a poll finds."""

    rows: list[tuple[Row, Claim]]
    posts: list[Post]
    more: bool
    """Whether other rows are due."""


@dataclass(frozen=True, slots=True)
class Write:
    """A transaction of whoever works on a row."""

    run: str
    changes: Changes
    labels: tuple[str, ...]
    size: int = 0
    """Bytes of a result."""
    moment: tuple[str, int] | None = None
    """The step and the attempt that it records."""


class Database(Component):
    """The one server that all processes share."""

    def __init__(
        self,
        world: World,
        tables: Tables,
        scenario: Scenario,
        *,
        lease: int,
        resumes: Resumes,
        polled: bool,
        ring: Callable[[], None],
        records: bool,
    ) -> None:
        self.tables = tables
        self._matched: dict[tuple[str, str], list[str | None]] = {}
        """By workflow and event: see `_fields`."""
        self.scenario = scenario
        self.lease = lease
        self.resumes: Resumes = resumes
        self.polled = polled
        """Whether anybody asks for rows that are due."""
        self.ring = ring
        """Has the pollers ask. A poll that would find nothing is not simulated: the pollers' rhythm is the same."""
        self.records = records
        super().__init__(world, "database")

    def reset(self) -> None:
        self.alarms: dict[str, Callback] = {}
        """By open row: what makes it due."""
        self.ready: dict[str, None] = {}
        """The rows that have become due, in that order: an index, in a real one."""

    def started(self) -> None:
        for row in tuple(self.tables.rows.values()):
            if row.open:
                self._watch(row)
        self.ring()

    # ---- what is due -----------------------------------------------------------------------------------------

    def due(self, row: Row) -> bool:
        """Whether somebody may take it now."""
        if not row.open or (row.claim is not None and not self._abandoned(row)):
            return False
        return row.wake_at is not None and row.wake_at <= self.world.now and self._first_of_its_key(row)

    def _abandoned(self, row: Row) -> bool:
        return self.resumes != "nobody" and row.lease_until <= self.world.now

    def _first_of_its_key(self, row: Row) -> bool:
        place = self._key_of(row.run)
        return place is None or self.tables.by_key[place][0] == row.run.name

    def _key_of(self, run: RunInfo) -> tuple[str, str] | None:
        workflow = self.scenario.workflows[run.workflow]
        return (run.workflow, run.key) if workflow.one_at_a_time and run.key is not None else None

    def _watch(self, row: Row) -> None:
        """Rings when the row becomes due."""
        self.cancel(self.alarms.pop(row.run.name, None))
        if not self.polled or not row.open or row.wake_at is None or not self._first_of_its_key(row):
            return
        if row.claim is not None and self.resumes == "nobody":
            return
        at = row.wake_at if row.claim is None else max(row.wake_at, row.lease_until)
        self.alarms[row.run.name] = self.after(max(0, at - self.world.now), self._becomes_due, row)

    def _becomes_due(self, row: Row) -> None:
        if self.due(row):
            self.ready[row.run.name] = None
            self.world.emit(self.name, Kind.TASK_QUEUED, row.run, detail=DUE)
            self.ring()

    def claim(self, process: str, incarnation: int, most: int) -> Found:
        """Up to `most` rows that are due, now that process's, and the outbox."""
        found: list[tuple[Row, Claim]] = []
        for name in tuple(self.ready):
            row = self.tables.rows[name]
            if not self.due(row):
                del self.ready[name]
            elif self.resumes != "owner" or row.claim is None or row.claim.process == process:
                if len(found) == most:
                    break
                del self.ready[name]
                found.append((row.snapshot(), self._claimed(row, process, incarnation)))
        return Found(found, list(self.tables.outbox), bool(self.ready))

    def _claimed(self, row: Row, process: str, incarnation: int) -> Claim:
        self._wrote(ROW_BYTES)
        before, row.claim = row.claim, Claim(process, incarnation, self.tables.transactions)
        row.lease_until = self.world.now + self.lease
        self._watch(row)
        if before is None or (before.process, before.incarnation) != (process, incarnation):
            self._note(row.run, f"claimed by {process}")
        elif self.records and self.tables.record[row.run.name][-1] != (line := f"lease renewed by {process}"):
            self._note(row.run, line)  # once: during a step of a week, the lease runs out 20,000 times
        return row.claim

    # ---- transactions ----------------------------------------------------------------------------------------

    def insert(self, run: RunInfo, labels: tuple[str, ...], caller: tuple[str, str] | None = None) -> Row:
        """A new row, due at once; the one that there is if the request came before."""
        known = self.tables.rows.get(run.name)
        if known is not None:
            return known
        row = self.tables.rows[run.name] = Row(run, caller, labels, wake_at=self.world.now, written_at=self.world.now)
        key = self._key_of(run)
        if key is not None:
            self.tables.by_key.setdefault(key, []).append(run.name)
        self._wrote(ROW_BYTES)
        if self.records:
            self.tables.record[run.name] = ["row inserted"]
        self.world.run_started(self.name, run)
        self._watch(row)
        return row

    def begin(
        self, run: RunInfo, labels: tuple[str, ...], caller: tuple[str, str] | None, process: str, incarnation: int
    ) -> tuple[Row, Claim] | None:
        """A new row for the process that has got the request, and nobody else; None: others have begun it before."""
        row = self.insert(run, labels, caller)
        if row.claim is None and row.open:
            return row.snapshot(), self._claimed(row, process, incarnation)
        mine = row.open and row.claim is not None and row.claim.process == process
        return (row.snapshot(), row.claim) if mine and row.claim and row.claim.incarnation == incarnation else None

    def commit(self, claim: Claim, number: int, write: Write) -> Row | None:
        """One transition; the row as it is then, or None: it is not that claim's any more, and nothing is written."""
        row = self.tables.rows[write.run]
        if not self._holds(row, claim):
            return None
        if row.written != (claim, number):
            row.written = claim, number
            self._apply(row, write)
            moment = write.moment
            if moment is not None:
                self.world.moment(self.name, Kind.STEP_RECORDED, row.run, moment[0], moment[1])
        return row.snapshot()

    def _apply(self, row: Row, write: Write) -> None:
        changes = write.changes
        row.labels = write.labels
        row.lease_until = self.world.now + self.lease
        row.bugs = 0
        row.written_at = self.world.now
        if changes.state is not None:
            self._read_or_write(row, changes.state, changes.saved)
        row.saved.update(changes.saved)
        row.timers.update(changes.timers)
        row.attempts.update(changes.attempts)
        row.drawn.update(changes.drawn)
        if changes.took is not None:
            row.inbox.pop(changes.took, None)
        if changes.cancel_at is not None:
            row.cancel_at = changes.cancel_at
        for event, to in changes.posts:
            self.tables.posted += 1
            self.tables.outbox.append(Post(self.tables.posted, event, to))
        self._wrote(ROW_BYTES + write.size)
        self._watch(row)
        if changes.line:
            self._note(row.run, changes.line)
        for run, step in changes.started:
            self.insert(run, (), None if step is None else (row.run.name, step))
        if changes.posts:
            self.ring()

    def _read_or_write(self, row: Row, step: Get | Set | Clear, saved: dict[str, Saved]) -> None:
        """The values of the entity, in the transaction of the transition."""
        values = self.tables.values.setdefault((row.run.workflow, row.run.key or row.run.name), {})
        match step:
            case Get(get=name):
                for key, read in saved.items():
                    saved[key] = Saved(read.label, values.get(name))
            case Set(set=name, value=given):
                values[name] = given
            case Clear(clear="*"):
                values.clear()
            case Clear(clear=name):
                values.pop(name, None)

    def release(self, name: str, claim: Claim, wake_at: int | None, seen: int, bug: str = "") -> None:
        """Nobody works on it until its time comes, or at once if something has come that its process has not seen."""
        row = self.tables.rows[name]
        if not self._holds(row, claim):
            return
        row.claim = None
        self._wrote(ROW_BYTES)
        if bug:
            row.bugs += 1
            self._note(row.run, f"code failed: {bug}")
            if row.bugs >= MOST_BUGS:
                row.become(Status.PAUSED)
                self._note(row.run, "parked for a person")
                return
            wake_at = self.world.now + (BUG_BACKOFF_US << row.bugs - 1)
        row.wake_at = self.world.now if row.news != seen and not bug else wake_at
        self._watch(row)

    def end(self, name: str, claim: Claim, status: Status, failure: str | None) -> bool:
        """The last transition, which wakes whoever waits for the run; False: the row is not that claim's any more."""
        row = self.tables.rows[name]
        if not self._holds(row, claim):
            return not row.open
        self._end(row, status, failure)
        return True

    def _end(self, row: Row, status: Status, failure: str | None) -> None:
        row.become(status)
        row.claim = None
        self._wrote(ROW_BYTES)
        self.cancel(self.alarms.pop(row.run.name, None))
        self._note(row.run, status.value)
        key = self._key_of(row.run)
        if key is not None:
            waiting = self.tables.by_key[key]
            waiting.remove(row.run.name)
            if waiting:
                self._watch(self.tables.rows[waiting[0]])
        if row.caller is not None:
            name, step = row.caller
            caller = self.tables.rows[name]
            caller.saved[step] = Saved(step, None, failure)
            self._wake(caller)
        self.world.run_ended(self.name, row.run, status.value)

    def _holds(self, row: Row, claim: Claim) -> bool:
        return row.open and row.claim == claim

    # ---- from outside ----------------------------------------------------------------------------------------

    def deliver(
        self, event: str, payload: Mapping[str, Any], run: str | None, key: str | None, post: Post | None = None
    ) -> list[Row]:
        """An event for the run of that name, or for every open run with that key or whose wait it matches."""
        self._wrote(ROW_BYTES)
        concerned = [
            row for row in self.tables.rows.values() if row.open and self._concerns(row, event, payload, run, key)
        ]
        for row in concerned:
            if post is None or post.number not in row.delivered:
                self._receive(row, event, payload, post)
        return [row.snapshot() for row in concerned]

    def _receive(self, row: Row, event: str, payload: Mapping[str, Any], post: Post | None) -> None:
        self.world.emit(self.name, Kind.EVENT_RECEIVED, row.run, detail=event)
        if post is not None:
            row.delivered.add(post.number)
        signal = self.scenario.workflows[row.run.workflow].signals.get(event)
        if signal is not None and signal.then != "ignore":
            row.cancelled = True
        else:
            row.inbox[row.news] = event, payload
        self._wake(row)

    def _concerns(self, row: Row, event: str, payload: Mapping[str, Any], run: str | None, key: str | None) -> bool:
        if run is not None:
            return row.run.name == run
        if key is not None:
            return row.run.key == key
        fields = self._matched.get((row.run.workflow, event))
        if fields is None:
            fields = self._matched[row.run.workflow, event] = self._fields(row.run.workflow, event)
        return any(field is None or row.run.input.get(field) == payload.get(field) for field in fields)

    def _fields(self, name: str, event: str) -> list[str | None]:
        """What the workflow's waits and signals of that event compare; None: nothing, any event will do."""
        workflow = self.scenario.workflows[name]
        signal = workflow.signals.get(event)
        fields = [step.match for step in workflow.walk() if isinstance(step, WaitFor) and step.wait_for == event]
        return fields + ([signal.match] if signal is not None else [])

    def order(self, command: str, run: str | None, key: str | None) -> list[Row]:
        """An UPDATE that a person writes: cancel, kill, or have a parked row taken again."""
        ordered: list[Row] = []
        for row in tuple(self.tables.rows.values()):
            if row.status not in OPEN or not (row.run.name == run or (run is None and row.run.key == key)):
                continue
            self.world.emit(self.name, Kind.EVENT_RECEIVED, row.run, detail=command)
            ordered.append(row)
            match command:
                case "kill":
                    self._end(row, Status.KILLED, "killed")
                case "cancel" if row.open:
                    row.cancelled = True
                    self._wake(row)
                case "resume" if row.status is Status.PAUSED:
                    row.become(Status.RUNNING)
                    row.bugs = 0
                    self._wake(row)
                case _:
                    pass
        return [row.snapshot() for row in ordered]

    def _wake(self, row: Row) -> None:
        row.news += 1
        if row.claim is None:
            row.wake_at = self.world.now
        self._watch(row)

    def delivered(self, post: Post) -> None:
        """The message has left the outbox."""
        if post in self.tables.outbox:
            self.tables.outbox.remove(post)

    # ---- what was written ------------------------------------------------------------------------------------

    def _wrote(self, size: int) -> None:
        self.tables.transactions += 1
        self.tables.bytes += size

    def _note(self, run: RunInfo, line: str) -> None:
        if self.records:
            self.tables.record[run.name].append(line)
