"""Writes docs/fidelity.md, every case beside what the models predict: `python tests/conformance/fidelity.py`."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT)]

import test_inngest  # noqa: E402  (the judges live in the tests)
import test_random_inngest  # noqa: E402
import test_random_restate  # noqa: E402
import test_random_temporal  # noqa: E402
import test_restate  # noqa: E402
import test_temporal  # noqa: E402

from durascope.models.cases import Case  # noqa: E402
from durascope.models.loading import load  # noqa: E402
from durascope.models.trace import Trace  # noqa: E402
from durascope.simulators.kernel.luck import Luck  # noqa: E402
from durascope.simulators.simulate import simulate  # noqa: E402
from tests.live import on_real_engines  # noqa: E402
from tests.live.battery.counting import wilson  # noqa: E402

HEAD = """\
# Fidelity: predicted against recorded

Every case below is a scenario that ran on the real engine, with real kills. The recordings are in `tests/conformance`,
and its READMEs say how a prediction is judged. The tables show what the models predict under seed 0;
`python tests/conformance/fidelity.py` writes this page. The test suite judges the same cases under more seeds. For racy
cases it checks that every recorded variant is possible.

*Lines* counts the lines of the predicted records, over all runs that the case names. *Variants* counts the different
records that the real engine gave. *Also* lists what else of the case is compared and agrees. Three more pages say what
verification on the real engines has settled that the specifications mark as unconfirmed. Its recordings are cases, too:
"""

JUDGES: Mapping[str, Callable[[Any, Trace], Sequence[str]]] = {
    "temporal": test_temporal.differences,
    "inngest": lambda case, trace: list(test_inngest.judge(case, trace)),
    "restate": test_restate.differences,
}
ALSO = (
    "effects", "status", "starts", "attempts", "events", "replayed", "lasts", "answers", "order", "in_flight",
    "request_bytes",
)  # fmt: skip


def findings() -> Iterator[str]:
    for page in sorted((ROOT / "docs").glob("fidelity-*.md")):
        title = page.read_text("utf-8").splitlines()[0].removeprefix("# ")
        yield f"- [{title}]({page.name})"


def table(engine: str, folder: str, whose: str) -> Iterator[str]:
    paths = sorted((HERE / folder).glob("*.yaml"))
    rows: list[str] = []
    equal = 0
    for path in paths:
        case = load(path)
        assert isinstance(case, Case)
        trace = simulate(case.scenario, engine, records=True)
        different = JUDGES[engine](case, trace)
        equal += not different
        rows.append(_row(folder, case, trace, different))
    yield f"## {engine.capitalize()}: {equal} of {len(paths)} {whose} agree\n"
    yield "| case | what it shows | predicted | lines | variants | also |"
    yield "|---|---|---|---|---|---|"
    yield from rows
    yield ""


def _row(folder: str, case: Case, trace: Trace, different: Sequence[str]) -> str:
    runs = list(case.records[0])
    lines = sum(len(trace.records.get(run, ())) for run in runs)
    verdict = "differs: " + _cell(different[0]) if different else "equal"
    also = ", ".join(key.replace("_", " ") for key in ALSO if key in case.model_fields_set)
    name = f"[{case.case}](../tests/conformance/{folder}/{case.case}.yaml)"
    return f"| {name} | {_cell(case.shows)} | {verdict} | {lines} | {len(case.records)} | {also} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def batteries() -> Iterator[str]:
    """What `make battery` has counted: random scenarios, each run on the real engine and predicted."""
    file = HERE / "agreement.json"
    if not file.exists():
        return
    yield "## Random scenarios\n"
    yield "`make battery` draws scenarios from the language itself and runs them on the real engine. One that differs"
    yield "is run again, and counts as equal if the model gives the recording with other random draws of the engine."
    yield "The interval is a 95 % confidence interval of the share.\n"
    yield "| engine | SDK | agree | share | interval | by other draws | not run | seed | date |"
    yield "|---|---|---|---|---|---|---|---|---|"
    rows = json.loads(file.read_text("utf-8"))
    for row in rows:
        verified = row["agree"] + row["differ"]
        share, low, high = wilson(row["agree"], verified)
        cells = (
            row["server"], row["with_sdk"], f"{row['agree']} of {verified}", f"{share:.0%}", f"{low:.0%} to {high:.0%}",
            row["by_chance"], row["not_run"], row["seed"], row["on"],
        )  # fmt: skip
        yield f"| {' | '.join(map(str, cells))} |"
    yield "\nThe first difference of each scenario that differs, predicted ≠ recorded (`N` is a number, `…` a name):\n"
    for row in rows:
        if row["kinds"]:
            yield f"- {row['server']}, {row['with_sdk']}, seed {row['seed']}"
            yield from (f"  - {count} × `{kind}`" for kind, count in row["kinds"].items())
    yield ""


RANDOM: Mapping[str, tuple[Any, Mapping[str, str]]] = {
    "temporal": (test_random_temporal, test_random_temporal.DIFFERS),
    "inngest": (test_random_inngest, test_random_inngest.DIFFERS),
    "restate": (test_random_restate, test_random_restate.DIFFER),
}
"""Who judges recordings of random scenarios; those that the models do not reach, with the kind or what is known."""

DRAWS = 8
"""Of an engine's own randomness, to see how far the model agrees with itself."""

