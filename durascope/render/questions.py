"""What people who choose an engine ask, in the order of how many ask it, each answered with the page's own figures.

An answer is made of the data that `durascope compare --format json` prints; a question that the scenario does not
touch, or that nothing was measured for, is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from durascope.render.figures import amount, between, count, dollars, listed, money
from durascope.render.sweep import knee_words

Data = Mapping[str, Any]
TitleOf = Callable[[str], str]

_MONTH_S: Final = 30.44 * 24 * 3600


def questions(data: Data, title_of: TitleOf) -> Iterator[tuple[str, str]]:
    """The question and its answer; `title_of` names an engine."""
    page = _Page(data, title_of)
    for question, answer in _ASKED:
        told = answer(page)
        if told:
            yield question, told


@dataclass(frozen=True, slots=True)
class _Page:
    """The data, and how to speak of it."""

    data: Data
    title_of: TitleOf

    @property
    def engines(self) -> Mapping[str, Data]:
        return self.data["engines"]

    def each(self, figures: Mapping[str, str], whole: Sequence[str] | None = None) -> str:
        """`3.97 s on each engine`, or each with its own."""
        of = whole or list(self.engines)
        if len(figures) == len(of) > 1 and len(set(figures.values())) == 1:
            return f"{next(iter(figures.values()))} on each engine"
        return ", ".join(f"{told} on {self.title_of(engine)}" for engine, told in figures.items())

    def what_if(self, name: str) -> tuple[str, Mapping[str, Data]] | None:
        """The disturbance in words, and by engine what it led to; the baselines that were not asked for left out."""
        found = self.data["what_ifs"].get(name)
        if found is None:
            return None
        what: str = found["what"]
        return what[0].upper() + what[1:], {e: told for e, told in found["engines"].items() if e in self.engines}

    def baselines(self, name: str) -> Mapping[str, Data]:
        found = self.data["what_ifs"].get(name) or {"engines": {}}
        return {e: told for e, told in found["engines"].items() if e not in self.engines}

    def led_to(self, told: Mapping[str, Data]) -> str:
        """What a disturbance led to, engine by engine; engines to which the same happened are told together."""
        alike: dict[str, list[str]] = {}
        for engine, each in told.items():
            alike.setdefault(outcome(each), []).append(self.title_of(engine))
        if len(alike) == 1 and len(told) > 1:
            return f"{next(iter(alike))} on each engine"
        return "; ".join(f"{listed(names, 'and')}: {words}" for words, names in alike.items())


def outcome(told: Data) -> str:
    """How the runs ended, how much later, and what happened again: `all runs complete, 5.8 ± 0.1 s later`."""
    statuses: Mapping[str, int] = told["statuses"]
    of = sum(statuses.values())
    ended = ", ".join(
        f"{f'all {of:,}' if number == of else f'{number:,} of {of:,}'} runs {_ENDS.get(status, f'end as {status}')}"
        for status, number in statuses.items()
    )
    if statuses.get("running") == of:
        ended = f"none of {of:,} runs ends"
    late = told["delay_ms"]
    delay = "" if late is None else ", no later" if abs(late["value"]) < 1 else f", {between(late)} later"
    again = told["duplicates"]
    twice = f", with {count(again)} duplicate effects each time" if again and again["value"] > 0 else ""
    return f"{ended}{delay}{twice}"


_ENDS: Final = {
    "completed": "complete",
    "failed": "fail",
    "running": "never end",
    "paused": "are paused and do not end by themselves",
    "lost": "are lost",
    "none": "never begin",
}


# ---- the answers -----------------------------------------------------------------------------------------------------


def _twice(page: _Page) -> str | None:
    rates = {e: each["duplicates_per_million"] for e, each in page.engines.items() if each["duplicates_per_million"]}
    if not rates:
        return None
    told = page.each({e: count(rate) for e, rate in rates.items()})
    text = f"Duplicate effects per million runs{' with these faults' if page.data['faults'] else ''}: {told}."
    most: dict[str, list[str]] = {}
    for engine, held in page.data["guarantees"].items():
        worst = max((bounds[1] for bounds in held["steps"].values()), default=0)
        most.setdefault(f"at most {worst:,} times", []).append(engine)
    if most:
        bounds = page.each({engine: words for words, engines in most.items() for engine in engines})
        text += f" If a process dies at any one moment, an effect happens {bounds}."
    keyed = page.data["workflow"]["deduplicates"]
    if keyed:
        text += f" With an idempotency key, a repeated call has no second effect: {listed(keyed, 'and')}."
    return text


def _need(page: _Page) -> str | None:
    others: Mapping[str, Data] = page.data["alternatives"]
    if not others:
        return None
    told: list[str] = []
    for engine, each in others.items():
        done, again, mean = each["completed"], each["duplicates_per_million"], each["latency_ms"].get("mean")
        parts = [f"{done['value']:.0%} of the runs complete ({done['low']:.0%} to {done['high']:.0%})"]
        if again and again["value"]:
            parts.append(f"{per_run(again)} duplicate effects per run")
        if mean:
            parts.append(f"{between(mean)} per run")
        told.append(f"{page.title_of(engine)}: {', '.join(parts)}")
    size = page.data["handwritten"]
    return (
        f"The same scenario and seeds without an engine. {'; '.join(told)}. Written by hand as a state machine in a "
        f"database, the workflow needs {size['states']} states and a transition table of {size['transitions']} lines, "
        "counted from its steps."
    )


def per_run(rate: Data) -> str:
    """Of a rate per million: `2.85 ± 0.3`."""
    value, low, high = rate["value"] / 1e6, rate["low"], rate["high"]
    if low is None or high is None or high - low < rate["value"] / 500:
        return f"{value:.3g}"
    return f"{value:.3g} ± {(high - low) / 2e6:.1g}"


def _cost(page: _Page) -> str | None:
    """What the faults add on the cheapest plan of each vendor; the plans themselves stand in the short answer."""
    told: list[str] = []
    for bills in page.data["costs"].values():
        bill = next((each for each in bills if "price_of_failure" in each["intervals"]), None)
        if bill is not None:
            known, doubt = bill["intervals"], "" if bill["confidence"] == "vendor" else " (unconfirmed)"
            more, whole = dollars(known["price_of_failure"]), dollars(known["usd_per_month"])
            told.append(f"{more} of {whole} on {bill['vendor']} {bill['plan']}{doubt}")
    if not told:
        return None
    runs = f"{page.data['runs_per_month']:,} runs a month"
    return f"At {runs}, the faults with their retries and replays cost {listed(told, 'and')}."


def _operate(page: _Page) -> str | None:
    own = {e: told for e, found in page.data["processes"].items() if (told := _processes(found))}
    parts = [f"Processes of your own in this deployment: {page.each(own)}."] if own else []
    found = page.what_if("engine_away")
    if found:
        parts.append(f"{found[0]}: {page.led_to(found[1])}.")
    rates = {e: each["requests_per_second"] for e, each in page.data["self_hosted"].items()}
    busy = {e: f"{amount(rate)} per second" for e, rate in rates.items() if rate}
    if busy:
        runs = f"{page.data['runs_per_month']:,}"
        parts.append(f"Requests, tasks or polls at {runs} runs a month: {page.each(busy)}.")
    return " ".join(parts) or None


def _processes(found: Mapping[str, int]) -> str:
    return " + ".join(f"{number:,} {part}" for part, number in found.items())


def _experiment(name: str) -> Callable[[_Page], str | None]:
    """The answer is what one disturbance led to."""

    def answer(page: _Page) -> str | None:
        found = page.what_if(name)
        return f"{found[0]}: {page.led_to(found[1])}." if found else None

    return answer


def _noticed(page: _Page) -> str | None:
    found = page.what_if("app_dies")
    if found is None:
        return None
    back = {e: between(told["recovery_ms"]) for e, told in found[1].items() if told["recovery_ms"]}
    knobs = {e: knob for e, knob in page.data["knobs"].items() if e in page.engines}
    text = f"{found[0]}: work resumes after {page.each(back)}." if back else f"{found[0]}: work never resumes."
    if knobs:
        paths = listed([f"{knob['path']} ({page.title_of(e)})" for e, knob in knobs.items()], "and")
        text += f" This depends on {paths}; see what would change the answer."
    return text


def _overhead(page: _Page) -> str | None:
    parts = {e: each["parts_ms"] for e, each in page.engines.items() if each["parts_ms"]}
    if not parts:
        return None
    own = {e: f"{between(p['transitions'])} + {between(p['assignment'])}" for e, p in parts.items()}
    text = f"Per run without faults, the engine's own transitions + tasks waiting for a worker take {page.each(own)}."
    load = page.data.get("load")
    if load:
        return f"{text} Under load without faults: {' '.join(knee_words(load))}"
    return f"{text} To see where it saturates, sweep arrival rates: --load 20/s,200/s,1000/s."


def _tokens(page: _Page) -> str | None:
    again = {e: each for e, each in page.engines.items() if (each["repeated_tokens_per_crash"] or {}).get("value")}
    if not again:
        return None

    def told(each: Data) -> str:
        dollars = each["repeated_usd_per_crash"]
        paid = f" ({money(dollars)})" if dollars and dollars["value"] else ""
        return f"{count(each['repeated_tokens_per_crash'])} tokens{paid}"

    text = f"A crash makes you pay again for {page.each({e: told(each) for e, each in again.items()})}."
    others = {
        e: told(each)
        for e, each in page.data["alternatives"].items()
        if (each["repeated_tokens_per_crash"] or {}).get("value")
    }
    return f"{text} Without an engine: {page.each(others, list(page.data['alternatives']))}." if others else text


def _checkpoint(page: _Page) -> str | None:
    found = page.what_if("app_dies")
    saved = page.baselines("app_dies").get("checkpoint") or (found and found[1].get("checkpoint"))
    if found is None or not saved:
        return None
    engines = {e: told for e, told in found[1].items() if e != "checkpoint"}
    what = found[0][0].lower() + found[0][1:]
    return (
        f"Saving each step's result is one half; something that resumes the run is the other. If {what}, with "
        f"checkpoints only: {outcome(saved)}. With the engines: {page.led_to(engines)}."
    )


def _approvals(page: _Page) -> str | None:
    found = [page.what_if(f"approval_{when}") for when in ("early", "late", "twice")]
    told = [f"{each[0]}: {page.led_to(each[1])}." for each in found if each]
    return " ".join([*told, "Compared with an approval one second after the wait has begun."]) if told else None


def _key(page: _Page) -> str | None:
    found = page.what_if("same_key")
    if found is None:
        return None

    def told(each: Data) -> str:
        clashes = each["overlapping"]
        return (
            f"runs with the same key overlapped {clashes:,} times in {each['seeds']:,} simulations"
            if clashes
            else f"no two runs with the same key overlapped in {each['seeds']:,} simulations"
        )

    alike: dict[str, list[str]] = {}
    for engine, each in found[1].items():
        alike.setdefault(told(each), []).append(page.title_of(engine))
    apart = "; ".join(f"{listed(names, 'and')}: {words}" for words, names in alike.items())
    return f"{found[0]}: {apart}. The run that waits longest: {page.led_to(found[1])}."


def _reproduce(page: _Page) -> str:
    data = page.data
    return (
        f"Every simulated figure here depends only on the scenario and its seeds: {data['again']} reproduces this "
        f"page, and durascope explore {data['scenario']} --tokens gives a token for each finding, which replay plays. "
        "The criteria list the vendors' own testing tools, with sources."
    )


def _leave(page: _Page) -> str | None:
    longest = {e: each["latency_ms"]["p99"] for e, each in page.engines.items() if each["latency_ms"].get("p99")}
    calm = {e: each["calm_ms"] or each["latency_ms"].get("mean") for e, each in page.engines.items()}
    if not longest:
        return None
    runs = page.data["runs_per_month"]
    flight = {e: amount(_times(mean, runs / _MONTH_S / 1000)) for e, mean in calm.items() if mean}
    over = {e: between(p99) for e, p99 in longest.items()}
    return (
        f"Runs in flight at a time, at {runs:,} runs a month without faults (arrivals × duration): "
        f"{page.each(flight)}. If new runs start elsewhere, 99 % of the old ones are over after {page.each(over)}. "
        "The workflow's code has to be rewritten: durascope export writes it for each engine."
    )


def _times(found: Data, factor: float) -> dict[str, float | None]:
    return {end: None if value is None else value * factor for end, value in found.items()}


def _limit(page: _Page) -> str | None:
    nearest: list[str] = []
    for engine, uses in page.data["limits"].items():
        if uses:
            use = max(uses, key=lambda each: each["share"])
            size = f"{use['growth']:,.0f}" if (use["growth"] or 0) >= 10 else f"{use['growth'] or 0:.1f}"
            grows = f", reached at {size} × this size" if use["growth"] and use["growth"] >= 1 else ""
            nearest.append(f"{page.title_of(engine)}: {use['what']}, {use['share']:.2%} used{grows}")
    return f"The nearest: {'; '.join(nearest)}." if nearest else None


_ASKED: Final[Sequence[tuple[str, Callable[[_Page], str | None]]]] = (
    ("Can my side effects happen twice?", _twice),
    ("Do I need an engine, or is Postgres, a queue, a state machine enough?", _need),
    ("What does it cost, with retries?", _cost),
    ("What must I operate?", _operate),
    ("How do I change code while runs are in flight?", _experiment("deploy")),
    ("How long until a dead worker is noticed?", _noticed),
    ("What is the overhead, and where does it saturate?", _overhead),
    ("How many tokens does a crashed agent pay for again?", _tokens),
    ("Is a checkpoint durable execution?", _checkpoint),
    ("What if compensation crashes?", _experiment("compensation_dies")),
    ("What about approvals that come early, late or twice?", _approvals),
    ("Order and fairness per key?", _key),
    ("How do I test and reproduce it?", _reproduce),
    ("Can I move away again?", _leave),
    ("Which limits will I hit?", _limit),
)
