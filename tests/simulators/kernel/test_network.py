"""Messages can be lost (law 2): they take time, are refused by the dead, and keep their order on a connection."""

from __future__ import annotations

from durascope.models.trace import Kind
from durascope.simulators.kernel.clock import Steps
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.network import Connection, Keepalive, Network
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


def cut_for(place: Place, duration: int) -> None:
    def steps() -> Steps:
        place.network.cut(place.client, place.server)
        yield place.world.env.timeout(duration)
        place.network.heal(place.client, place.server)

    place.world.process(steps())


def test_a_message_into_a_short_cut_is_retransmitted_and_arrives_late() -> None:
    place = Place()
    cut_for(place, 300_000)
    place.send()
    place.world.run()
    assert place.heard == [(1_000 + 200_000 + 400_000, "hello")]
    assert Kind.MESSAGE_LOST not in place.kinds()


def test_what_follows_a_delayed_message_does_not_overtake_it() -> None:
    place = Place()
    cut_for(place, 300_000)
    place.send()
    place.world.after(310_000, place.network.send, place.client, place.server, 1_000, lambda: place.hear("second"))
    place.world.run()
    assert place.heard == [(601_000, "hello"), (601_000, "second")]


def test_tcp_gives_a_message_up_after_a_quarter_of_an_hour() -> None:
    place = Place()
    place.network.cut(place.client, place.server)
    place.send()
    place.world.run()
    assert place.heard == []
    assert Kind.MESSAGE_LOST in place.kinds()
    assert 924_000_000 <= place.world.now <= 1_045_000_000


def connected(place: Place, *, keepalive: Keepalive | None = None) -> Connection:
    """A connection of the two that both ends would miss."""

    def accepted(connection: Connection) -> None:
        connection.on_lost[place.server] = lambda: place.hear("server: lost")

    connection = place.network.connect(
        place.client, place.server, 1_000, accepted, on_refused=lambda: place.hear("refused")
    )
    connection.on_lost[place.client] = lambda: place.hear("client: lost")
    if keepalive is not None:
        connection.keepalive[place.client] = keepalive
    return connection


def test_a_connection_lives_through_a_short_cut() -> None:
    place = Place()
    connection = connected(place, keepalive=Keepalive(every=10_000_000, timeout=5_000_000))
    place.world.after(9_000_000, cut_for, place, 2_000_000)
    place.world.after(9_500_000, connection.send, place.client, place.hear, "report")
    place.world.run()
    assert place.heard == [(9_501_000 + 200_000 + 400_000 + 800_000 + 1_600_000, "report")]


def test_a_keepalive_without_an_answer_breaks_the_connection_and_the_other_end_learns_of_it_after_the_cut() -> None:
    place = Place()
    connection = connected(place, keepalive=Keepalive(every=10_000_000, timeout=5_000_000))
    place.world.after(5_000_000, cut_for, place, 60_000_000)
    place.world.after(5_500_000, connection.send, place.server, place.hear, "never arrives")
    place.world.run()
    assert place.heard == [(15_001_000, "client: lost"), (65_200_000, "server: lost")]


def test_a_connection_attempt_into_a_cut_is_repeated_after_a_second() -> None:
    place = Place()
    cut_for(place, 300_000)
    place.network.connect(
        place.client, place.server, 1_000, lambda _: place.hear("accepted"), on_refused=lambda: place.hear("refused")
    )
    place.world.run()
    assert place.heard == [(1_001_000, "accepted")]


def test_a_connection_attempt_fails_when_the_cut_lasts() -> None:
    place = Place()
    place.network.cut(place.client, place.server)
    place.network.connect(
        place.client, place.server, 1_000, lambda _: place.hear("accepted"), on_refused=lambda: place.hear("refused")
    )
    place.world.run()
    assert [what for _, what in place.heard] == ["refused"]


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


def test_a_server_hears_that_a_client_died_before_it_had_accepted_the_connection() -> None:
    """The death is told after what was under way, the connection among it: nothing of the dead stays open."""
    place = Place()
    connection = connected(place)
    place.world.after(10, place.client.crash)
    place.world.run()
    assert place.heard == [(1_010, "server: lost")]
    assert connection.closed
