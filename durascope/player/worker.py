"""A process that answers questions, as lines of JSON. If an answer takes too long, it is killed and replaced."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import Any, Final

TOO_LONG_S: Final = 20.0
"""The longest time to wait for an answer, in seconds."""


class TooLong(Exception):
    """There was no answer in time."""


class Worker:
    """The answering process, as the server sees it; one question at a time."""

    def __init__(self, limit_s: float = TOO_LONG_S) -> None:
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._process = self._begun()

    def ask(self, question: dict[str, Any]) -> bytes:
        """The answer, as JSON. Raises `TooLong`."""
        with self._lock:
            if self._process.poll() is not None:
                self._process = self._begun()
            process = self._process
            assert process.stdin is not None
            assert process.stdout is not None
            alarm = threading.Timer(self._limit_s, process.kill)
            alarm.start()
            try:
                process.stdin.write(json.dumps(question).encode() + b"\n")
                process.stdin.flush()
                answer = process.stdout.readline()
            except BrokenPipeError:
                answer = b""
            finally:
                alarm.cancel()
            if not answer.endswith(b"\n"):
                self._end()
                raise TooLong
            return answer

    def close(self) -> None:
        """Ends the process."""
        with self._lock:
            self._end()

    def _begun(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def _end(self) -> None:
        self._process.kill()
        self._process.communicate()


def _answer_all() -> None:
    from durascope.player.answers import answer

    for line in sys.stdin.buffer:
        try:
            found = answer(json.loads(line))
        except Exception as error:  # whatever it is, the page is told, and the next question is answered
            found = {"problems": [{"place": "", "message": f"internal error: {type(error).__name__}", "fix": None}]}
        text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
        sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is answered by the server alone
    _answer_all()
