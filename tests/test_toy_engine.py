"""An engine from another distribution: installed beside durascope, seen by every command, without a line changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TOY = '''
"""A toy: a server that runs each step once, in order, and forgets everything when it dies."""

from __future__ import annotations

from durascope.models.engine import Colours, EngineSpec, Part
from durascope.models.fields import Model
from durascope.models.scenario import Scenario
from durascope.models.steps import Run
from durascope.models.units import Duration
from durascope.render.diagram import Diagram, Edge, Group, Node
from durascope.render.theme import engine_paints
from durascope.simulators.engine import Engine, Findings
from durascope.simulators.kernel.component import Component


class ToyDeployment(Model):
    """How the toy is laid out."""

    pause: Duration = 1_000_000
    """Between two steps."""


class Server(Component):
    """Runs workflows; nothing it knows survives it."""

    def __init__(self, engine):
        self.engine = engine
        self.pause = engine.scenario.deployments.of("toy").pause
        super().__init__(engine.world, "toy-server")

    def begin(self, run):
        self.world.run_started(self.name, run)
        self.engine.record[run.name] = ["begun"]
        self.step(run, 0)

    def step(self, run, number):
        steps = [step for step in self.engine.scenario.workflows[run.workflow].steps if isinstance(step, Run)]
        if number == len(steps):
            self.engine.record[run.name].append("done")
            self.engine.status[run.name] = "completed"
            self.world.run_ended(self.name, run, "completed")
            return
        step = steps[number]

        def report(_outcome):
            self.engine.record[run.name].append(step.run)
            self.after(self.pause, self.step, run, number + 1)

        self.engine.services.execute(self, run, step, step.run, step.run, report)


class Toy(Engine):
    name = "toy"

    def __init__(self, world, scenario, *, records=True):
        super().__init__(world, scenario, records=records)
        self.record, self.status = {}, {}
        self.server = Server(self)

    def start(self, requests):
        for request in requests:
            self.network.send(self.client, self.server, 1_000, self.server.begin, request.run)

    def send(self, event):
        pass

    def replicas(self, name):
        return [[self.server]]

    def deploy(self, name, workflow, down_for, *, in_place):
        pass

    def findings(self):
        return Findings(records=self.record, status=self.status)


def notes(scenario: Scenario):
    if scenario.faults:
        yield "The toy forgets its runs when its server dies: start them again."


def architecture(scenario: Scenario) -> Diagram:
    drawn = Diagram(scenario.scenario)
    drawn.groups.append(Group("server", "Toy Box", "", "engine", paint=engine_paints("toy")[0]))
    drawn.nodes += [Node("client", "client", role="client"), Node("toy", "Toy server", group="server")]
    drawn.edges.append(Edge("client", "toy", "start", "call", "1"))
    return drawn


ENGINE = EngineSpec(
    name="toy",
    title="Toy Engine",
    colours=Colours("#f0fff0", "#60a060", "#207020", "bold green"),
    simulator=Part("toy_engine:Toy"),
    deployment=Part("toy_engine:ToyDeployment"),
    notes=Part("toy_engine:notes"),
    architecture=Part("toy_engine:architecture"),
    programs={"toyd": "pip install toyd"},
)
'''
SCENARIO = """
scenario: play
workflows: {w: {steps: [{run: a, takes: 1s}, {run: b, takes: 1s}]}}
deployments: {toy: {pause: 5s}}
faults: [{crash: engine, when: {step: b, moment: after-effect}, down_for: 1s}]
"""


def test_the_toy_is_small() -> None:
    assert len(TOY.splitlines()) < 150


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the toy's distribution, as an installer leaves it, and a scenario."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "toy_engine.py").write_text(TOY, "utf-8")
    info = folder / "toy_engine-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-engine\nVersion: 0.3\n", "utf-8")
    (info / "entry_points.txt").write_text("[durascope.engines]\ntoy = toy_engine:ENGINE\n", "utf-8")
    (folder / "play.yaml").write_text(SCENARIO, "utf-8")
    return folder


def durascope(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join((str(home), *filter(None, [os.environ.get("PYTHONPATH")])))
    return subprocess.run(
        [sys.executable, "-m", "durascope", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=home,
        env={**os.environ, "PYTHONPATH": path},
    )


def test_run_tells_its_story(home: Path) -> None:
    told = durascope(home, "run", "play.yaml")
    assert told.returncode == 0, told.stderr
    assert "Toy Engine ──" in told.stdout
    assert "The toy forgets its runs when its server dies" in told.stdout


def test_its_runs_are_data_like_all_others(home: Path) -> None:
    told = json.loads(durascope(home, "run", "play.yaml", "--set", "faults=[]", "--json").stdout)
    assert list(told["engines"]) == ["temporal", "inngest", "restate", "toy"]
    toy = told["engines"]["toy"]
    assert toy["records"] == {"run 1": ["begun", "a", "b", "done"]}
    assert toy["metrics"]["latency_ms"]["max"] == 12_000  # two pauses of the 5 s that the scenario asks for


def test_it_can_be_drawn(home: Path) -> None:
    told = durascope(home, "diagram", "play.yaml", "-e", "toy", "--out", "pictures")
    assert told.returncode == 0, told.stderr
    assert "Toy Box" in (home / "pictures/play.toy.architecture.svg").read_text("utf-8")
    assert "Toy Engine" in (home / "pictures/play.toy.timeline.svg").read_text("utf-8")


def test_check_knows_its_deployment_and_its_notes(home: Path) -> None:
    told = durascope(home, "check", "play.yaml", "-e", "toy", "--json")
    assert json.loads(told.stdout)[0]["notes"] == [
        {"engine": "toy", "note": "The toy forgets its runs when its server dies: start them again."}
    ]
    (home / "wrong.yaml").write_text(SCENARIO.replace("play", "wrong").replace("pause", "paws"), "utf-8")
    told = durascope(home, "check", "wrong.yaml")
    assert told.returncode == 2
    assert "wrong.yaml:4:21: error[unknown-field]: `paws` is not a field here" in told.stderr
    assert "did you mean `pause`?" in told.stderr


def test_doctor_says_where_it_comes_from_and_what_it_needs(home: Path) -> None:
    told = durascope(home, "doctor").stdout
    assert "Toy Engine, toy-engine 0.3" in told
    assert "pip install toyd" in told


def test_one_that_cannot_be_imported_is_named_in_one_line(home: Path, tmp_path: Path) -> None:
    info = tmp_path / "sad-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sad\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text("[durascope.engines]\nsad = no_such_module:ENGINE\n", "utf-8")
    told = durascope(tmp_path, "run", "payment", "-e", "sad")
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert "the engine sad of sad 1.0 cannot be loaded: No module named 'no_such_module'" in told.stderr
