"""The steps of a journal's program, as a scenario writes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from durascope.importing.branches import Fork, Leaf, Node, Wait
from durascope.importing.places import places
from durascope.importing.restate.fitting import Fit
from durascope.importing.restate.program import LIMIT, Command, Program, Steps
from durascope.importing.restate.reading import Row, moment
from durascope.importing.restate.rows import FAILED, LOST, tells_of
from durascope.models.durations import format_duration

OWN: Final = 3_000
"""Microseconds between a command and its answer that are not the step's: the round trip, and the rounding of times."""
INITIAL: Final = 500_000
"""The first pause of a retry, by default."""
LONGEST: Final = 60_000_000
"""The longest, by default."""


class Writer:
    """Writes the steps of one invocation; `failures` are its transient errors by the entry that they followed.

    `exhausted`: it ended because its retries were used up.
    """

    def __init__(
        self,
        program: Program,
        failures: Mapping[int, Sequence[Row]],
        child: Callable[[Command], str],
        receiver: Callable[[Command], tuple[str, int] | None],
        fit: Fit,
        *,
        exhausted: bool,
    ) -> None:
        self.program = program
        self.failures = failures
        self.child = child
        self.receiver = receiver
        """The name of a signal, and the number of the run that it goes to."""
        self.done: list[tuple[Command, dict[str, Any]]] = []
        self.on_failure: list[Any] = []
        self.fit = fit
        self.exhausted = exhausted

    def written(self) -> list[Any]:
        steps = self._sequence(self.program.steps)
        undoing = [each for each in self.program.unwinding if each.kind == "Run"]
        found = places([command.name for command, _ in self.done], [each.name for each in undoing])
        if found is None or len(undoing) < len(self.program.unwinding):
            self.on_failure = [step for each in self.program.unwinding for step in self._command(each)]
        else:
            for place, command in zip(found, undoing, strict=True):
                self.done[place][1]["undo"] = self._run(command)
        return steps

    def _sequence(self, sequence: Steps) -> list[Any]:
        return [step for each in sequence.items for step in self._node(each)]

    def _node(self, node: Node[Command]) -> list[Any]:
        match node:
            case Leaf(command=command):
                return self._command(command)
            case Wait() as wait:
                return [{"wait_for": wait.name, **_limited(wait.name, wait.timer)}]
            case Fork() as fork:
                branches = [each for each in map(self._sequence, fork.branches) if each]
                return [
                    {"race" if fork.race else "parallel": [each[0] if len(each) == 1 else each for each in branches]}
                ]
            case _:
                return []

    def _command(self, command: Command) -> list[Any]:
        match command.kind:
            case "Run":
                step = self._run(command)
                self.done.append((command, step))
                return [step]
            case "Sleep":
                return [{"sleep": sleep(command), **({"name": command.name} if command.name else {})}]
            case "GetPromise":
                return [{"wait_for": command.name, **_limited(command.name, command.limit)}]
            case "Call":
                step = {"call": self.child(command), **_limited("", command.limit)}
                self.done.append((command, step))
                return [step]
            case "OneWayCall":
                after = int(command.entry.fields.get("invoke_time") or 0) * 1000 - command.entry.at
                return [{"start": self.child(command), **({"after": rounded(after)} if after > 0 else {})}]
            case "GetEagerState" | "GetLazyState":
                return [{"get": command.name}]
            case "GetEagerStateKeys" | "GetLazyStateKeys":
                return [{"get": "*"}]
            case "SetState":
                return [{"set": command.name, "value": 1}]
            case "ClearState":
                return [{"clear": command.name}]
            case "SendSignal":
                to = self.receiver(command)
                return [] if to is None else [{"send": to[0], "to": to[1]}]
            case "ClearAllState":
                return [{"clear": "*"}]
            case _:
                return []

    def _run(self, command: Command) -> dict[str, Any]:
        step: dict[str, Any] = {"run": command.name or "step"}
        answer = command.answer
        took = 60_000_000 if answer is None else answer.at - command.entry.at - OWN
        took += self.fit.of(command.entry)
        if answer is not None and answer.failure is not None:
            code, message = answer.failure
            del code
            step |= {"takes": rounded(took), "fails": {"always": True, "error": message or "Error", "retryable": False}}
            return step
        failures = self.failures.get(command.entry.index, ())
        lost = [row for row in failures if tells_of(row, LOST)]
        if lost and answer is not None:
            took = _last_attempt(command, answer.at, lost) + self.fit.of(command.entry)
        failed = [row for row in failures if tells_of(row, FAILED)]
        if failed:
            step |= _retried(command, failed, took)
        else:
            step["takes"] = rounded(took)
        if answer is None and failed and self.exhausted:
            step |= {"takes": rounded(10_000), "fails": {"always": True}}
        return step


