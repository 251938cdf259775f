"""Messages can be lost (law 2): they take time, are refused by the dead, and keep their order on a connection."""

from __future__ import annotations

from durascope.models.trace import Kind
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.network import Connection, Network
from durascope.simulators.kernel.world import World


class Place:
    """A world with a client, a server, and a log of what they heard."""

    def __init__(self) -> None:
        self.world = World(0, full=True)
        self.network = Network(self.world)
        self.client = Component(self.world, "client")
        self.server = Component(self.world, "server")
        self.heard: list[tuple[int, str]] = []

    def hear(self, what: str) -> None:
        self.heard.append((self.world.now, what))

    def send(self) -> None:
        self.network.send(
            self.client, self.server, 1_000, self.hear, "hello", on_refused=lambda: self.hear("refused"), what="hello"
        )

    def kinds(self) -> list[Kind]:
        return [event.kind for event in self.world.recorder.events]


def test_a_message_takes_time() -> None:
    place = Place()
    place.send()
    place.world.run()
    assert place.heard == [(1_000, "hello")]


def test_a_dead_peer_refuses_and_the_sender_hears_of_it_later() -> None:
    place = Place()
    place.server.crash()
    place.send()
    place.world.run()
    assert place.heard == [(2_000, "refused")]
    assert Kind.MESSAGE_REFUSED in place.kinds()


def test_a_peer_that_is_cut_off_hears_nothing_and_neither_does_the_sender() -> None:
    place = Place()
    place.network.cut(place.client, place.server)
    place.send()
    place.world.run()
    assert place.heard == []
    assert Kind.MESSAGE_LOST in place.kinds()
    place.network.heal(place.client, place.server)
    place.send()
    place.world.run()
    assert [what for _, what in place.heard] == ["hello"]


def test_a_sender_that_died_does_not_hear_of_the_refusal() -> None:
    place = Place()
    place.server.crash()
    place.send()
    place.world.after(1_500, place.client.crash)
    place.world.run()
    assert place.heard == []


def test_the_other_end_of_a_connection_notices_a_death_after_what_was_sent_before_it() -> None:
    place = Place()

    def accepted(connection: Connection) -> None:
        connection.on_lost[place.client] = lambda: place.hear("lost")
        connection.send(place.server, place.hear, "answer", delay=5_000)
        place.server.after(100, place.server.crash)

    place.network.connect(place.client, place.server, 1_000, accepted, on_refused=lambda: place.hear("refused"))
    place.world.run()
    assert [what for _, what in place.heard] == ["answer", "lost"]


def test_a_connection_to_the_dead_is_refused() -> None:
    place = Place()
    place.server.crash()
    place.network.connect(
        place.client, place.server, 1_000, lambda _: place.hear("accepted"), on_refused=lambda: place.hear("refused")
    )
    place.world.run()
    assert place.heard == [(2_000, "refused")]


def test_messages_on_a_connection_keep_their_order() -> None:
    place = Place()

    def accepted(connection: Connection) -> None:
        connection.send(place.server, place.hear, "slow", delay=5_000)
        connection.send(place.server, place.hear, "fast", delay=10)

    place.network.connect(place.client, place.server, 1_000, accepted, on_refused=lambda: None)
    place.world.run()
    assert [what for _, what in place.heard] == ["slow", "fast"]
