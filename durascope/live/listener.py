"""Binds a socket that replicas share, and becomes the program that will listen on it.

`python listener.py PORT PROGRAM ARGUMENT…`; the program finds the socket's number in DURASCOPE_SOCKET. For a language
whose own servers can't share a port (Node.js before version 22).
"""

from __future__ import annotations

import os
import socket
import sys


def main(port: str, program: str, *arguments: str) -> None:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "SO_REUSEPORT"):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", int(port)))
    listener.set_inheritable(True)
    os.environ["DURASCOPE_SOCKET"] = str(listener.fileno())
    os.execv(program, [program, *arguments])


if __name__ == "__main__":
    main(*sys.argv[1:])
