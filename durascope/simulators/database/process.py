"""A process of the app: a poller that claims rows that are due, and the code that works on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from durascope.models.trace import Kind
from durascope.simulators.database.code import RowCode, ended_as, labels_of
from durascope.simulators.database.database import DUE, Found
from durascope.simulators.database.rows import Claim, Post, Row
from durascope.simulators.database.session import PATIENCE, Session
from durascope.simulators.engine import OutsideEvent
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.network import Connection
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import Callback

if TYPE_CHECKING:
    from durascope.simulators.database.engine import OnADatabase


class Process(Component):
    """One of the app's processes: takes requests, works on rows."""

    def __init__(self, name: str, engine: OnADatabase) -> None:
        self.engine = engine
        self.database = engine.database
        super().__init__(engine.world, name)

    def reset(self) -> None:
        self.working: dict[str, RowCode] = {}
        self.polling: Callback | None = None
        self.asking = False
        self.more = False
        """The last poll has left rows that are due, for lack of free slots."""
        self.phase = self.world.now

    def started(self) -> None:
        """Its rhythm begins at a random point of the interval, as processes are not started at the same instant."""
        interval = self.engine.poll_interval
        if interval:
            self.phase += int(self.world.luck("poll", self.name, self.incarnation) * interval)
            self.expect()

    # ---- requests --------------------------------------------------------------------------------------------

    def accept(self, run: RunInfo, connection: Connection) -> None:
        """A request to start a run: it is answered when the row is there."""
        session = self._session(run)

        def inserted(answer: Any) -> None:
            session.close()
            connection.send(self, connection.close)
            if not self.engine.parks and answer is not None:
                self._begin(*answer)

        labels = labels_of(self.engine.code[run.workflow])
        if self.engine.parks:
            session.ask("insert", self.database.insert, run, labels, reply=inserted)
        else:
            begin = self.database.begin
            session.ask("insert", begin, run, labels, None, self.name, self.incarnation, reply=inserted)

    def begun(self, run: RunInfo, caller: tuple[str, str] | None) -> None:
        """A row for another run was inserted: where nobody polls, this process works on it itself."""
        if self.engine.parks:
            return
        session = self._session(run)

        def claimed(answer: Any) -> None:
            session.close()
            if answer is not None:
                self._begin(*answer)

        labels = labels_of(self.engine.code[run.workflow])
        session.ask("claim", self.database.begin, run, labels, caller, self.name, self.incarnation, reply=claimed)

    def hear(self, event: OutsideEvent, connection: Connection) -> None:
        """An event, or a person's command, for the rows that it concerns."""
        session = self._session(event.run)
        name = None if event.run is None else event.run.name

        def written(rows: list[Row]) -> None:
            session.close()
            connection.send(self, connection.close)
            self._tell(rows)

        if event.kind == "operator":
            session.ask("command", self.database.order, event.name, name, event.key, reply=written)
        else:
            asked = (event.name, event.payload, name, event.key)
            session.ask("event", self.database.deliver, *asked, reply=written)

    def _tell(self, rows: list[Row]) -> None:
        """Runs that this process has in memory hear of it at once."""
        for row in rows:
            code = self.working.get(row.run.name)
            if code is not None:
                code.learn(row)
                code.go_on()

    def _session(self, run: RunInfo | None = None) -> Session:
        return Session(self, self.database, self.engine.network, self.engine.delays, run)

    # ---- polling ---------------------------------------------------------------------------------------------

    def expect(self) -> None:
        """Rows are due: the next poll of the rhythm finds them. Those that would find nothing are not simulated."""
        interval = self.engine.poll_interval
        if not interval or not self.alive or self.polling is not None or self.asking:
            return
        late = (self.world.now - self.phase) % interval
        wait = self.phase - self.world.now if self.world.now < self.phase else (interval - late if late else 0)
        self.polling = self.after(wait, self._poll)

    def _poll(self) -> None:
        self.polling = None
        free = self.engine.at_once - len(self.working)
        if free <= 0:
            self.more = True
            return
        self.asking = True
        session = self._session()

        def found(answer: Found) -> None:
            session.close()
            self.asking = False
            self._found(answer)

        self.engine.polls += 1
        session.ask("poll", self.database.claim, self.name, self.incarnation, free, reply=found)

    def _found(self, found: Found) -> None:
        self.more = found.more
        for row, claim in found.rows:
            self.world.emit(self.name, Kind.TASK_PICKED_UP, row.run, detail=DUE)
            self._begin(row, claim)
        for post in found.posts:
            self._relay(post)
        if found.more:
            self._again()

    def _again(self) -> None:
        """A poller that has found work and still has a free slot polls again at once."""
        if self.more and self.polling is None and not self.asking and len(self.working) < self.engine.at_once:
            self.polling = self.after(0, self._poll)

    def _relay(self, post: Post) -> None:
        """The outbox: delivered first, then removed, so that it is delivered at least once."""
        session = self._session()
        numbered = post.to is not None and post.to.isdecimal()
        run, key = (f"run {post.to}", None) if numbered else (None, post.to)

        def removed(_: object) -> None:
            session.close()

        def delivered(rows: list[Row]) -> None:
            session.ask("outbox", self.database.delivered, post, reply=removed)
            self._tell(rows)

        payload: Mapping[str, Any] = {}
        session.ask("event", self.database.deliver, post.event, payload, run, key, post, reply=delivered)

    # ---- working on rows -------------------------------------------------------------------------------------

    def _begin(self, row: Row, claim: Claim) -> None:
        code = self.working.get(row.run.name)
        if code is not None:  # a step takes longer than the lease, and nobody else has come: it is renewed
            code.claim = claim
            return
        self.world.emit(self.name, Kind.WORK_STARTED, row.run, detail="state machine")
        code = self.working[row.run.name] = RowCode(self, row, claim, self._session(row.run))
        unknown = code.unknown_state()
        if unknown is not None:
            self._leave(code, f"no branch for the state {unknown}")
            self._release(code, None, f"no branch for the state {unknown}")
        else:
            code.go_on()

    def ended(self, code: RowCode, failure: BaseException | None) -> None:
        """The code has come to its end: the last transition."""
        end = ended_as(failure)
        if end is None:
            self._leave(code, str(failure))
            self._release(code, None, str(failure) or type(failure).__name__)
            return
        code.over = True
        status, told = end
        run = code.run_info

        def written(mine: bool) -> None:
            code.session.close()
            self._leave(code, "done" if mine else "dropped: the lease ran out")
            caller = self.working.get(code.row.caller[0]) if mine and code.row.caller is not None else None
            if caller is not None and not self.engine.parks:
                caller.child_ended(code.row.caller[1] if code.row.caller else "", told)

        code.session.ask("transaction", self.database.end, run.name, code.claim, status, told, reply=written)

    def idle(self, code: RowCode, due: int | None) -> None:
        """Nothing is under way: the row is released until its time or an event, or waited for in memory."""
        if self.engine.parks:
            self._leave(code, "suspended")
            self._release(code, due)

    def dropped(self, code: RowCode) -> None:
        """A transaction was refused: the lease had run out, and somebody else has the row."""
        if not code.over:
            code.abandon()
            code.session.close()
            self._leave(code, "dropped: the lease ran out")

    def _leave(self, code: RowCode, how: str) -> None:
        code.over = True
        self.working.pop(code.run_info.name, None)
        self.world.emit(self.name, Kind.WORK_ENDED, code.run_info, detail=how)
        self._again()

    def _release(self, code: RowCode, due: int | None, bug: str = "") -> None:
        def released(_: object) -> None:
            code.session.close()

        release = self.database.release
        code.session.ask("release", release, code.run_info.name, code.claim, due, code.row.news, bug, reply=released)


__all__ = ["PATIENCE", "Process"]
