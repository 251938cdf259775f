"""What a fault can name in a Temporal deployment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from durascope.models.deployments import TemporalDeployment


def components(deployment: TemporalDeployment) -> Mapping[str, int]:
    """Each pool of workers by its name; `app` may be any of them.

    >>> from durascope.models.deployments import TemporalDeployment
    >>> components(TemporalDeployment())
    {'worker': 1, 'app': 1, 'engine': 1}
    """
    workers: Counter[str] = Counter()
    for worker in deployment.workers:
        workers[worker.name] += worker.replicas
    return {**workers, "app": max(workers.values()), "engine": 1}
