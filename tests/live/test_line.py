"""A line that is cut: nothing passes, nothing breaks, and what was sent comes once it is whole again."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator

import pytest

from durascope.live.line import Line
from durascope.live.processes import HOST


class _Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line)


@pytest.fixture
def line() -> Iterator[Line]:
    with socketserver.ThreadingTCPServer((HOST, 0), _Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        line = Line(server.server_address[1])
        yield line
        line.close()
        server.shutdown()


def connected(line: Line) -> socket.socket:
    connection = socket.create_connection((HOST, line.port))
    connection.settimeout(5)
    return connection


def test_what_is_sent_into_a_cut_comes_when_it_is_over(line: Line) -> None:
    with connected(line) as connection:
        connection.sendall(b"before\n")
        assert connection.recv(100) == b"before\n"
        line.cut()
        connection.sendall(b"during\n")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(100)
        connection.settimeout(5)
        line.mend()
        assert connection.recv(100) == b"during\n"


def test_a_connection_that_is_made_during_a_cut_is_answered_after_it(line: Line) -> None:
    line.cut()
    with connected(line) as connection:
        connection.sendall(b"hello\n")
        line.mend()
        assert connection.recv(100) == b"hello\n"


def test_two_cuts_that_overlap_end_with_the_later_one(line: Line) -> None:
    line.cut()
    line.cut()
    line.mend()
    with connected(line) as connection:
        connection.sendall(b"hello\n")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(100)
        connection.settimeout(5)
        line.mend()
        assert connection.recv(100) == b"hello\n"


def test_where_nobody_listens_the_connection_breaks() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        line = Line(taken.getsockname()[1])
        with connected(line) as connection, contextlib.suppress(ConnectionResetError):
            assert connection.recv(100) == b""
        line.close()
