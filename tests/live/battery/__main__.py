"""`python -m tests.live.battery -e temporal --count 100 --seed 7`: random scenarios on a real engine, and what differs.

A scenario that differs is run again: what agrees then differed by chance of the machine's. The others are made as
small as they can be in `--runs` runs more, sorted by kind, and kept as cases with both records.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import sys
import time
from collections.abc import Callable
from pathlib import Path

from durascope.live.interrupts import all_as_ctrl_c
from durascope.live.processes import LiveProblem
from durascope.live.verification import Verification, verify
from durascope.models.problems import ScenarioProblems
from durascope.models.scenario import Scenario
from tests.live.battery.counting import AGREES, CHANCE, Counts, note
from tests.live.battery.drawing import draw, predicted_in_time
from tests.live.battery.findings import keep
from tests.live.battery.kinds import kind_of
from tests.live.battery.minimising import minimised
from tests.live.battery.servers import answered


def main(arguments: list[str] | None = None) -> int:
    options = _options().parse_args(arguments)
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()  # noqa: UP017
    counts = Counts(options.engine, options.sdk, options.seed, today)
    began = time.monotonic()
    with all_as_ctrl_c(), contextlib.suppress(KeyboardInterrupt):
        for number in range(options.first, options.first + options.count):
            if options.within and time.monotonic() - began > options.within:
                break
            _one(options, number, counts)
    sys.stdout.write(f"{counts}\n")
    if options.publish:
        note(counts)
    return 1 if counts.differ else 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.live.battery", description=__doc__)
    parser.add_argument("-e", "--engine", required=True, choices=("temporal", "restate", "inngest"))
    parser.add_argument("--sdk", default="python", choices=("python", "typescript"))
    parser.add_argument("--count", type=int, default=20, help="how many scenarios")
    parser.add_argument("--first", type=int, default=1, help="the number of the first")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=int, default=20, help="runs that are spent on making one smaller")
    parser.add_argument("--search", type=float, default=20, help="seconds of search for the draws of a recording")
    parser.add_argument("--within", type=float, default=0, help="begin no other scenario after so many seconds")
    parser.add_argument("--keep", type=Path, default=Path("out/battery"), help="the folder for what differs")
    parser.add_argument("--publish", action="store_true", help="note the counts for docs/fidelity.md")
    parser.add_argument("--server", help="the path of the engine's server")
    return parser


def _one(options: argparse.Namespace, number: int, counts: Counts) -> None:
    scenario = draw(options.engine, options.seed, number, options.sdk)

    def run(each: Scenario) -> Verification:
        return answered(lambda: verify(each, options.engine, server=options.server, search=options.search), _tell)

    try:
        found = run(scenario)
    except (LiveProblem, ScenarioProblems) as problem:
        counts.not_run += 1
        _tell(f"{scenario.scenario}: could not be run: {problem}")
        return
    kind = kind_of(found)
    again = ""
    if kind not in (AGREES, CHANCE):
        again = _again(run, scenario)
        if again in (AGREES, CHANCE):
            _tell(f"{scenario.scenario}: {kind}; {again} when run again: by chance")
            kind = CHANCE
    counts.add(kind)
    counts.server, counts.with_sdk = found.recordings[0].server, found.recordings[0].sdk
    _tell(f"{scenario.scenario}: {kind}")
    if kind in (AGREES, CHANCE):
        return
    smallest = [found]

    def differs(each: Scenario) -> bool:
        if predicted_in_time(each, options.engine) is None:
            return False
        try:
            tried = run(each)
        except (LiveProblem, ScenarioProblems):
            return False
        alike = _where(kind_of(tried)) == _where(kind)
        if alike:
            smallest[0] = tried
        return alike

    minimised(scenario, differs, runs=options.runs, tell=lambda what: _tell(f"  {what}"))
    keep(options.keep / options.engine, scenario.scenario, found, smallest[0], kind, again)


def _again(run: Callable[[Scenario], Verification], scenario: Scenario) -> str:
    """What kind of difference it is when run again; a difference that nobody could look at again stands."""
    try:
        return kind_of(run(scenario))
    except LiveProblem as problem:
        return f"could not be run again: {problem}"


def _where(kind: str) -> str:
    """What it is that differs: another difference of a smaller scenario is another finding."""
    return kind.split(":", maxsplit=1)[0]


def _tell(what: str) -> None:
    sys.stderr.write(f"{what}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
