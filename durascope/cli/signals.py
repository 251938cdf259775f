"""Ctrl-C and SIGTERM unwind a command, so that drafts of files are removed and processes are ended."""

from __future__ import annotations

import signal
import threading
from typing import Final, Never

INTERRUPTED: Final = 128 + signal.SIGINT
TERMINATED: Final = 128 + signal.SIGTERM
"""Exit statuses, as shells give them."""

_received: list[int] = []


def heed() -> None:
    """From now on both unwind the command; a process that ignores Ctrl-C (started with a shell's `&`) still does."""
    _received.clear()
    if threading.current_thread() is not threading.main_thread():
        return
    signal.signal(signal.SIGTERM, _terminated)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)


def received() -> int | None:
    """The exit status of what was received; None: nothing was.

    A library may have made another error of what unwound it (pydantic does while it builds a model), so that an error
    alone does not tell.
    """
    return 128 + _received[0] if _received else None


def _terminated(number: int, _frame: object) -> Never:
    """Once: `timeout` sends it to the process and to its group, and the second one would end the tidying up."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _received.append(number)
    raise SystemExit(TERMINATED)


def _interrupted(number: int, _frame: object) -> Never:
    _received.append(number)
    raise KeyboardInterrupt
