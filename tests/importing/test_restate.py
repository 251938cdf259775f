"""Restate's rows, imported: every journal that `durascope export --format journal` writes predicts itself.

The unit is a scenario, with all that was invoked in it, as somebody has it who asks the tables. What differs is listed
in `DIFFERS` with its first line that does, and why.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from durascope.cli import main
from durascope.importing.checking import check
from durascope.importing.files import RecordingFile, imported
from durascope.importing.imported import Imported
from durascope.importing.restate.importer import IMPORTER
from durascope.importing.unreadable import UnreadableRecording
from durascope.models.loading import builtin_names, load_scenario
from durascope.render.exports.restate_journal import tables
from durascope.simulators.simulate import simulate
from tests.importing.figures import PAGE, WRITE_IT
from tests.importing.restate_differs import DIFFERS

CASES = Path(__file__).parent.parent / "conformance"
SCENARIOS: Mapping[str, str | Path] = {
    **{name: name for name in builtin_names()},
    **{path.stem: path for folder in ("restate", "random/restate") for path in (CASES / folder).glob("*.yaml")},
}

Tables = dict[str, list[dict[str, Any]]]


def rows(name: str) -> Tables:
    return tables(simulate(load_scenario(SCENARIOS[name]), "restate", full=True, records=True))


def of(name: str) -> Imported:
    return IMPORTER.imported([RecordingFile("rows.json", list(rows(name).values()))], name)


def differing(name: str) -> Iterator[str]:
    for each in check(of(name)):
        yield f"{each.what.removeprefix('the record of ')} line {each.line}"


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_journal_predicts_itself(name: str) -> None:
    expected = DIFFERS.get(name)
    assert next(differing(name), None) == (None if expected is None else expected[0])


def test_nearly_all_do() -> None:
    assert len(SCENARIOS) == 261
    assert len(DIFFERS) <= 0.03 * len(SCENARIOS)
    assert f"| {len(SCENARIOS)} | {len(SCENARIOS) - len(DIFFERS)} (" in PAGE.read_text("utf-8"), WRITE_IT


@pytest.mark.parametrize("form", ["list", "query", "lines"])
def test_every_form_in_which_rows_are_given(form: str, tmp_path: Path) -> None:
    """`restate sql --json`, the admin API's `/query`, and a row a line."""
    files: list[Path] = []
    for table, found in rows("order-fulfillment").items():
        file = tmp_path / f"{table}.json"
        as_written = {"list": found, "query": {"rows": found}}.get(form)
        text = "\n".join(map(json.dumps, found)) if as_written is None else json.dumps(as_written)
        file.write_text(text, "utf-8")
        if found:
            files.append(file)
    assert imported(files, "order-fulfillment").scenario == of("order-fulfillment").scenario


def test_a_lost_connection_is_a_crash_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rows.json"
    file.write_text(json.dumps([row for found in rows("order-fulfillment").values() for row in found]), "utf-8")
    assert main(["explain", str(file), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["runs"]
    assert "The service went down" in told["cause"]
    assert any("charge-payment ran once more" in each for each in told["repeated"])
    assert of("order-fulfillment").scenario.faults


def test_a_failed_step_and_its_undo() -> None:
    found = of("terminal-failure-undoes-in-reverse")
    undone = [step.undo_step for _, step in found.scenario.runs() if step.undo_step is not None]
    assert len(undone) == 2


def damaged(table: str, change: Any) -> list[Any]:
    found = rows("sequential-steps")
    change(found[table])
    return list(found.values())


DAMAGES: list[tuple[str, Callable[[list[dict[str, Any]]], object], str]] = [
    ("sys_journal", lambda found: found.pop(2), "entry 2 of inv_"),
    ("sys_journal", lambda found: found[3].update(entry_json="{"), "row 4 .* has an entry_json that is none"),
    ("sys_journal", lambda found: found[3].pop("entry_json"), "row 4 of sys_journal has no entry_json"),
    ("sys_journal", lambda found: found[3].update(index="x"), "row 4 of sys_journal has no index"),
    ("sys_journal", lambda found: found[3].update(appended_at=None), "row 4 of sys_journal has no time"),
    ("sys_invocation", lambda found: found.clear(), "there are no rows of sys_invocation"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "change", "expected"), DAMAGES, ids=range(len(DAMAGES)))
def test_damaged_rows_are_named(table: str, change: Any, expected: str) -> None:
    with pytest.raises(UnreadableRecording, match=expected):
        IMPORTER.imported([RecordingFile("rows.json", damaged(table, change))], "x")
