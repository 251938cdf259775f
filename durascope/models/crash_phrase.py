"""A crash in one phrase: `app after-effect charge-payment attempt 2 down 5s`, `engine at 3s`, `app after event 57`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from durascope.models.problems import ScenarioProblems, did_you_mean
from durascope.models.source import Place, Source, Value
from durascope.models.workload import MOMENTS

FORM: Final = "COMPONENT MOMENT STEP [attempt N] [replica N] [down DURATION], or COMPONENT at TIME, or after event N"
_OPTIONS: Final = ("attempt", "down", "replica")


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    place: Place

    def value(self, scalar: str | int | None = None) -> Value:
        return Value(self.place, self.text if scalar is None else scalar, key=self.place)


def crash_fault(phrase: str) -> Value:
    """The fault that a phrase describes, as it would stand in a file. Raises `ScenarioProblems`.

    >>> fault = crash_fault("app after-effect charge-payment down 5s")
    >>> list(fault.inside)
    ['crash', 'when', 'down_for']
    """
    source = Source("--crash", phrase)
    words = [_Word(match[0], Place(source, 1, match.start() + 1)) for match in re.finditer(r"\S+", phrase)]
    if len(words) < 3:
        raise _wrong(source, len(phrase.rstrip()) + 1, "the phrase ends too early")
    component, moment, *rest = words
    options = next((index for index, word in enumerate(rest) if index and word.text in _OPTIONS), len(rest))
    named, fault = rest[:options], {"crash": component.value()}
    chosen = dict(_options(source, rest[options:]))
    if moment.text == "at":
        if len(named) > 1 or "attempt" in chosen:
            raise _wrong(source, (named[1] if len(named) > 1 else rest[options]).place.column, "a time has no attempt")
        fault["at"] = named[0].value()
    elif moment.text == "after" and rest[0].text == "event":
        fault["when"] = _event(source, moment, named[1:], "attempt" in chosen)
    else:
        fault["when"] = _trigger(source, moment, named, chosen.pop("attempt", None))
    for option, field in (("down", "down_for"), ("replica", "replica")):
        if option in chosen:
            fault[field] = chosen[option]
    return Value(component.place, inside=fault)


def _event(source: Source, moment: _Word, named: list[_Word], attempt: bool) -> Value:
    """`after event N`: any event of the trace, for what has no step's moment."""
    if len(named) != 1 or attempt or not re.fullmatch("[0-9]{1,9}", named[0].text):
        column = named[0].place.column if named else len(source.text.rstrip()) + 1
        raise _wrong(source, column, "an event is named by its number in the trace, from 0", "write app after event 57")
    return Value(moment.place, inside={"event": named[0].value(int(named[0].text))}, key=moment.place)


def _trigger(source: Source, moment: _Word, named: list[_Word], attempt: Value | None) -> Value:
    if moment.text not in MOMENTS:
        meant = did_you_mean(moment.text, (*MOMENTS, "at"))
        help = f"did you mean `{meant}`?" if meant else f"moments: {', '.join(MOMENTS)}; or a time: at 3s"  # noqa: A001
        raise _wrong(source, moment.place.column, f"`{moment.text[:60]}` is not a moment of a step", help)
    step = named[0].value(" ".join(word.text for word in named))
    first = attempt or moment.value(1)
    return Value(moment.place, inside={"step": step, "moment": moment.value(), "attempt": first}, key=moment.place)


def _options(source: Source, words: list[_Word]) -> Iterator[tuple[str, Value]]:
    """`attempt N`, `replica N` and `down DURATION`, in any order."""
    for key, word in zip(words[::2], [*words[1::2], None], strict=False):
        if key.text not in _OPTIONS or word is None:
            message = "something is missing after it" if word is None else f"`{key.text[:60]}` is not expected here"
            raise _wrong(source, key.place.column, message)
        counted = key.text != "down"
        if counted and not re.fullmatch("[0-9]{1,9}", word.text):
            an = "an attempt" if key.text == "attempt" else "a replica"
            raise _wrong(source, word.place.column, f"`{word.text[:60]}` is not the number of {an}")
        yield key.text, word.value(int(word.text) if counted else None)


def _wrong(source: Source, column: int, message: str, help: str = f"write {FORM}") -> ScenarioProblems:  # noqa: A002
    return ScenarioProblems([source.problem("bad-phrase", message, column=column, help=help)])
