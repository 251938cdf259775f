"""Sweeps on a Dask cluster: the same function, on other machines."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

_Task = TypeVar("_Task")


class ClusterError(Exception):
    """A cluster that cannot be used; its text says why."""


@contextmanager
def mapper(address: str, *, wait_s: float = 10.0) -> Generator[Callable[..., Iterator[Any]]]:
    """What maps tasks on the cluster at `address` (`tcp://host:8786`), or on a local one (`local`).

    Results come in the order of the tasks. A worker that dies in the middle loses nothing: its tasks are run again by
    the others. Raises `ClusterError` if Dask is not installed or nobody answers within `wait_s` seconds.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise ClusterError("Dask is not installed: pip install 'durascope[cluster]'") from None
    cluster = None
    try:
        if address == "local":
            local: dict[str, Any] = {"host": "127.0.0.1", "dashboard_address": None, "threads_per_worker": 1}
            cluster = LocalCluster(**local)
        client: Any = Client(cluster or address, timeout=wait_s, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise ClusterError(f"no Dask scheduler answers at {address}: {' '.join(str(error).split())}") from None

    def mapped(work: Callable[[_Task], Any], tasks: Sequence[_Task]) -> Iterator[Any]:
        futures = client.map(work, list(tasks), pure=False, retries=3)
        for future in futures:
            yield future.result()

    try:
        yield mapped
    finally:
        client.close()
        if cluster is not None:
            cluster.close()
