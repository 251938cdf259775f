"""The page that asks: what it is told, and who is told nothing."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from durascope.models.loading import load_scenario
from durascope.models.overrides import Overrides
from durascope.models.writing import as_short_yaml
from durascope.player.answers import answer
from durascope.player.document import crashes_in, document
from durascope.player.server import MOST_BYTES, Server
from durascope.player.worker import TooLong, Worker
from durascope.render.exports.jsonl import plain
from durascope.simulators.simulate import simulate
from tests.player import unpacking

ORDER = load_scenario("order-fulfillment")
YAML = as_short_yaml(ORDER)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    patch = pytest.MonkeyPatch()
    for module in ("page", "server"):
        patch.setattr(f"durascope.player.{module}.bundle", lambda: unpacking.SMALL)
    made = Server(document(ORDER, ["temporal", "restate"], forked=False), YAML)
    serving = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    serving.start()
    yield made
    made.shutdown()
    serving.join()
    made.server_close()
    patch.undo()


def asked(
    server: Server, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    connection.request(method, path, body, dict(headers or {}))
    answered = connection.getresponse()
    found = answered.status, answered.read(), answered.headers
    connection.close()
    return found


def post(server: Server, path: str, **question: Any) -> tuple[int, dict[str, Any]]:
    body = json.dumps({"token": server.token, **question}).encode()
    status, data, _ = asked(server, "POST", path, body, {"Content-Type": "application/json"})
    return status, json.loads(data)


def test_the_page_is_served_with_its_token_and_may_ask_its_server(server: Server) -> None:
    status, page, headers = asked(server, "GET", server.url.removeprefix(f"http://{server.hosts[0]}"))
    assert status == 200
    assert unpacking.about(page.decode())["live"] == {"token": server.token}
    assert "connect-src 'self'" in unpacking.policy(page.decode())
    assert headers["Cache-Control"] == "no-store"
    assert crashes_in(unpacking.document(page.decode())) == {"temporal": 0, "restate": 0}


def test_a_crash_at_any_moment_is_what_run_tells(server: Server) -> None:
    phrase = "engine after event 40 down 1s"
    status, told = post(server, "/simulate", story="written", engine="restate", faults=[phrase])
    assert (status, told["phrase"], told["problems"]) == (200, phrase, [])
    scenario = load_scenario("order-fulfillment", Overrides((), (phrase,)))
    expected = simulate(scenario, "restate", full=True).events
    assert unpacking.events(told["traces"], 0) == [each._replace(detail=plain(each.detail)) for each in expected]


def test_the_calm_story_is_asked_about_without_the_scenarios_faults(server: Server) -> None:
    _, told = post(server, "/simulate", story="calm", engine="temporal", faults=[])
    kinds = {event.kind.value for event in unpacking.events(told["traces"], 0)}
    assert "crashed" not in kinds


def test_any_fault_can_be_asked_for(server: Server) -> None:
    cut = {"cut": ["app", "engine"], "for": "5s", "when": {"event": 40}}
    _, told = post(server, "/simulate", story="calm", engine="restate", faults=[cut, "app at 20s down 1s"])
    assert {"cut", "healed"} <= {event.kind.value for event in unpacking.events(told["traces"], 0)}
    assert told["phrase"].endswith("app at 20s down 1s")


def test_a_scenario_is_edited_and_checked(server: Server) -> None:
    edited = YAML.replace("charge-payment", "charge-card")
    _, told = post(server, "/simulate", story="calm", engine="restate", faults=[], yaml=edited)
    assert "charge-card" in told["traces"]["tokens"]["step"]
    assert {each["severity"] for each in post(server, "/check", yaml=YAML)[1]["problems"]} <= {"warning"}
    [problem] = post(server, "/check", yaml=YAML.replace("latency", "latencyy", 1))[1]["problems"]
    assert problem["severity"] == "error"
    assert "latencyy" in problem["message"]
    assert YAML.splitlines()[int(problem["place"].split(":")[0]) - 1].strip().startswith("latency")


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"engine": "airflow"}, "no engine"),
        ({"engine": "restate", "faults": ["app sometimes charge-payment"]}, "sometimes"),
        ({"engine": "restate", "faults": [{"crash": "nobody", "at": "1s"}]}, "nobody"),
        ({"engine": "restate", "faults": [5]}, ""),
        ({"engine": "restate", "yaml": "scenario: [}"}, ""),
        ({"engine": "restate", "yaml": YAML.replace("runs: 1", "runs: 5000")}, "at most 100 runs"),
        ({"engine": "restate", "faults": ["app at 1s"] * 51}, "at most 50"),
    ],
)
def test_what_cannot_be_simulated_is_explained(server: Server, question: dict[str, Any], said: str) -> None:
    status, told = post(server, "/simulate", story="written", **question)
    assert status == 200
    assert "traces" not in told
    assert said in told["problems"][0]["message"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/", {}, 403),
        ("GET", "/?token=guessed", {}, 403),
        ("GET", "/etc/passwd", {}, 404),
        ("GET", "/?token=TOKEN", {"Host": "evil.example"}, 403),
        ("GET", "/?token=TOKEN", {"Host": "127.0.0.1"}, 403),
        ("POST", "/simulate", {"Content-Type": "application/json"}, 403),
        ("POST", "/simulate", {"Content-Type": "text/plain"}, 415),
        ("POST", "/simulate", {"Content-Type": "application/json", "Origin": "http://evil.example"}, 403),
        ("POST", "/simulate", {"Content-Type": "application/json", "Content-Length": "-1"}, 411),
        ("POST", "/simulate", {"Content-Type": "application/json", "Content-Length": str(MOST_BYTES + 1)}, 413),
        ("POST", "/elsewhere", {"Content-Type": "application/json"}, 404),
        ("DELETE", "/", {}, 501),
    ],
)
def test_who_is_told_nothing(server: Server, method: str, path: str, headers: dict[str, str], status: int) -> None:
    body = b'{"token": "guessed"}' if method == "POST" else None
    answered, data, _ = asked(server, method, path.replace("TOKEN", server.token), body, headers)
    assert answered == status
    assert b"durascope-data" not in data
    assert server.token.encode() not in data


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{" * 100_000, b'{"token": 5}', b'{"token": "x", "faults": {}}', b"\xff"]
)
def test_what_is_no_question_is_refused(server: Server, body: bytes) -> None:
    status, data, _ = asked(server, "POST", "/simulate", body, {"Content-Type": "application/json"})
    assert status in (400, 403)
    assert json.loads(data)["problems"]


def test_it_listens_on_this_machine_alone(server: Server) -> None:
    assert server.socket.getsockname()[0] == "127.0.0.1"


def test_who_sends_nothing_keeps_nobody_waiting(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port)):
        assert post(server, "/check", yaml=YAML)[0] == 200


def test_an_answer_that_takes_too_long_is_ended_and_the_next_one_comes() -> None:
    worker = Worker(limit_s=0.01)
    question = {"ask": "simulate", "yaml": YAML, "engine": "restate", "seed": 0, "faults": []}
    try:
        with pytest.raises(TooLong):
            worker.ask(question)
        patient = Worker()
        try:
            assert json.loads(patient.ask(question))["problems"] == []
        finally:
            patient.close()
    finally:
        worker.close()


def test_whatever_is_asked_is_answered() -> None:
    assert answer({"ask": "check", "yaml": "\x00"})["problems"]
    assert answer({"ask": "check", "yaml": "a: &a [*a]"})["problems"]
