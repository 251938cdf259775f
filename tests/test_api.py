"""The public API: `import durascope` in a script or a notebook."""

from __future__ import annotations

import doctest
import inspect
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import durascope
from durascope.player.page import NoPlayer

MODULES = sorted({place for place in durascope._PLACES.values() if place.startswith("durascope.api")})


def test_the_list_of_public_names_is_exact() -> None:
    assert sorted([*durascope._PLACES, "__version__"]) == durascope.__all__ == dir(durascope)
    for module in map(import_module, MODULES):
        own = {
            name
            for name, each in vars(module).items()
            if not name.startswith("_") and getattr(each, "__module__", "") == module.__name__
        }
        assert own <= set(durascope.__all__), module.__name__


@pytest.mark.parametrize("name", [name for name in durascope.__all__ if name != "__version__"])
def test_every_public_name_says_what_it_is(name: str) -> None:
    found = getattr(durascope, name)
    assert inspect.getdoc(found)
    if inspect.isclass(found) and found.__module__.startswith("durascope.api"):
        public = [each for each in vars(found).items() if not each[0].startswith("_")]
        assert [each for each, member in public if not inspect.getdoc(member)] == []


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_run(module: str) -> None:
    flags = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    result = doctest.testmod(import_module(module), extraglobs={"durascope": durascope}, optionflags=flags)
    assert result.attempted > 0
    assert result.failed == 0


def test_a_name_that_there_is_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'simulate_all'"):
        durascope.simulate_all  # noqa: B018


def test_importing_it_imports_nothing_else() -> None:
    code = "import durascope, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert sorted(name for name in loaded if name.startswith("durascope")) == ["durascope", "durascope.version"]
    assert not {"pydantic", "simpy", "networkx", "yaml", "rich"} & set(loaded)


ORDER = """
scenario: order
services: {bank: {kind: api}}
workflows: {order: {steps: [{run: charge, on: bank, takes: 1s}]}}
faults: [{crash: app, when: {step: charge, moment: after-effect}, down_for: 2s}]
expect: {effects: {charge: 1}}
"""


class TestAScenario:
    def test_can_be_written_where_it_is_used(self) -> None:
        assert repr(durascope.load(ORDER)) == "<Scenario order: 1 workflow, 1 run, 1 fault>"

    def test_mistakes_are_named_with_their_place(self) -> None:
        with pytest.raises(durascope.ScenarioProblems, match=r"4:\d+: error\[unknown-service\].*`bnak`"):
            durascope.load(ORDER.replace("on: bank", "on: bnak"))

    def test_an_unknown_engine_is_named_before_anything_runs(self) -> None:
        with pytest.raises(ValueError, match="there is no engine 'temporel'; did you mean `temporal`"):
            durascope.run(ORDER, "temporel")

    def test_changes_belong_to_reading(self) -> None:
        with pytest.raises(TypeError, match="while a scenario is read"):
            durascope.load(durascope.load(ORDER), runs=3)

    def test_check_and_run_say_the_same(self) -> None:
        for name in durascope.scenarios():
            scenario = durascope.load(name, runs=1)
            for engine, notes in durascope.check(scenario).items():
                assert list(notes) == durascope.run(scenario, engine).notes[: len(notes)]


@pytest.fixture(scope="module")
def result() -> durascope.Result:
    return durascope.run(ORDER, "temporal")


class TestAResult:
    def test_has_what_happened(self, result: durascope.Result) -> None:
        assert result.status == {"run 1": "completed"}
        assert (result.effects, result.duplicates, result.held) == ({"charge": 2}, 1, False)
        assert [effect.again for effect in result.ledger] == [False, True]
        assert result.expectations[0].expected == "charge: exactly 1 per run"
        assert result.records["run 1"][0].startswith("WorkflowExecutionStarted")

    def test_has_events_as_rows(self, result: durascope.Result) -> None:
        assert len(result.events) == result.trace.event_count
        assert isinstance(result.events[:3], durascope.Events)
        assert result.events[0].at == 0
        assert "<table>" in result.events._repr_html_()

    @pytest.mark.skipif(find_spec("pandas") is not None, reason="pandas is installed")
    def test_says_what_a_frame_needs(self, result: durascope.Result) -> None:
        with pytest.raises(ImportError, match="pip install pandas"):
            result.events.frame()

    @pytest.mark.skipif(find_spec("pandas") is None, reason="pandas is not installed")
    def test_has_events_as_a_frame(self, result: durascope.Result) -> None:
        frame = result.events.frame()
        assert len(frame) == len(result.events)
        assert list(frame.columns)[:3] == ["at", "lane", "kind"]

    def test_draws_itself(self, result: durascope.Result) -> None:
        for view in ("timeline", "sequence", "journal", "queues", "architecture", "workflow"):
            picture: durascope.Picture = getattr(result, view)()
            assert picture.svg().startswith("<svg"), view
        with pytest.raises(ValueError, match="there is no record of 'run 7'; there are records of run 1"):
            result.journal("run 7")

    def test_shows_itself(self, result: durascope.Result) -> None:
        shown = result._repr_mimebundle_()
        assert shown["text/plain"].startswith("<Result order on Temporal: completed after")
        assert '<iframe sandbox="allow-scripts" title="order"' in shown["text/html"]
        assert shown["text/html"].count("<script") == 0  # the page is a text there
        assert list(result._repr_mimebundle_(include=["text/plain"])) == ["text/plain"]
        assert list(result._repr_mimebundle_(exclude=["text/plain"])) == ["text/html"]


class TestResults:
    def test_of_several_engines_are_a_mapping(self) -> None:
        results = durascope.run(ORDER, ["temporal", "queue"])
        assert list(results) == ["temporal", "queue"]
        assert not results.held
        with pytest.raises(KeyError, match="'restate' was not run; there is temporal, queue"):
            results["restate"]
        assert results._repr_html_().startswith("<iframe ")

    def test_are_pictures_where_the_player_is_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing() -> None:
            raise NoPlayer("no player")

        monkeypatch.setattr("durascope.player.page.bundle", missing)
        results = durascope.run(ORDER, ["temporal", "restate"])
        assert results._repr_html_().startswith("<svg")
        assert "<svg" in results["temporal"]._repr_html_()

    def test_of_many_runs_are_numbers(self) -> None:
        results = durascope.run(durascope.load("payment", runs=200, rate="20/s"), ["restate"])
        assert "duration p50" in results.summary()["restate"]
        assert results["restate"]._repr_html_().startswith("<h4>Restate: ")
        with pytest.raises(ValueError, match="full=True"):
            results["restate"].timeline()
        with pytest.raises(ValueError, match="two engines or more"):
            results.comparison()


class TestAReport:
    def test_is_a_page(self, tmp_path: Path) -> None:
        page = durascope.report(ORDER, ["restate"], processes=1)
        assert page.forks["restate"] > 100
        assert page.left_out == {"restate": 0}
        assert page.save(tmp_path / "order.html").read_text("utf-8") == page.html()
        assert page._repr_html_().startswith("<iframe ")
        assert page.html(embed=True) != page.html()

    def test_is_no_bigger_than_it_may_be(self) -> None:
        page = durascope.report(ORDER, ["restate"], budget=1, processes=1)
        assert page.forks == {"restate": 0}
        assert page.left_out["restate"] > 100
