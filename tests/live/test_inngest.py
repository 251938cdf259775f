"""Inngest for real, as far as it goes without its dev server: the relay, the records, the app, the comparison."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from durascope.cli import main
from durascope.live.inngest import wire
from durascope.live.inngest.engine import BackgroundLoop, InngestLive
from durascope.live.inngest.functions import cel, client, flow_control, served
from durascope.live.inngest.judge import RealHost, judge
from durascope.live.inngest.recorder import Recorder, answer_of
from durascope.live.inngest.relay import Message, Relay, read
from durascope.live.inngest.server import MISSING, find
from durascope.live.inngest.wire import Response
from durascope.live.judging import judge as alike
from durascope.live.processes import HOST, LiveProblem, free_ports, wait_until
from durascope.live.verification import told, verify
from durascope.models.cases import InngestCase
from durascope.models.conditions import Condition
from durascope.models.flow import Flow
from durascope.models.loading import builtin_names, load, scenario_in
from durascope.models.reading import parse_scenario
from durascope.models.scenario import Scenario
from durascope.simulators.inngest.functions import register

CASES = Path(__file__).parent.parent / "conformance" / "inngest"


def scenario(name: str) -> Scenario:
    return scenario_in(load(CASES / f"{name}.yaml"))


def on_python() -> list[str]:
    loaded = [load(path) for path in sorted(CASES.glob("*.yaml"))]
    return [
        case.case
        for case in loaded
        if isinstance(case, InngestCase) and case.scenario.deployments.inngest.app.sdk == "python"
    ]


@pytest.fixture
def loop() -> Iterator[BackgroundLoop]:
    loop = BackgroundLoop()
    loop.start()
    yield loop
    loop.stop()


def test_a_loop_that_is_stopped_leaves_nothing_open() -> None:
    """A connection that came in while all was being closed is closed, too, and its task has ended."""
    loop = BackgroundLoop()
    loop.start()
    ended: list[str] = []

    async def serves() -> None:
        try:
            await asyncio.sleep(600)
        finally:
            ended.append("closed")

    async def comes_in() -> None:
        tasks.append(asyncio.ensure_future(serves()))
        await asyncio.sleep(0)

    tasks: list[asyncio.Task[None]] = []
    loop.run(comes_in())
    loop.stop()
    assert ended == ["closed"]
    assert tasks[0].cancelled()


# ---- the relay and the records -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def host() -> Iterator[RealHost]:
    with RealHost() as host:
        yield host


def lines(records: Mapping[str, Sequence[str]]) -> Mapping[str, Counter[str]]:
    """What a relay in front of the host alone can see: answered requests and the waits they tell of, in any order."""
    seen = re.compile(r"POST .* -> \d{3}|pause ")
    return {
        wire.run_id(run): found
        for run, each in records.items()
        if (found := Counter(line for line in each if seen.match(line)))
    }


@pytest.mark.parametrize("name", on_python())
def test_what_passes_the_relay_is_written_as_the_model_writes_it(
    host: RealHost, loop: BackgroundLoop, name: str
) -> None:
    """The simulated executor's requests go through the relay to the real SDK."""
    asked = scenario(name)
    recorder = Recorder(register(asked))
    relay, (port,) = Relay(host.port, recorder.to_app), free_ports(1)
    loop.run(relay.open(port))
    verdict = judge(asked, host, port=port)
    loop.run(relay.close())
    assert not verdict.disagreements
    names = {run.info.name: id_ for id_, run in recorder.runs.items()}
    recorded = {names[run]: Counter(each) for run, each in recorder.relay.records.items()}
    for run, predicted in lines(verdict.records).items():
        assert not predicted - recorded[run]


