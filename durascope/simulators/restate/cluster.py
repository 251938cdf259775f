"""The server's nodes: each is one process with an ingress, a partition processor and an invoker (restate.md §1).

One node leads all partitions. Of several, each leads its share; when one dies the next that is alive takes its
partitions over after the failure has been noticed (not recorded: restate.md §21).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from durascope.models.scenario import RestateDeployment
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.delays import Delays
from durascope.simulators.kernel.network import Connection, Network
from durascope.simulators.kernel.world import World
from durascope.simulators.restate.deployments import Registry
from durascope.simulators.restate.ingress import Ingress
from durascope.simulators.restate.invoker import Invoker
from durascope.simulators.restate.leaders import Leaders
from durascope.simulators.restate.observer import Observer
from durascope.simulators.restate.processor import PartitionProcessor
from durascope.simulators.restate.retention import Retention
from durascope.simulators.restate.routing import Router
from durascope.simulators.restate.store import Partition


class Node(NamedTuple):
    """One process of the server."""

    ingress: Ingress
    processor: PartitionProcessor
    invoker: Invoker

    @property
    def components(self) -> Sequence[Component]:
        """What dies with it, and goes on with it: timers first, new requests after what open streams hold."""
        return [self.processor, self.invoker, self.ingress]


def build_node(
    world: World,
    suffix: str,
    network: Network,
    options: RestateDeployment,
    delays: Delays,
    registry: Registry,
    router: Router,
    observer: Observer,
    leaders: Leaders,
    answers: dict[str, Callable[[int], None]],
    *,
    records: bool,
) -> Node:
    """A node; `suffix` tells its lanes in the trace from those of others."""
    processor = PartitionProcessor(
        world, f"partition-processor{suffix}", delays, leaders=leaders, retention=Retention.of(options.service),
        child=router.child, answers=answers, records=records,
    )  # fmt: skip
    invoker = Invoker(
        world, f"invoker{suffix}", network, options, delays, processor, registry, router.outer, observer
    )  # fmt: skip
    processor.connect(invoker)
    ingress = Ingress(world, f"ingress{suffix}", leaders=leaders, answers=answers)
    return Node(ingress, processor, invoker)


def share_out(partitions: Sequence[Partition], nodes: Sequence[Node], leaders: Leaders) -> None:
    """Gives each node the leadership of its share."""
    for partition in partitions:
        leader = nodes[partition.number % len(nodes)].processor
        leaders.elect(partition, leader)
        leader.partitions.append(partition)
        leader.leading.add(partition.number)


class Controller(Component):
    """Notices that a node has died, and moves its partitions to another.

    Nodes gossip with each other; here each holds a connection to the controller, which hears when that breaks.
    """

    def __init__(self, world: World, name: str, network: Network, nodes: Sequence[Node], delays: Delays) -> None:
        self.network = network
        self.delays = delays
        self.nodes = nodes
        super().__init__(world, name)
        for node in nodes if len(nodes) > 1 else ():
            node.processor.join = partial(self._watch, node)
            self._watch(node)

    def _watch(self, node: Node) -> None:
        """The node has come up, and joins the cluster."""
        self.network.connect(
            node.processor, self, self.delays.typical("network"), partial(self._joined, node),
            on_refused=lambda: None, what="join",
        )  # fmt: skip

    def _joined(self, node: Node, connection: Connection) -> None:
        connection.on_lost[self] = partial(self.after, self.delays.typical("failover"), self._move, node)

    def _move(self, node: Node) -> None:
        alive = [each.processor for each in self.nodes if each.processor.alive]
        if node.processor.alive or not alive:
            return
        for place, partition in enumerate(node.processor.partitions):
            heir = alive[place % len(alive)]
            heir.partitions.append(partition)
            heir.execute(heir.lead, partition)
        node.processor.partitions.clear()
