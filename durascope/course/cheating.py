"""Cheating: changes that make the exercise's problem disappear instead of solving it, each told by its own sentence."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from durascope.models.scenario import Deploy, Run, Scenario
from durascope.models.writing import as_plain

_SECTIONS: Final = {
    "faults": "You changed the faults. A scenario without faults proves nothing, and hidden faults are used anyway.",
    "workload": "You changed the workload. The same runs and events must survive; put `{path}` back.",
    "services": "You changed the outside world (`{path}`). Your code must cope with it as it is.",
    "expect": "You changed what is expected (`{path}`). The exercise has its own expectations; put it back.",
    "deployments": "You changed the deployment (`{path}`). This exercise is about the workflow.",
}
_CHANGED: Final = "You changed `{path}`. This exercise can be solved without that; put it back."
_ADDED: Final = "You added `{path}`. This exercise can be solved without that; take it out again."
_REMOVED: Final = "You removed `{path}`. This exercise can be solved without that; put it back."
_FREE: Final = ("scenario", "title", "about")


def cheats(
    exercise: Scenario, answer: Scenario, keeps: Sequence[str], may_change: Sequence[str], asked: Collection[str] = ()
) -> list[str]:
    """What of the answer changes the exercise itself.

    Steps in `keeps` must stay, with their effects; those in `asked` are to be added.
    """
    found = list(_missing(exercise, answer, keeps, asked))
    if _deploys(answer) and not _deploys(exercise):
        found.append("You deployed other code. Only break things; the code stays as it is.")
    if found:
        return found
    sections: dict[str, str] = {}
    before, after = dict(_leaves(as_plain(exercise), "")), dict(_leaves(as_plain(answer), ""))
    for path in sorted(before.keys() | after.keys()):
        section = path.partition(".")[0]
        if section in _FREE or any(fnmatchcase(path, pattern) for pattern in may_change):
            continue
        if before.get(path) != after.get(path):
            sections.setdefault(section, _sentence(section, path, before.keys(), after.keys()))
    return list(sections.values())


def _sentence(section: str, path: str, before: Collection[str], after: Collection[str]) -> str:
    """What was done there; what is added or removed as a whole is named as a whole: the step, not its first field."""
    if section in _SECTIONS or (path in before and path in after):
        return _SECTIONS.get(section, _CHANGED).format(path=path)
    sentence, other = (_ADDED, before) if path in after else (_REMOVED, after)
    parts = path.split(".")
    above = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
    whole = next(each for each in above if not any(f"{known}.".startswith(f"{each}.") for known in other))
    return sentence.format(path=whole)


def _deploys(scenario: Scenario) -> bool:
    return any(isinstance(fault, Deploy) for fault in scenario.faults)


def _missing(exercise: Scenario, answer: Scenario, keeps: Sequence[str], asked: Collection[str]) -> Iterator[str]:
    old, new = _steps(exercise), _steps(answer)
    added = [step for name, step in new.items() if name not in old and name not in asked]
    for name in keeps:
        known, now = old[name], new.get(name)
        if now is None:
            renamed = next((each.run for each in added if each.on == known.on), None)
            if renamed is not None and known.on is not None:
                yield f"You renamed `{name}` to `{renamed}`. The ledger counts effects by name; keep the name."
            else:
                yield f"You removed the step `{name}`. A workflow that does less is not safer; put the step back."
        elif now.on != known.on:
            yield f"`{name}` no longer calls `{known.on}`. Its effect must still happen there."
        elif now.effect_at != known.effect_at:
            yield f"You moved or removed the effect of `{name}` (`effect_at`). It must happen when it happened before."
        elif now.takes != known.takes:
            yield f"You changed how long `{name}` takes. A crash must have the same chance to hit it."
        elif now.fails != known.fails:
            yield f"You changed how `{name}` fails (`fails`). The failure is what the workflow must survive."
        elif now.check_first != known.check_first:
            yield f"You let `{name}` ask whether it has happened (`check_first`). Nobody can tell it that here."
        elif now.effect != known.effect:
            yield f"You changed what the effect of `{name}` is called (`effect`). That only confuses the ledger."


def _steps(scenario: Scenario) -> dict[str, Run]:
    return {step.run: step for _, step in scenario.runs()}


def _leaves(value: object, path: str) -> Iterator[tuple[str, Any]]:
    """(path, value) of each leaf; the items of a list of steps are addressed by their names, others by position."""
    match value:
        case dict():
            for key, inner in value.items():
                yield from _leaves(inner, f"{path}.{key}" if path else str(key))
        case list():
            for position, inner in enumerate(value):
                yield from _leaves(inner, f"{path}.{_name(inner, position)}")
        case None:
            pass
        case _:
            yield path, value


def _name(item: object, position: int) -> str:
    named = item.get("run") or item.get("name") if isinstance(item, dict) else None
    return named if isinstance(named, str) else str(position)
