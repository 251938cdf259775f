"""`python -m tests.mutants rules|sample|page … [-e ENGINE …]`: tries mutants, and writes docs/mutants.md.

`rules` tries the mutants that are new or survived last time (`--all`: every one); `sample` draws generic ones. Both
together cost one run of the tests without a mutant less.
Exit status 1 where the tests fail without any mutant.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from tests.mutants import page, results
from tests.mutants.generic import change, drawn
from tests.mutants.results import Results, Sample, Tried
from tests.mutants.rules import ENGINES, rule_mutants
from tests.mutants.trial import BaselineFails, Copy, copy


def try_rules(place: Copy, known: Results, engine: str, *, everything: bool, only: str) -> None:
    before = known.rules
    now: dict[str, Tried] = {}
    for mutant in rule_mutants(engine):
        last = before.get(mutant.name)
        again = everything or last is None or last.outcome == "survived" or last.change != mutant.change
        if last is not None and (not again or only not in mutant.name):
            now[mutant.name] = last
        elif only in mutant.name:
            verdict = place.judge(mutant.path, mutant.source(), engine, "" if last is None else last.killed_by)
            now[mutant.name] = Tried(verdict.outcome, verdict.killed_by, today(), mutant.change)
            told(engine, verdict.outcome, mutant.name, verdict.killed_by)
        known.rules = {**before, **now}
        results.write(engine, known)
    known.rules = now
    results.write(engine, known)


def try_sample(place: Copy, known: Results, engine: str, count: int, seed: int) -> None:
    sample = drawn(engine, count, seed)
    before = known.sample
    tried = dict(before.tried) if before is not None and before.seed == seed else {}
    known.sample = Sample(seed, sample.of, sample.nothing, {})
    for each, source in sample.mutants.items():
        last, what = tried.get(each.name), change(each, source)
        if last is None or last.outcome == "survived" or last.change != what:
            verdict = place.judge(each.path, source, engine, "" if last is None else last.killed_by)
            last = Tried(verdict.outcome, verdict.killed_by, today(), what)
            told(engine, verdict.outcome, f"{each.name}\n{what}", verdict.killed_by)
        known.sample.tried[each.name] = last
        results.write(engine, known)


def told(engine: str, outcome: str, what: str, by: str) -> None:
    sys.stdout.write(f"{engine} {outcome}: {what}{f' ({by})' if by else ''}\n")
    sys.stdout.flush()


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def main() -> int:
    parser = argparse.ArgumentParser("python -m tests.mutants")
    parser.add_argument("what", nargs="+", choices=("rules", "sample", "page"))
    parser.add_argument("-e", "--engine", action="append", choices=ENGINES)
    parser.add_argument("--count", type=int, default=60, help="generic mutants an engine")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all", action="store_true", help="rules that were killed last time, too")
    parser.add_argument("--only", default="", help="rules whose name has this in it")
    asked = parser.parse_args()
    engines = asked.engine or list(ENGINES)
    if asked.what != ["page"]:
        with copy() as place:
            try:
                place.check(engines)
            except BaselineFails as failure:
                sys.stderr.write(f"{failure}\n")
                return 1
            for engine in engines:
                known = results.read(engine)
                if "rules" in asked.what:
                    try_rules(place, known, engine, everything=asked.all, only=asked.only)
                if "sample" in asked.what:
                    try_sample(place, known, engine, asked.count, asked.seed)
    page.write({engine: results.read(engine) for engine in ENGINES})
    return 0


if __name__ == "__main__":
    sys.exit(main())