class Seen:
    """A watcher that only remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []

    async def asked(self, request: Message) -> str:
        self.said.append(f"{request.method} {request.path} {request.query} {request.body.decode()}")
        return request.path

    async def answered(self, token: str, answer: Message, *, heard: bool) -> None:
        self.said.append(f"{token} {answer.status} {'heard' if heard else 'unheard'}")

    async def passed_on(self, token: str, answer: Message) -> None:
        self.said.append(f"{token} passed on")

    async def unanswered(self, token: str, why: str) -> None:
        self.said.append(f"{token} {why}")


async def ask(port: int, text: bytes) -> Message | None:
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(text)
    await writer.drain()
    try:
        return await read(reader, answer=True)
    except asyncio.IncompleteReadError:
        return None
    finally:
        writer.close()


async def relayed(seen: Seen, answer: bytes | None, request: bytes) -> Message | None:
    """One request through a relay in front of a server that answers so, breaks off (b""), or is not there (None)."""
    server_port, port = free_ports(2)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read(reader)
        writer.write(answer or b"")
        writer.close()

    server = None if answer is None else await asyncio.start_server(serve, HOST, server_port)
    relay = Relay(server_port, seen)
    await relay.open(port)
    found = await ask(port, request)
    await asyncio.sleep(0.05)
    await relay.close()
    if server is not None:
        server.close()
    return found


GET = b"GET /a?b=1 HTTP/1.1\r\nhost: x\r\n\r\n"


def test_an_answer_in_chunks_is_passed_on_whole() -> None:
    seen = Seen()
    answer = b"HTTP/1.1 206 Partial\r\nx-a: 1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    found = asyncio.run(relayed(seen, answer, GET))
    assert found is not None
    assert (found.status, found.body, found.header("x-a")) == (206, b"abcde", "1")
    assert seen.said == ["GET /a {'b': '1'} ", "/a 206 heard", "/a passed on"]


def test_nobody_there_is_refused_and_a_broken_connection_is_lost() -> None:
    refused, lost = Seen(), Seen()
    assert asyncio.run(relayed(refused, None, GET)) is None
    assert asyncio.run(relayed(lost, b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab", GET)) is None
    assert (refused.said[-1], lost.said[-1]) == ("/a refused", "/a lost")


def test_who_has_gone_does_not_hear_the_answer() -> None:
    seen = Seen()

    async def go() -> None:
        server_port, port = free_ports(2)

        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read(reader)
            await asyncio.sleep(0.1)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            writer.close()

        server, relay = await asyncio.start_server(slow, HOST, server_port), Relay(server_port, seen)
        await relay.open(port)
        _, writer = await asyncio.open_connection(HOST, port)
        writer.write(GET)
        await writer.drain()
        await asyncio.sleep(0.03)
        writer.close()
        await asyncio.sleep(0.15)
        await relay.close()
        server.close()

    asyncio.run(go())
    assert "/a 200 unheard" in seen.said


def test_answers_of_the_typescript_sdk_are_read_too() -> None:
    ops = [
        {"op": "Sleep", "id": "a", "displayName": "nap", "name": "2s"},
        {"op": "InvokeFunction", "id": "b", "displayName": "c", "opts": {"function_id": "durascope-child"}},
    ]
    answer = answer_of(Response(206, {"retry-after": "3", "x-inngest-no-retry": "false"}, ops), 0)
    assert answer.text(0) == "-> 206 Sleep nap 2s; InvokeFunction c child retry-after=3s"


def test_members_that_are_dispatched_together_are_free() -> None:
    plan = "POST step attempt=0 memo=[] -> 206 StepPlanned a, b"
    first = [plan, "POST a attempt=0 memo=[]", "POST b attempt=0 memo=[]", "POST step attempt=0 memo=[a, b]"]
    second = [plan, "POST b attempt=0 memo=[]", "POST a attempt=0 memo=[]", "POST step attempt=0 memo=[b, a]"]
    assert alike(None, "inngest")("run 1", first, second)
    assert not alike(None, "inngest")("run 1", first, [*second[:-1], "POST step attempt=0 memo=[b]"])


# ---- what is registered --------------------------------------------------------------------------------------


async def unused(name: str, context: Any) -> None:
    return None


@pytest.mark.parametrize("name", [*builtin_names(), *on_python()])
def test_the_sdk_accepts_every_function_of_a_scenario(name: str) -> None:
    asked = scenario_in(load(name)) if name in builtin_names() else scenario(name)
    functions = register(asked)
    made = served(client("http://127.0.0.1:1"), functions, unused)
    configs = [config for each in made for config in vars(each.get_config("http://127.0.0.1:1/")).values() if config]
    assert {config.id.removeprefix("durascope-") for config in configs} == set(functions)
    for config in configs:
        function = functions[config.id.removeprefix("durascope-")]
        retries = config.steps["step"].retries
        assert retries is not None
        assert retries.attempts == function.max_attempts - 1, function.name


def test_flow_control_in_the_sdks_words() -> None:
    flow = Flow.model_validate(
        {
            "concurrency": {"limit": 1, "key": "user"},
            "throttle": {"limit": 3, "period": "3s"},
            "idempotency": "id",
            "singleton": {"mode": "cancel"},
            "priority": [{"when": "vip and amount > 3", "is": 120}, {"otherwise": 0}],
            "timeouts": {"finish": "2m"},
        }
    )
    found = flow_control(flow)
    assert found["concurrency"][0].key == "event.data.user"
    assert found["throttle"].to_dict() == {"key": None, "limit": 3, "period": "3s", "burst": 1}
    assert found["idempotency"] == "event.data.id"
    assert found["priority"].run == "(event.data.vip && event.data.amount > 3) ? 120 : 0"
    assert found["timeouts"].to_dict() == {"start": None, "finish": "2m"}


def test_conditions_in_cel() -> None:
    assert cel(Condition.parse("not vip or name == 'a'")) == "(!event.data.vip || event.data.name == 'a')"
    assert cel(Condition.parse("1 < n < 3")) == "(1 < event.data.n && event.data.n < 3)"


# ---- verify --------------------------------------------------------------------------------------------------


def test_a_missing_server_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(LiveProblem, match=re.escape(MISSING)):
        find()
    monkeypatch.undo()
    if shutil.which("inngest") is None:
        assert main(["verify", str(CASES / "happy-path.yaml"), "--engine", "inngest"]) == 2
        assert capfd.readouterr().err.strip().splitlines() == [f"durascope: {MISSING}"]


def test_a_server_that_is_none(capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["verify", str(CASES / "happy-path.yaml"), "--engine", "inngest", "--server", "no/such/program"]
    assert main(arguments) == 2
    assert "no/such/program is no program that can be run" in capfd.readouterr().err


def test_what_cannot_be_run_here_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("durascope.live.node.PLACES", ())
    asked, notes = InngestLive.adapted(scenario("parallel-mode-race-typescript"))
    assert asked.deployments.inngest.app.sdk == "python"
    assert notes == ["the Python SDK, not typescript"]


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    """A program that is started as the real server is."""
    program = tmp_path / "inngest"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("fake_inngest.py")} "$@"\n')
    program.chmod(0o755)
    return program


STAND_IN = [
    "happy-path",
    "crash-mid-step",
    "deploy-renamed-step",
    "parallel-branch-retries",
    "undo-non-retriable",
    "crash-during-sleep-back-in-time",
    "step-limit",
]
"""Cases that need no more of a server than the stand-in has."""


def no_difference(*_compared: object) -> list[object]:
    return []


@pytest.mark.parametrize("name", STAND_IN)
def test_a_case_runs_for_real_on_a_stand_in_for_the_server(
    fake: Path, tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real processes, real kills, the real SDK; only the server is a stand-in, which is faster than the real one."""
    monkeypatch.setattr("durascope.live.timing.differences", no_difference)
    kept = tmp_path / f"{name}.yaml"
    arguments = ["verify", str(CASES / f"{name}.yaml"), "-e", "inngest", "--server", str(fake), "--save", str(kept)]
    assert main(arguments) == 0, capfd.readouterr().out
    case, again = load(CASES / f"{name}.yaml"), load(kept)
    assert isinstance(case, InngestCase)
    assert isinstance(again, InngestCase)
    assert alike(case)("run 1", case.records[0]["run 1"], again.records[0]["run 1"])
    assert again.status == case.status
    assert _happened(again) == _happened(case)


