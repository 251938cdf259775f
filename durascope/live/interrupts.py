"""Signals that end a verification: they strike where it can be left, never between a start and its being noted down.

Python raises `KeyboardInterrupt` between any two of its instructions. Between the fork of a process and the line that
remembers it, that leaves a process that nobody knows of.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Final

ENDING: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""What tells a process to end."""


@contextmanager
def uninterrupted() -> Generator[None]:
    """What ends the process waits until this is over, and comes then. Only the main thread is ever interrupted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def keep(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    before = {number: signal.getsignal(number) for number in ENDING}
    try:
        for number in ENDING:
            if before[number] is not signal.SIG_IGN:
                signal.signal(number, keep)
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:  # one that was not set from Python can't be put back: it is left at `keep`
                signal.signal(number, handler)
    for number in dict.fromkeys(came):
        signal.raise_signal(number)


@contextmanager
def all_as_ctrl_c() -> Generator[None]:
    """SIGTERM and SIGHUP end it as Ctrl-C does, so that all that was started is stopped again.

    One that is ignored (`nohup`) stays so.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in ENDING if number is not signal.SIGINT}
    caught = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    try:
        for number in caught:
            signal.signal(number, stop)
        yield
    finally:
        for number, handler in caught.items():
            signal.signal(number, handler)
