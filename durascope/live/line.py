"""The line between an engine and its apps, where a scenario cuts it: a loopback proxy that can stop forwarding.

While it is cut nothing passes and nothing is refused, as in a network that loses every packet: connections stay open,
new ones are not answered, and what was sent is sent again as TCP does it, after 0.2, 0.4, 0.8, … s, until the line is
whole again. Only the parties' own timeouts and keepalives break a connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Final

from durascope.live.processes import HOST
from durascope.models.units import SECOND
from durascope.simulators.kernel.network import CONNECT_RETRY_US, LONGEST_RETRANSMIT_US, RETRANSMIT_US

CHUNK: Final = 1 << 16


class Line:
    """Forwards connections to a port of the loopback."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        """Where it takes connections."""
        self._cuts = 0
        self._loop = asyncio.new_event_loop()
        self._connections: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def cut(self) -> None:
        """From now on nothing passes; a line that is cut twice is to be mended twice."""
        self._loop.call_soon_threadsafe(self._count, 1)

    def mend(self) -> None:
        self._loop.call_soon_threadsafe(self._count, -1)

    def close(self) -> None:
        """Ends every connection."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _count(self, by: int) -> None:
        self._cuts += by

    async def _get_through(self, first: int = RETRANSMIT_US) -> None:
        """Returns when a packet that is sent now has arrived: at once, or with the first repetition after the cut."""
        wait = first
        while self._cuts:
            await asyncio.sleep(wait / SECOND)
            wait = min(2 * wait, LONGEST_RETRANSMIT_US)

    async def _listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._accept, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _end(self) -> None:
        self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._get_through(CONNECT_RETRY_US)
            with contextlib.suppress(OSError):
                there_reader, there_writer = await asyncio.open_connection(HOST, self.target)
                await self._join(reader, there_writer, there_reader, writer)
        except asyncio.CancelledError:
            pass  # the line is closed
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _join(
        self,
        here: asyncio.StreamReader,
        to_there: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        to_here: asyncio.StreamWriter,
    ) -> None:
        """Passes bytes both ways until both ends have closed, or one of them has broken off."""
        try:
            await asyncio.gather(self._pass(here, to_there), self._pass(there, to_here))
        finally:
            to_there.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(CHUNK):
            await self._get_through()
            writer.write(chunk)
            await writer.drain()
        await self._get_through()
        if writer.can_write_eof():
            writer.write_eof()
