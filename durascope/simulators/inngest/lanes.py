"""The lanes of the trace that several parts of the server write to."""

from __future__ import annotations

from typing import Final

EXECUTOR: Final = "executor"
QUEUE: Final = "queue"
