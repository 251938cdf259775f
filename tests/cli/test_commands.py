"""Each command does what its help says, and a mistake is answered with a place and a way out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from durascope import __version__
from durascope.cli import app
from durascope.models.loading import builtin_names, load_scenario
from durascope.models.reading import parse_scenario
from tests.cli.commands import durascope

CONFORMANCE = Path(__file__).parents[1] / "conformance"
ORDER = "scenario: order\nworkflows: {w: {steps: [{run: a}], queries: [status]}}\n"


@pytest.fixture
def order(tmp_path: Path) -> Path:
    """A file with a small scenario."""
    file = tmp_path / "order.yaml"
    file.write_text(ORDER)
    return file


class TestTheFrame:
    def test_help_lists_the_commands(self) -> None:
        shown = durascope("--help")
        assert shown.status == 0
        assert all(f"  {name} " in shown.out for name in ("check", "list", "show", "new", "schema", "doctor"))

    def test_each_command_has_a_line_that_is_not_cut(self) -> None:
        lines = durascope("--help").out.split("Commands:\n")[1].splitlines()
        assert len(lines) == len(app.COMMANDS)
        assert all(len(line) < 80 and line.endswith((".", "?", "…")) and not line.endswith("...") for line in lines)

    def test_version(self) -> None:
        assert durascope("--version").out == f"durascope {__version__}\n"

    @pytest.mark.parametrize(
        "arguments",
        [
            (),
            ("chek",),
            ("check",),
            ("check", "--jsn"),
            ("show", "payment", "--runs", "many"),
            ("show", "a", "b"),
            ("--nope",),
        ],
    )
    def test_a_command_line_that_is_wrong(self, arguments: tuple[str, ...]) -> None:
        answer = durascope(*arguments)
        assert answer.status == 2
        assert not answer.out
        assert answer.err

    def test_a_choice_that_there_is_not_is_told_in_the_program_s_own_words(self) -> None:
        answer = durascope("explore", "order-fulfillment", "--what", "crsh")
        assert answer.status == 2
        assert answer.err.startswith("durascope: error: Invalid value for '--what': 'crsh' is not one of 'crash', ")

    def test_a_misspelt_command(self) -> None:
        assert "check" in durascope("chek").err

    def test_a_bug_is_one_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(_arguments: list[str]) -> None:
            raise RuntimeError("the floor is missing")

        monkeypatch.setattr(app, "build", broken)
        monkeypatch.delenv("DURASCOPE_DEBUG", raising=False)
        answer = durascope("list")
        assert answer.status == 3
        assert answer.err.startswith("durascope: internal error RuntimeError: the floor is missing, please report")
        monkeypatch.setenv("DURASCOPE_DEBUG", "1")
        with pytest.raises(RuntimeError):
            durascope("list")

    def test_help_needs_no_models_and_no_simulator(self) -> None:
        code = "import sys, durascope.cli.app as app; app.build(['--help']); print(*sys.modules)"
        loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        assert not {"pydantic", "simpy", "networkx", "yaml", "numpy", "rich"} & set(loaded)

    def test_a_reader_that_goes_away_is_no_error(self) -> None:
        code = "import sys; from durascope.cli import main; sys.exit(main(['schema']))"
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            assert process.stderr.read() == b""

    def test_colour_only_on_a_terminal(self) -> None:
        assert "\x1b" not in durascope("check", "none.yaml").err


class TestCheck:
    def test_a_good_file(self, order: Path) -> None:
        answer = durascope("check", str(order))
        assert (answer.status, answer.err) == (0, "")
        assert answer.out.splitlines()[0] == f"{order}: valid"
        assert "  Inngest has no queries" in answer.out

    def test_notes_of_one_engine(self, order: Path) -> None:
        assert durascope("check", str(order), "-e", "temporal").out == f"{order}: valid\n"

    def test_several_files_are_all_checked(self, order: Path, tmp_path: Path) -> None:
        bad = tmp_path / "bad.yaml"
        bad.write_text("scenario: bad\nworkflows: {w: {steps: [{rum: a}]}}\nx: 1\n")
        answer = durascope("check", str(bad), str(order), "payment", str(tmp_path / "none.yaml"))
        assert answer.status == 2
        assert [line.rpartition(": ")[2] for line in answer.out.splitlines() if not line.startswith(" ")] == [
            "not valid",
            "valid",
            "valid",
            "not valid",
        ]
        assert f"{bad}:2:26: error[unknown-step]" in answer.err
        assert f"{bad}:3:1: error[unknown-field]" in answer.err
        assert "none.yaml:1:1: error[no-such-file]" in answer.err
        assert answer.err.endswith("3 problems\n")

    def test_json(self, order: Path, tmp_path: Path) -> None:
        answer = durascope("check", "--json", str(order), str(tmp_path))
        good, bad = json.loads(answer.out)
        assert answer.status == 2
        assert good["valid"]
        assert good["notes"][0]["engine"] == "inngest"
        assert bad["problems"][0]["code"] == "not-a-file"

    def test_a_conformance_case(self) -> None:
        assert durascope("check", str(CONFORMANCE / "temporal/happy-path.yaml")).status == 0


class TestShow:
    def test_what_is_shown_reads_back_equal(self) -> None:
        assert parse_scenario(durascope("show", "payment").out) == load_scenario("payment")

    def test_json_is_the_same(self) -> None:
        shown = json.loads(durascope("show", "payment", "--json").out)
        assert parse_scenario(json.dumps(shown)) == load_scenario("payment")

    def test_overrides_are_in_it(self) -> None:
        arguments = ["--runs", "7", "--rate", "5/s", "--set", "services.stripe.latency=1s", "--crash", "engine at 3s"]
        scenario = parse_scenario(durascope("show", "payment", *arguments).out)
        assert (scenario.workload.runs, scenario.workload.arrivals.poisson) == (7, 5.0)
        assert str(scenario.services["stripe"].latency) == "1s"
        assert len(scenario.faults) == len(load_scenario("payment").faults) + 1

    def test_a_bad_override(self) -> None:
        answer = durascope("show", "payment", "--set", "services.strip.latency=1s")
        assert answer.status == 2
        assert "--set:1:" in answer.err

    def test_an_unknown_name(self) -> None:
        answer = durascope("show", "paymnt")
        assert answer.status == 2
        assert "SCENARIO:1:1: error[unknown-scenario]" in answer.err
        assert "help: did you mean `payment`?" in answer.err


class TestList:
    def test_what_ships(self) -> None:
        assert [line.split()[0] for line in durascope("list").out.splitlines()] == list(builtin_names())

    def test_json(self) -> None:
        assert [each["scenario"] for each in json.loads(durascope("list", "--json").out)] == list(builtin_names())


class TestNew:
    def test_the_starter_is_right_and_names_its_schema(self, tmp_path: Path) -> None:
        assert durascope("new", "my-flow", "--out", str(tmp_path)).status == 0
        file = tmp_path / "my-flow.yaml"
        assert file.read_text().startswith("# yaml-language-server: $schema=durascope.schema.json\n")
        assert json.loads((tmp_path / "durascope.schema.json").read_text()) == json.loads(durascope("schema").out)
        assert durascope("check", str(file)).status == 0

    def test_nothing_is_overwritten(self, tmp_path: Path) -> None:
        (tmp_path / "mine.yaml").write_text("mine")
        answer = durascope("new", "mine", "--out", str(tmp_path))
        assert answer.status == 2
        assert "is there already" in answer.err
        assert (tmp_path / "mine.yaml").read_text() == "mine"

    def test_a_second_one_shares_the_schema(self, tmp_path: Path) -> None:
        assert [durascope("new", name, "--out", str(tmp_path)).status for name in ("one", "two")] == [0, 0]

    def test_the_name_of_a_file_is_one_too(self, tmp_path: Path) -> None:
        assert durascope("new", "my-flow.yaml", "--out", str(tmp_path)).status == 0
        assert (tmp_path / "my-flow.yaml").is_file()

    @pytest.mark.parametrize("name", ["My Flow", "../x", "", "a/b", "x" * 300, "ü"])
    def test_a_name_that_is_no_id(self, name: str, tmp_path: Path) -> None:
        answer = durascope("new", name, "--out", str(tmp_path))
        assert answer.status == 2
        assert "kebab-case" in answer.err
        assert not list(tmp_path.iterdir())


class TestDoctor:
    def test_what_is_installed(self) -> None:
        findings = json.loads(durascope("doctor", "--json").out)
        found = {finding["name"]: finding["found"] for finding in findings}
        assert found["durascope"] == __version__
        assert found["pydantic"]
        assert all(finding["found"] or finding["install"] for finding in findings)

    def test_in_words(self) -> None:
        assert "layout engine" in durascope("doctor").out


@pytest.mark.parametrize("command", ["run", "diagram"])
def test_a_place_that_cannot_be_written_to_is_named(command: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    done = durascope(command, "agent", "--engine", "restate", "--out", str(file / "folder"))
    assert done.status == 2
    assert str(file) in done.err
    assert "Traceback" not in done.err


def test_doctor_names_the_versions_that_are_modelled() -> None:
    modelled = {
        each["name"]: each["found"]
        for each in json.loads(durascope("doctor", "--json").out)
        if each["group"] == "modelled"
    }
    assert modelled["temporal server"] == "1.32.0"
    assert modelled["inngest TypeScript SDK"] == "inngest 4.24.0"