RANDOM_HEAD = """\
## Recordings of random scenarios

These scenarios were drawn at random and recorded on the real engine, most of them once, on a busy machine. *Under seed
0* counts those that a single run of `durascope` predicts exactly, in record, effects and status; the interval is a 95 %
confidence interval of the share. *By other draws*: the model gives the recording once single random choices of the
engine are drawn again; the test suite checks them all. *The model with itself*: how many would agree if the model, with
other draws, had been recorded in place of the engine. No single prediction can do better where two things race. *Not
reached* is listed below, and by name in the tests.

| engine | under seed 0 | share | interval | by other draws | not reached | the model with itself |
|---|---|---|---|---|---|---|
"""


def randoms() -> Iterator[str]:
    """Recordings of random scenarios that the test suite holds the models to."""
    rows: list[str] = []
    left: list[str] = []
    for engine, (judging, differ) in RANDOM.items():
        count = len(judging.FILES)
        exactly, itself = map(sum, zip(*(_judged(engine, judging, path) for path in judging.FILES), strict=True))
        share, low, high = wilson(exactly, count)
        cells = (
            engine, f"{exactly} of {count}", f"{share:.0%}", f"{low:.0%} to {high:.0%}",
            count - len(differ) - exactly, len(differ), f"{itself:.0f} of {count}",
        )  # fmt: skip
        rows.append(f"| {' | '.join(map(str, cells))} |")
        left += [f"- {name}: {_cell(kind)}" for name, kind in differ.items()]
    yield RANDOM_HEAD + "\n".join([*rows, "", "Not reached:", "", *left, ""])


def _judged(engine: str, judging: Any, path: Path) -> tuple[bool, float]:
    """Whether seed 0 predicts the recording, and how likely it is that two draws of the model's agree."""
    case = judging.case_in(path)
    drawn = [
        simulate(case.scenario, engine, engine_luck=Luck(number), full=False, records=True) for number in range(DRAWS)
    ]
    compared = ((each.records, each.status, each.effects, each.facts.get("replayed")) for each in drawn)
    ways = Counter(map(repr, compared))
    pairs = sum(times * (times - 1) for times in ways.values())
    return not judging.wrong(case, drawn[0]), pairs / (DRAWS * (DRAWS - 1))


def built_in() -> Iterator[str]:
    """What `python -m tests.live.on_real_engines` has noted."""
    found = list(on_real_engines.rows())
    columns = list(dict.fromkeys((row["engine"], row["sdk"]) for row in found))
    cells = {(row["scenario"], row["engine"], row["sdk"]): row for row in found}
    yield "## Built-in scenarios on the real engines\n"
    yield "`python -m tests.live.on_real_engines` runs each one, with real kills. *Equal by other draws*: the model"
    yield "gives the recording once single random choices of the engine are drawn again.\n"
    for name, sdk in columns:
        mine = [row for row in found if (row["engine"], row["sdk"]) == (name, sdk)]
        versions = " and ".join(
            dict.fromkeys(f"{row['server']} with {row['with_sdk']}" for row in mine if "server" in row)
        )
        dates = " to ".join(sorted({row["on"] for row in mine}))
        yield f"- {name}, {sdk}: {versions}, {dates}"
    yield ""
    yield f"| scenario | {' | '.join(f'{name}, {sdk}' for name, sdk in columns)} |"
    yield f"|---|{'---|' * len(columns)}"
    for scenario in sorted({row["scenario"] for row in found}):
        verdicts = (cells.get((scenario, *column), {}).get("verdict", "") for column in columns)
        yield f"| {scenario} | {' | '.join(map(_cell, verdicts))} |"
    yield ""


def main() -> None:
    parts = [HEAD, *findings(), "", *built_in(), *batteries(), *randoms()]
    for engine in JUDGES:
        parts += table(engine, engine, "cases")
        if (HERE / "own" / engine).exists():
            parts += table(engine, f"own/{engine}", "recordings of our own")
    (ROOT / "docs" / "fidelity.md").write_text("\n".join(parts), "utf-8")


if __name__ == "__main__":
    main()
