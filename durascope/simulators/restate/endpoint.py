"""The service endpoint: your process, which the engine calls (restate.md §1).

It has nothing durable. Its attempts and the closures that they have started die with it.
"""

from __future__ import annotations

from functools import partial

from durascope.models.trace import Kind
from durascope.simulators.kernel.network import Connection
from durascope.simulators.restate.attempt import Attempt
from durascope.simulators.restate.constants import constant
from durascope.simulators.restate.handlers import handler
from durascope.simulators.restate.journal import Notification
from durascope.simulators.restate.process import Process
from durascope.simulators.restate.protocol import Reply, Start


class ServiceEndpoint(Process):
    """One process that serves handlers."""

    def reset(self) -> None:
        self.attempts: dict[Connection, Attempt] = {}

    # ---- the process -----------------------------------------------------------------------------------------

    def stop(self) -> None:
        """SIGTERM: hypercorn goes on serving what it has, and new attempts, until it is killed; node dies at once."""
        if self.typescript or not self.attempts:
            self.crash()
        elif self.alive and self.asked_to_stop is None:
            self.asked_to_stop = self.world.now
            self.after(int(constant("graceful_us")), self.crash)

    def resume(self) -> None:
        """What has come over its connections, and what its timers have waited for meanwhile: which of them is first.

        node polls its sockets, and looks at its timers then. In Python it takes more rounds of asyncio's loop from a
        socket to the handler's code than from a timer to the closure's result: hypercorn's, the stream's and the SDK's
        queues lie between. A closure's time limit that is over comes after what it has waited for, and before all that
        it waits for next: its effect happens, its result is lost.
        """
        if self.alive and self.hung is not None:
            read = (self.deliver, self.close_input, self.reset_stream)
            come = [each for each in self.hung if each[0] in read and each[1][0] in self.attempts]
            own = [each for each in self.hung if each not in come]
            if self.typescript:
                self.hung = [*come, *own]
            else:
                late = [(each, ()) for attempt in self.attempts.values() for each in attempt.out_of_time()]
                self.hung = [*own, *late, *come]
        super().resume()

    # ---- requests --------------------------------------------------------------------------------------------

    def accept(self, start: Start, reply: Reply, connection: Connection) -> None:
        """A new attempt, with the journal as it is known."""
        self.observer.accepted(start.run.name, len(start.entries), start.retry_count, self.world.now)
        if start.request_response:
            self.observer.input_closed(start.run.name, self.world.now)
        self.emit(Kind.WORK_STARTED, start.run, detail="attempt")
        attempt = Attempt(self, connection, reply, start, self.code[start.target.workflow], handler)
        self.attempts[connection] = attempt
        connection.on_lost[self] = partial(self._disconnected, connection)
        if self.longest_request is not None:
            self.after(self.longest_request, self._cut_short, connection)
        attempt.begin()

    def deliver(self, connection: Connection, notification: Notification) -> None:
        attempt = self.attempts.get(connection)
        if attempt is not None:
            attempt.deliver(notification)

    def close_input(self, connection: Connection) -> None:
        """The engine has closed its side of the stream."""
        attempt = self.attempts.get(connection)
        if attempt is not None:
            attempt.close_input()

    def reset_stream(self, connection: Connection) -> None:
        attempt = self.attempts.get(connection)
        if attempt is not None:
            attempt.stop("aborted")

    def _cut_short(self, connection: Connection) -> None:
        """The host kills a request that lasts too long; the engine sees its stream end."""
        attempt = self.attempts.get(connection)
        if attempt is not None:
            connection.broken_by(self)
            self.observer.ended(attempt.start.run.name, "connection-lost")
            attempt.stop("killed by the host", killed=True)

    def _disconnected(self, connection: Connection) -> None:
        attempt = self.attempts.get(connection)
        if attempt is not None:
            self.observer.ended(attempt.start.run.name, "connection-lost")
            attempt.stop("connection-lost")

    def over(self, connection: Connection) -> None:
        self.attempts.pop(connection, None)