def _happened(case: InngestCase) -> Mapping[str, int]:
    return {step: count for step, count in case.effects.items() if count}


RERUN = """
scenario: rerun
workflows:
  order:
    steps:
      - {run: check, takes: 50ms}
      - {run: charge, takes: 50ms}
      - {run: ship, takes: 50ms, fails: {always: true, error: NoStock}}
      - {run: mail, takes: 50ms}
workload:
  of: order
  events: [{operator: reset, to: 1, step: charge, at: 3s}, {operator: reset, to: 1, step: mail, at: 3s}]
deployments: {inngest: {retries: 0, app: {sdk: SDK}}}
"""


def rerun_for_real(fake: Path, sdk: str) -> None:
    """Of two reruns the server refuses the one from a step that the run has never come to."""
    found = verify(parse_scenario(RERUN.replace("SDK", sdk)), "inngest", server=str(fake))
    (recording,) = found.recordings
    assert sorted(recording.records) == ["run 1", "run 2"]
    assert recording.records["run 2"][1].startswith("POST charge attempt=0 memo=[check] -> 206 StepRun charge")
    assert recording.effects == {"check": 1, "charge": 2, "ship": 0}
    assert not [each for each in found.differences[0] if each.line is not None], told(found)


def test_a_rerun_for_real_on_a_stand_in_for_the_server(fake: Path) -> None:
    rerun_for_real(fake, "python")


