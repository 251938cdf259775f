"""Many simulations on all cores: the same results in the same order, whatever the number of processes."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, MutableSequence, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from itertools import islice
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

WORTH_A_PROCESS_S: Final = 1.5
"""Seconds of work below which another process costs more than it saves."""
CHUNK_S: Final = 0.5
"""Tasks are sent together as long as they take less than this: whoever stops early waits for what has been sent."""


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def mapped(
    work: Callable[[_Task], _Result], tasks: Sequence[_Task], *, processes: int | None = None
) -> Generator[_Result]:
    """`work(task)` for each task, in the order of the tasks; `work` must be importable and deterministic.

    `processes` is how many there may be: None decides by how long the first task takes. Interrupting the iteration
    ends the processes; nothing is left behind.

    >>> list(mapped(abs, [-1, 2, -3], processes=1))
    [1, 2, 3]
    """
    rest = list(tasks)
    together = 8
    if processes is None and rest:
        begun = time.perf_counter()
        yield work(rest.pop(0))
        one = time.perf_counter() - begun
        together = max(1, min(together, int(CHUNK_S / max(one, 1e-6))))
        processes = min(cores(), len(rest)) if one * len(rest) > WORTH_A_PROCESS_S else 1
    if processes is None or processes <= 1 or len(rest) <= 1:
        yield from map(work, rest)
        return
    chunk = max(1, min(together, len(rest) // (32 * processes)))
    pool = ProcessPoolExecutor(min(processes, len(rest)), mp_context=_context(), initializer=_quiet)
    with _ending(pool):
        yield from pool.map(work, rest, chunksize=chunk)


class Pool(Generic[_Task, _Result]):
    """Processes that do one kind of work: begun when that is worth it, kept until all of it is done.

    `work` reaches each process once, not with every task; a task and its result are sent. `processes` is how many there
    may be: None decides by how long the first task takes. Leaving the pool ends them.

    >>> with Pool(abs, processes=1) as pool:
    ...     list(pool.stream(iter([-1, 2, -3]), of=3))
    [1, 2, 3]
    """

    def __init__(self, work: Callable[[_Task], _Result], *, processes: int | None = None) -> None:
        self._work = work
        self._processes = processes
        self._executor: ProcessPoolExecutor | None = None

    def stream(self, tasks: Iterable[_Task], *, of: int, together: int = 1) -> Iterator[_Result]:
        """The result of each task, in the order of the tasks, of which there are about `of`; few are ever held.

        `together`: how many tasks are sent to a process at once, if each is so short that sending it matters.
        """
        rest = iter(tasks)
        if self._processes is None:
            begun = time.perf_counter()
            for task in rest:
                yield self._work(task)
                break
            left = (time.perf_counter() - begun) * (of - 1)
            if left <= WORTH_A_PROCESS_S:
                yield from map(self._work, rest)
                return
            self._processes = cores()
        if self._processes <= 1:
            yield from map(self._work, rest)
            return
        executor = self._executor = self._executor or ProcessPoolExecutor(
            self._processes, mp_context=_context(), initializer=_begin, initargs=(self._work,)
        )
        chunks = iter(lambda: list(islice(rest, together)), [])
        waiting = deque(executor.submit(_all_of, chunk) for chunk in islice(chunks, 4 * self._processes))
        while waiting:
            done = waiting.popleft().result()
            waiting.extend(executor.submit(_all_of, chunk) for chunk in islice(chunks, 1))
            yield from done

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._executor is not None:
            _end(self._executor, at_once=kind is not None)


@contextmanager
def _ending(pool: ProcessPoolExecutor) -> Generator[None]:
    """The pool ends with the block: at once where it is left early, without waiting for what is being worked on."""
    try:
        yield
    except BaseException:
        _end(pool, at_once=True)
        raise
    _end(pool, at_once=False)


def _end(pool: ProcessPoolExecutor, *, at_once: bool) -> None:
    if at_once:  # what `terminate_workers` does from Python 3.14 on
        for process in list((pool._processes or {}).values()):  # pyright: ignore[reportPrivateUsage]
            process.terminate()
    pool.shutdown(wait=True, cancel_futures=True)


FollowedWork = Callable[[_Task, Callable[[int], object]], _Result]
"""Work that says meanwhile how much of it is done."""

LOOKED_EVERY_S: Final = 0.1


def followed(
    work: FollowedWork[_Task, _Result],
    tasks: Sequence[_Task],
    *,
    processes: int,
    progress: Callable[[int], object],
) -> list[_Result]:
    """`work(task, tell)` for each task, each long enough for a process of its own; the results in the tasks' order.

    `progress` hears meanwhile the sum of what all of them have told.

    >>> followed(lambda task, tell: (tell(task), -task)[1], [1, 2], processes=1, progress=lambda done: None)
    [-1, -2]
    """
    if processes <= 1 or len(tasks) <= 1:
        told = [0] * len(tasks)

        def tell(place: int, done: int) -> None:
            told[place] = done
            progress(sum(told))

        return [work(task, partial(tell, place)) for place, task in enumerate(tasks)]
    context = _context()
    shared = context.Array("q", len(tasks), lock=False)  # each process writes to its own place
    pool = ProcessPoolExecutor(
        min(processes, len(tasks)), mp_context=context, initializer=_begin, initargs=(partial(_telling, work, shared),)
    )
    with _ending(pool):
        futures = [pool.submit(_work, (place, task)) for place, task in enumerate(tasks)]
        left = set(futures)
        while left:
            _, left = wait(left, timeout=LOOKED_EVERY_S)
            progress(sum(shared))
        return [future.result() for future in futures]


def _telling(work: FollowedWork[_Task, _Result], shared: MutableSequence[int], placed: tuple[int, _Task]) -> _Result:
    place, task = placed
    return work(task, partial(shared.__setitem__, place))


_works: list[Callable[[Any], Any]] = []
"""In a process of a pool: what it does."""


def _begin(work: Callable[[Any], Any]) -> None:
    _quiet()
    _works.append(work)


def _work(task: Any) -> Any:
    return _works[-1](task)


def _all_of(tasks: Sequence[Any]) -> list[Any]:
    return [_work(task) for task in tasks]


def _context() -> Any:
    """Forking is many times faster than starting a new interpreter, where the system has it."""
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("fork" if "fork" in methods else "spawn")


def _quiet() -> None:
    """Ctrl-C is answered by the parent alone; a process ends by SIGTERM, or soon after its parent was killed.

    What the parent has made is left alone: to look it over for garbage would copy it.
    """
    import gc
    import signal

    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent: int) -> None:
    """A process whose parent is gone belongs to another one: nobody wants its results any more."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
