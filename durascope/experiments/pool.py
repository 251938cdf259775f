"""Many simulations on all cores: the same results in the same order, whatever the number of processes."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from typing import Any, Final, TypeVar

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

WORTH_A_PROCESS_S: Final = 1.5
"""Seconds of work below which another process costs more than it saves."""


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def mapped(
    work: Callable[[_Task], _Result], tasks: Sequence[_Task], *, processes: int | None = None
) -> Iterator[_Result]:
    """`work(task)` for each task, in the order of the tasks; `work` must be importable and deterministic.

    `processes` is how many there may be: None decides by how long the first task takes. Interrupting the iteration
    ends the processes; nothing is left behind.

    >>> list(mapped(abs, [-1, 2, -3], processes=1))
    [1, 2, 3]
    """
    rest = list(tasks)
    if processes is None and rest:
        begun = time.perf_counter()
        yield work(rest.pop(0))
        left = (time.perf_counter() - begun) * len(rest)
        processes = min(cores(), len(rest)) if left > WORTH_A_PROCESS_S else 1
    if processes is None or processes <= 1 or len(rest) <= 1:
        yield from map(work, rest)
        return
    chunk = max(1, min(8, len(rest) // (4 * processes)))
    pool = ProcessPoolExecutor(min(processes, len(rest)), mp_context=_context(), initializer=_quiet)
    try:
        yield from pool.map(work, rest, chunksize=chunk)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def streamed(
    work: Callable[[_Task], _Result], tasks: Iterable[_Task], *, of: int, processes: int | None = None
) -> Iterator[_Result]:
    """As `mapped`, for tasks that are worth sending one by one: only a few of them and of their results are ever held.

    `of` is how many tasks there are, about.

    >>> list(streamed(abs, iter([-1, 2, -3]), of=3, processes=1))
    [1, 2, 3]
    """
    rest = iter(tasks)
    if processes is None:
        begun = time.perf_counter()
        for task in rest:
            yield work(task)
            break
        left = (time.perf_counter() - begun) * (of - 1)
        processes = min(cores(), of - 1) if left > WORTH_A_PROCESS_S else 1
    if processes <= 1:
        yield from map(work, rest)
        return
    pool = ProcessPoolExecutor(processes, mp_context=_context(), initializer=_quiet)
    try:
        waiting = deque(pool.submit(work, task) for task in islice(rest, 4 * processes))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(work, task) for task in islice(rest, 1))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _context() -> Any:
    """Forking is many times faster than starting a new interpreter, where the system has it."""
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("fork" if "fork" in methods else "spawn")


def _quiet() -> None:
    """Ctrl-C is answered by the parent alone."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
