"""A connection to the database, out of a process's pool: what it asks is asked again when the database is back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from durascope.models.units import Spread
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.network import Connection, Network
from durascope.simulators.kernel.runs import RunInfo

if TYPE_CHECKING:
    from durascope.simulators.database.database import Database

RETRY_US: Final = 1_000_000
"""A client that finds nobody tries again after this (1 s)."""
PATIENCE: Final = 60
"""After this many tries (a minute) it goes on, but no longer keeps the simulation alive."""

Reply = Callable[[Any], Any]


class Session:
    """Asks the database, in order. An answer that a broken connection has lost is asked for again."""

    def __init__(
        self,
        owner: Component,
        database: Database,
        network: Network,
        delays: Mapping[str, Spread],
        run: RunInfo | None = None,
    ) -> None:
        self.owner = owner
        self.database = database
        self.network = network
        self.delays = delays
        self.run = run
        self._pending: dict[int, tuple[str, Callable[..., Any], tuple[Any, ...], Reply]] = {}
        self._asked = 0
        self._tries = 0
        self._connection: Connection | None = None
        self._closed = False

    def ask(self, what: str, fn: Callable[..., Any], *args: Any, reply: Reply) -> None:
        """Has the database run `fn(*args)`, and then the owner `reply(result)`."""
        self._asked += 1
        self._pending[self._asked] = (what, fn, args, reply)
        if self._connection is None:
            self._connect()
        elif self._connection.open:
            self._send(self._asked)

    def close(self) -> None:
        """Gives the connection back; what has not been answered does not matter any more."""
        self._closed = True
        self._pending.clear()
        if self._connection is not None:
            self._connection.close()

    def _connect(self) -> None:
        if self._closed:
            return
        delay = self.delays["connect"].values[0]
        self._connection = self.network.connect(
            self.owner, self.database, delay, self._accepted, on_refused=self._lost, run=self.run
        )
        self._connection.on_lost[self.owner] = self._lost

    def _accepted(self, connection: Connection) -> None:
        """Runs in the database: from now on it is listened to."""
        connection.send(self.database, self._connected)

    def _connected(self) -> None:
        self._tries = 0
        for number in tuple(self._pending):
            self._send(number)

    def _lost(self) -> None:
        """Waiting for a database that has been down for long does not keep the simulation alive."""
        self._connection = None
        self._tries += 1
        if self._pending and not self._closed:
            self.owner.after(RETRY_US, self._again, daemon=self._tries > PATIENCE)

    def _again(self) -> None:
        if self._connection is None and self._pending:
            self._connect()

    def _send(self, number: int) -> None:
        connection = self._connection
        assert connection is not None
        what, fn, args, _ = self._pending[number]
        delay = self.delays["query" if what == "poll" else "transaction"].values[0]
        connection.send(self.owner, self._serve, connection, number, fn, args, what=what, delay=delay // 2)

    def _serve(self, connection: Connection, number: int, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Runs in the database."""
        result = fn(*args)
        connection.send(self.database, self._answered, number, result, delay=connection.delay)

    def _answered(self, number: int, result: Any) -> None:
        asked = self._pending.pop(number, None)
        if asked is not None:
            asked[3](result)
