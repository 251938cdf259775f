"""Writes docs/mutants.md from the results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from tests.mutants.equivalent import reason, reasons
from tests.mutants.results import Results, Tried
from tests.mutants.rules import ENGINES, rule_mutants
from tests.mutants.trial import ROOT

PAGE: Final = ROOT / "docs" / "mutants.md"
BEGUN: Final = "<!-- written by `make mutants` from tests/mutants/results -->\n"
ENDED: Final = "<!-- end of what is written -->"


def write(results: Mapping[str, Results]) -> None:
    PAGE.write_text(page(PAGE.read_text("utf-8"), results), "utf-8")


def page(text: str, results: Mapping[str, Results]) -> str:
    """The page with its figures."""
    before, _, rest = text.partition(BEGUN)
    return f"{before}{BEGUN}\n{figures(results)}\n{ENDED}{rest.partition(ENDED)[2]}"


def figures(results: Mapping[str, Results]) -> str:
    return "\n".join([
        "## Rules", "",
        "| engine | mutants | tried | noticed | not noticed | share of those tried | last run |",
        "|---|---|---|---|---|---|---|",
        *_rules(results), "",
        *_survivors("Breaks that no test notices", {engine: _tried(results, engine) for engine in ENGINES}),
        "## A sample of all changes", "",
        "| engine | places | tried (seed) | left out | noticed | not noticed | nobody could | share of the others "
        "| last run |",
        "|---|---|---|---|---|---|---|---|---|",
        *(list(_sample(results)) or ["| none was drawn yet | | | | | | | | |"]), "",
        *_changes("Changes that no test notices", _sampled(results), equivalent=False),
        *_changes("Changes that nobody could notice", _sampled(results), equivalent=True),
    ])  # fmt: skip


def _tried(results: Mapping[str, Results], engine: str) -> dict[str, Tried]:
    """Of the mutants that there are today, those that have been tried."""
    known = results[engine].rules
    found = ((each, known.get(each.name)) for each in rule_mutants(engine))
    return {each.name: tried for each, tried in found if tried is not None and tried.change == each.change}


def _sampled(results: Mapping[str, Results]) -> dict[str, dict[str, Tried]]:
    return {engine: each.sample.tried for engine, each in results.items() if each.sample is not None}


def _rules(results: Mapping[str, Results]) -> Iterator[str]:
    total: list[Tried] = []
    for engine in ENGINES:
        tried = list(_tried(results, engine).values())
        if tried:
            total += tried
            yield f"| {engine} | {len(rule_mutants(engine))} | {len(tried)} | {_counts(tried)} |"
    if total:
        every = sum(len(rule_mutants(engine)) for engine in ENGINES)
        yield f"| **all** | {every} | {len(total)} | {_counts(total)} |"


def _sample(results: Mapping[str, Results]) -> Iterator[str]:
    for engine in ENGINES:
        sample = results[engine].sample
        if sample is not None:
            tried, known = list(sample.tried.values()), reasons()
            noticed = sum(each.outcome == "killed" for each in tried)
            nobody = sum(bool(reason(known, name, each.change)) for name, each in sample.tried.items())
            share = f"{100 * noticed // (len(tried) - nobody)} %"
            counts = f"{noticed} | {len(tried) - noticed - nobody} | {nobody} | {share} | {_last(tried)}"
            yield f"| {engine} | {sample.of:,} | {len(tried)} ({sample.seed}) | {sample.nothing} | {counts} |"


def _counts(tried: list[Tried]) -> str:
    noticed = sum(each.outcome == "killed" for each in tried)
    return f"{noticed} | {len(tried) - noticed} | {100 * noticed // len(tried)} % | {_last(tried)}"


def _last(tried: list[Tried]) -> str:
    return max((each.date for each in tried), default="")


def _survivors(title: str, tried: dict[str, dict[str, Tried]]) -> Iterable[str]:
    names = [
        f"- {engine}: {name}" for engine in tried for name, one in tried[engine].items() if one.outcome == "survived"
    ]
    return (f"### {title}", "", *(names or ["None."]), "")


def _changes(title: str, tried: dict[str, dict[str, Tried]], *, equivalent: bool) -> Iterator[str]:
    known = reasons()
    yield from (f"### {title}", "")
    for mutants in tried.values():
        for name, one in mutants.items():
            why = reason(known, name, one.change)
            if one.outcome == "survived" and (why is not None) is equivalent:
                yield f"- {name.split(' ')[0]}" + ("" if why is None else f": {why}")
                yield from ("  ```diff", *(f"  {line}" for line in one.change.splitlines()), "  ```")
    yield ""
