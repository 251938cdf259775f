"""`python -m tests.live.on_real_engines`: built-in scenarios on real engines, with each SDK, for docs/fidelity.md.

One that differs is run once more: what agrees then differed by chance of the machine's.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from durascope.live.interrupts import all_as_ctrl_c
from durascope.live.processes import LiveProblem
from durascope.live.verification import Verification, verify
from durascope.models.loading import builtin_names, load_scenario
from durascope.models.scenario import Scenario

RESULTS: Final = Path(__file__).parent.parent / "conformance" / "builtins.json"
ENGINES: Final = ("temporal", "restate")
SDKS: Final = ("python", "typescript")

Row = dict[str, str]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.live.on_real_engines", description=__doc__)
    parser.add_argument("-e", "--engine", action="append", choices=ENGINES, help="both, if none is named")
    parser.add_argument("--sdk", action="append", choices=SDKS, help="both, if none is named")
    parser.add_argument("--search", type=float, default=120, help="seconds of search for the draws of a recording")
    parser.add_argument("scenario", nargs="*", help="all, if none is named")
    options = parser.parse_args(arguments)
    with all_as_ctrl_c():
        rows = [
            _noted(name, engine, sdk, options.search)
            for engine in options.engine or ENGINES
            for sdk in options.sdk or SDKS
            for name in options.scenario or builtin_names()
        ]
    return int(any(row["verdict"].startswith("differs") for row in rows))


def _noted(name: str, engine: str, sdk: str, search: float) -> Row:
    """Runs one, says what came of it, and puts it in place of what was noted of it before."""
    row = {"scenario": name, "engine": engine, "sdk": sdk, "on": _today(), **_run(name, engine, sdk, search)}
    sys.stdout.write(f"{engine} {sdk} {name}: {row['verdict']}\n")
    sys.stdout.flush()
    kept = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else []
    others = [each for each in kept if _key(each) != _key(row)]
    text = json.dumps(sorted([*others, row], key=_key), indent=2, ensure_ascii=False)
    RESULTS.write_text(f"{text}\n", "utf-8")
    return row


def _run(name: str, engine: str, sdk: str, search: float) -> Row:
    scenario = _with_sdk(load_scenario(name), engine, sdk)
    try:
        found = verify(scenario, engine, search=search)
        if not found.agrees:
            found = verify(scenario, engine, search=search)
    except LiveProblem as problem:
        return {"verdict": f"not run: {problem}"}
    first = found.recordings[0]
    return {"verdict": _verdict(found), "server": first.server, "with_sdk": first.sdk}


def _verdict(found: Verification) -> str:
    differences = next(iter(found.differences), ())
    if differences:
        return f"differs: {differences[0].what}"
    return "equal by other draws" if found.racy else "equal"


def _with_sdk(scenario: Scenario, engine: str, sdk: str) -> Scenario:
    if engine == "temporal":
        temporal = scenario.deployments.temporal
        workers = tuple(worker.model_copy(update={"sdk": sdk}) for worker in temporal.workers)
        changed = temporal.model_copy(update={"workers": workers})
    else:
        restate = scenario.deployments.restate
        changed = restate.model_copy(update={"service": restate.service.model_copy(update={"sdk": sdk})})
    deployments = scenario.deployments.model_copy(update={engine: changed})
    return scenario.model_copy(update={"deployments": deployments})


def _key(row: Row) -> tuple[str, ...]:
    return row["engine"], row["sdk"], row["scenario"]


def _today() -> str:
    return datetime.datetime.now(datetime.timezone.utc).date().isoformat()  # noqa: UP017


def rows() -> Iterator[Row]:
    """What has been noted."""
    if RESULTS.exists():
        yield from json.loads(RESULTS.read_text("utf-8"))


if __name__ == "__main__":
    sys.exit(main())