def _limited(name: str, timer: Command | None) -> dict[str, Any]:
    """The limit of a wait or a call, and its own name where the timer has another."""
    if timer is None:
        return {}
    own = timer.name.removesuffix(LIMIT)
    return {**({"name": own} if timer.name and own != name else {}), "timeout": sleep(timer)}


def _last_attempt(command: Command, answered: int, lost: Sequence[Row]) -> int:
    """How long the attempt took that was answered: the ones before were lost, and paused for."""
    at, pause = command.entry.at, INITIAL
    for row in lost:
        at = max(at, (moment(row.get("appended_at")) or at) + pause)
        pause = min(2 * pause, 60_000_000)
    longest = answered - at - OWN if answered > at else (answered - command.entry.at) // 10
    first = moment(lost[0].get("appended_at")) or at
    return max(1_000, min(longest, 2 * (first - command.entry.at)))  # half of it had gone by, as far as anybody knows


def _retried(command: Command, failed: Sequence[Row], took: int) -> dict[str, Any]:
    """How long each attempt took, and how many failed: the first failure tells, and the time until the answer.

    Equal errors in a row are kept once. Where no number of attempts fits the engine's pauses, the step has its own.
    """
    first = moment(failed[0].get("appended_at"))
    own = 0 if first is None else first - command.entry.at
    if command.answer is None or not 0 < own < took:
        times = _times(len(failed), took)
        pauses = sum(min(INITIAL << number, LONGEST) for number in range(times))
        return {"takes": rounded(max(1_000, (took - pauses) // (times + 1))), "fails": times}
    for times in range(len(failed), 70):
        paused = took - (times + 1) * own
        usual = sum(min(INITIAL << number, LONGEST) for number in range(times))
        if 0.95 * usual <= paused <= 1.4 * usual:
            return {"takes": rounded(own), "fails": times}
        if paused <= 0:
            break
    return {"takes": rounded(own), "fails": len(failed), **_policy(command, failed, own)}


def _policy(command: Command, failed: Sequence[Row], own: int) -> dict[str, Any]:
    """A retry policy of the step's own, by the pauses between its failures."""
    ends = [at for row in failed if (at := moment(row.get("appended_at"))) is not None]
    assert command.answer is not None
    pauses = [after - before - own for before, after in pairwise([*ends, command.answer.at - OWN])]
    if not pauses or min(pauses) <= 0:
        return {}
    retry: dict[str, Any] = {"initial": format_duration(max(10_000, round(pauses[0] / 10_000) * 10_000))}
    factor = round(pauses[1] / pauses[0], 1) if len(pauses) > 1 else 2
    if factor >= 1 and factor != 2:
        retry["factor"] = int(factor) if factor == int(factor) else factor
    return {"retry": retry}


def _times(least: int, took: int) -> int:
    """How many attempts failed, as far as the pauses between them tell."""
    times = least
    while times < 70 and sum(min(INITIAL << number, LONGEST) for number in range(times + 1)) <= took:
        times += 1
    return times


def sleep(command: Command) -> str:
    """How long a timer was set for: to the millisecond, or a rounder number that it hardly differs from."""
    us = int(command.entry.fields.get("wake_up_time", 0)) * 1000 - command.entry.at
    for grain in (60_000_000, 1_000_000, 100_000, 10_000):
        nearest = round(us / grain) * grain
        if nearest and abs(nearest - us) <= 5_000:
            return format_duration(nearest)
    return rounded(us)


def rounded(us: int) -> str:
    """To a tenth of a millisecond below 1 s, as far as anybody knows; else whole milliseconds."""
    grain = 100 if us % 1000 and us < 1_000_000 else 1000
    return format_duration(max(1_000, round(us / grain) * grain))