def test_what_is_wrong_is_shown(fake: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The stand-in is told to forget what it has memoised."""
    wrong = tmp_path / "wrong"
    wrong.write_text(fake.read_text().replace("exec ", "exec env FAKE_MEMO_LOST=1 "))
    wrong.chmod(0o755)
    arguments = ["verify", str(CASES / "happy-path.yaml"), "-e", "inngest", "--server", str(wrong), "--within", "4"]
    assert main(arguments) == 1
    assert "≠" in capfd.readouterr().out


def _alive(marker: str) -> list[str]:
    found: list[str] = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker in each.read_text("utf-8", "replace"):
                found.append(each.parent.name)
        except OSError:
            continue
    return found


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc to see processes")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_when_it_is_stopped(fake: Path, tmp_path: Path, how: signal.Signals) -> None:
    marker = str(Path(__file__).with_name("fake_inngest.py"))
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [
        sys.executable, "-m", "durascope", "verify", str(CASES / "crash-during-sleep-back-in-time.yaml"),
        "-e", "inngest", "--server", str(fake),
    ]  # fmt: skip
    verifying = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        wait_until(lambda: bool(_alive(str(tmp_path) + "/durascope-")) and bool(_alive(marker)), "the processes")
        time.sleep(0.5)
        verifying.send_signal(how)
        verifying.wait(30)
    finally:
        verifying.kill()
    wait_until(lambda: not _alive(str(tmp_path) + "/durascope-"), "the end of all processes", seconds=10)
    assert not list(tmp_path.glob("durascope-*"))


# ---- the real server -----------------------------------------------------------------------------------------


@pytest.mark.live
@pytest.mark.skipif(shutil.which("inngest") is None, reason=MISSING)
@pytest.mark.parametrize("name", on_python())
def test_a_case_on_the_real_server(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(CASES / f"{name}.yaml"), "--engine", "inngest"]) == 0, capfd.readouterr().out
