"""Journals as a scenario: the handlers, how Restate is deployed, who called what and when, what failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from durascope.importing.checking import Candidate, likeliest, nearest
from durascope.importing.imported import Imported
from durascope.importing.restate.fitting import Fit
from durascope.importing.restate.losses import Loss, losses
from durascope.importing.restate.program import Command, Program, program, signal_of
from durascope.importing.restate.reading import Entry, Invocation, Row, moment
from durascope.importing.restate.readings import Reading, readings
from durascope.importing.restate.rows import called, lines, status
from durascope.importing.restate.steps import Writer, rounded
from durascope.importing.restate.story import story
from durascope.importing.writing import scenario_of, without_comments, written
from durascope.models.durations import format_duration
from durascope.models.trace import Trace

ROUNDS: Final = 5
"""The most predictions for one import."""
LARGEST: Final = 2_000
"""Entries above which nothing is predicted while importing."""
OPEN: Final = ("running", "paused")


def imported(invocations: Sequence[Invocation], name: str) -> Imported:
    """The scenario that these invocations are the recording of; `name` is its id."""
    ways = list(readings(invocations))
    if sum(len(each.entries) for each in invocations) > LARGEST:
        return _Import(invocations, name, Fit(), ways[0]).imported()
    return likeliest(partial(_fitted, invocations, name, reading) for reading in ways)


def _fitted(invocations: Sequence[Invocation], name: str, reading: Reading) -> Candidate:
    work = _Import(invocations, name, Fit(), reading)

    def nearer(trace: Trace, _number: int) -> Imported:
        nonlocal work
        fit = work.fit.after({told: work.programs[each] for each, told in work.names.items()}, work.began, trace)
        work = _Import(invocations, name, fit, reading)
        return work.imported()

    return nearest(work.imported(), nearer, ROUNDS, events=True)


class _Import:
    def __init__(self, invocations: Sequence[Invocation], name: str, fit: Fit, reading: Reading) -> None:
        self.fit = fit
        self.reading = reading
        self.name = name
        self.by_id = {each.id: each for each in invocations}
        self.programs = {each.id: program(each) for each in invocations}
        self.children = {child for each in invocations for child in called([entry.row for entry in each.entries])}
        outside = [each for each in invocations if each.id not in self.children]
        self.roots = [each for each in outside if not self._shared(each)]
        self.messages = [each for each in outside if self._shared(each)]
        """Shared handlers that only delivered something to a promise, or looked at one."""
        self.began = min(each.began for each in invocations)
        self.workflows: dict[str, dict[str, Any]] = {}
        self.names: dict[str, str] = {}
        """Invocations by the names that records use: `run 1`, `run 1.2`."""
        self.notes: dict[str, None] = {}
        self.sent: set[tuple[str, str]] = set()
        """Named signals that recorded invocations send, by receiver."""
        for number, root in enumerate(self.roots, 1):
            self._name(root, f"run {number}")

    def _shared(self, invocation: Invocation) -> bool:
        commands = self.programs[invocation.id].commands
        kinds = {each.kind for each in commands}
        if kinds == {"SendSignal"}:
            return all(each.signal == invocation.handler for each in commands)
        asks = kinds <= {"GetLazyState", "GetEagerState"} and [each.name for each in commands] == [invocation.handler]
        return bool(kinds) and (asks or kinds <= {"CompletePromise", "PeekPromise"})

    def _name(self, invocation: Invocation, name: str) -> None:
        self.names[invocation.id] = name
        for number, child in enumerate(called([entry.row for entry in invocation.entries]), 1):
            found = self.by_id.get(child)
            if found is not None and child not in self.names:
                self._name(found, f"{name}.{number}")

    # ---- the scenario --------------------------------------------------------------------------------------

    def imported(self) -> Imported:
        started = [self._workflow(root) for root in self.roots]
        for number, root in enumerate(self.roots):
            body = self.workflows[started[number]]
            waited = str(without_comments(body["steps"]))
            for name in sorted(name for to, name in self.sent if to == root.id):
                if f"'wait_for': {name!r}" not in waited:
                    body.setdefault("signals", {}).setdefault(name, {"then": "ignore"})
        faults = self._faults()
        document: dict[str, Any] = {
            "scenario": self.name,
            "title": f"Imported: {self.roots[0].handler if self.roots else 'nothing'}",
            "workflows": self.workflows,
            "deployments": {"restate": self._deployment()},
            "workload": self._workload(started),
        }
        if faults:
            document["faults"] = faults
        text = written(document)
        scenario = scenario_of(document, self.name)
        records = {
            name: lines([entry.row for entry in self.by_id[each].entries], self._label)
            for each, name in self.names.items()
            if self.by_id[each].entries
        }
        still_open = frozenset(name for each, name in self.names.items() if status(self.by_id[each].row) in OPEN)
        stories = [story(root, self.names[root.id], self.programs[root.id]) for root in self.roots]
        return Imported("restate", scenario, text, records, still_open, stories, list(self.notes))

    def _label(self, handler: str) -> str:
        return handler

    def _workflow(self, invocation: Invocation) -> str:
        body = self._body(invocation)
        name, number = invocation.handler, 1
        while name in self.workflows and without_comments(self.workflows[name]) != without_comments(body):
            number += 1
            name = f"{invocation.handler}-{number}"
        self.workflows.setdefault(name, body)
        return name

    def _body(self, invocation: Invocation) -> dict[str, Any]:
        code = self.programs[invocation.id]
        failures: dict[int, list[Row]] = {}
        for row in invocation.events:
            failures.setdefault(int(row.get("after_journal_entry_index") or 0), []).append(row)
        writer = Writer(code, failures, self._child, self._receiver, self.fit, exhausted=_exhausted(invocation, code))
        steps = writer.written()
        body: dict[str, Any] = {}
        if invocation.service != invocation.handler:
            body["service"] = invocation.service
        if invocation.kind != "service":
            body |= {"kind": invocation.kind, "key": "key", "input": {"key": "unique"}}
        body["steps"] = [*steps, *_ending(code)]
        heard, asked = self._heard(invocation)
        waited = str(without_comments(body["steps"]))
        unheard = {name: {"then": "ignore"} for name in heard if f"'wait_for': {name!r}" not in waited}
        if unheard:
            body["signals"] = unheard
        if asked:
            body["queries"] = asked
        if writer.on_failure:
            body["on_failure"] = writer.on_failure
        if code.cause is not None and code.output is not None and code.output.failure is None and code.unwinding:
            body["after_undo"] = "complete"
        return body

    def _receiver(self, command: Command) -> tuple[str, int] | None:
        """Of a named signal to a run that is recorded, too."""
        name = command.signal
        to = self.by_id.get(str(command.entry.fields.get("target_invocation_id")))
        if not isinstance(name, str) or to not in self.roots:
            return None
        self.sent.add((to.id, name))
        return name, self.roots.index(to) + 1

    def _heard(self, invocation: Invocation) -> tuple[list[str], list[str]]:
        """The events and the queries that others sent to an invocation."""
        heard: dict[str, dict[str, None]] = {"CompletePromise": {}, "PeekPromise": {}}
        for message in self.messages:
            if (message.service, message.key) == (invocation.service, invocation.key):
                command = self.programs[message.id].commands[0]
                heard.setdefault(command.kind, {})[command.name] = None
        asked = [*heard["PeekPromise"], *heard.get("GetLazyState", ()), *heard.get("GetEagerState", ())]
        return [*heard["CompletePromise"], *self.programs[invocation.id].awaited], asked

    def _child(self, command: Command) -> str:
        asked = command.entry.fields.get("request") or {}
        found = self.by_id.get(str(asked.get("invocation_id")))
        if found is not None:
            return self._workflow(found)
        target = next(iter((asked.get("invocation_target") or {}).values()), {})
        name = str(target.get("handler", "called"))
        self.notes[f"The journal of {name} is not among the rows: one step stands for all that it did."] = None
        answer = command.answer
        took = 1_000_000 if answer is None else max(1_000, answer.at - command.entry.at - 6_000)
        self.workflows.setdefault(name, {"steps": [{"run": f"all of {name}", "takes": rounded(took)}]})
        return name

    def _deployment(self) -> dict[str, Any]:
        kinds = {each.kind for each in self.roots}
        service: dict[str, Any] = {"kind": next(iter(kinds))} if len(kinds) == 1 and kinds != {"service"} else {}
        lazy = any(each.kind.startswith("GetLazyState") for code in self.programs.values() for each in code.commands)
        if lazy:
            service["lazy_state"] = True
        signals = [entry for code in self.programs.values() for entry in code.awaited.values()]
        if any(isinstance(signal_of(entry), str) for entry in signals):
            service["wait_for"] = "signal"
        commands = [each for code in self.programs.values() for each in code.commands]
        if any(each.kind == "Sleep" and not each.name for each in commands):
            service["sdk"] = "typescript"
        if self.reading.uninterrupted and service.get("sdk") != "typescript":
            service |= {"mode": "request-response"} if self.reading.uninterrupted == "mode" else {"sdk": "typescript"}
        told: dict[str, Any] = {"service": service} if service else {}
        used_up = [each for each in self.by_id.values() if _exhausted(each, self.programs[each.id])]
        if used_up:
            most = max(sum(row.get("event_type") == "TransientError" for row in each.events) for each in used_up)
            told["retry"] = {"max_attempts": most + 1, "then": "kill"}
        versions = {each.row.get("pinned_service_protocol_version") for each in self.by_id.values()}
        if 7 in versions:
            told["server"] = {"protocol": 7}
        return told

    # ---- the workload --------------------------------------------------------------------------------------

    def _workload(self, started: Sequence[str]) -> dict[str, Any]:
        told: dict[str, Any] = {"runs": len(self.roots)}
        if len(self.workflows) > 1:
            told["of"] = started[0] if len(set(started)) == 1 else list(started)
        keys = [each.key for each in self.roots]
        if any(key is not None for key in keys):
            told["keys"] = [str(key) for key in keys]
        if len(self.roots) > 1:
            told["arrivals"] = {"at": [format_duration(self._at(each.began)) for each in self.roots]}
        events = [
            *(each for root in self.roots for each in self._events(root)),
            *(each for message in self.messages for each in self._delivered(message)),
        ]
        if events:
            told["events"] = [event for _, event in sorted(events, key=lambda pair: pair[0])]
        return told

    def _at(self, us: int) -> int:
        return max(0, us - self.began)

    def _events(self, root: Invocation) -> list[tuple[int, dict[str, Any]]]:
        code, number = self.programs[root.id], int(self.names[root.id].removeprefix("run "))
        found: list[tuple[int, dict[str, Any]]] = []
        for name, entry in code.awaited.items():
            if (root.id, str(signal_of(entry))) in self.sent:
                continue
            at = self._sent(root, entry)
            found.append((at, {"send": name, "to": number, "at": format_duration(at)}))
        if code.cancelled is not None:
            at = self._sent(root, code.cancelled)
            found.append((at, {"operator": "cancel", "to": number, "at": format_duration(at)}))
        if status(root.row) == "killed":
            ended = moment(root.row.get("completed_at")) or moment(root.row.get("modified_at")) or self.began
            at = self._at(ended - 2_000)
            found.append((at, {"operator": "kill", "to": number, "at": format_duration(at)}))
        return found

    def _sent(self, root: Invocation, entry: Entry) -> int:
        """When something was sent that the entry is the arrival of."""
        then = self.fit.then(self.names[root.id], entry.at - self.began)
        return max(0, then - 2_000 + self.fit.order.get(entry, 0)) // 100 * 100

    def _delivered(self, message: Invocation) -> list[tuple[int, dict[str, Any]]]:
        """What a shared handler delivered to a run of the same workflow."""
        to = next((root for root in self.roots if (root.service, root.key) == (message.service, message.key)), None)
        command = self.programs[message.id].commands[0]
        if to is None or command.kind == "SendSignal":  # the receiver's journal has it, and when
            return []
        at = self._at(message.began)
        number = int(self.names[to.id].removeprefix("run "))
        how = "send" if command.kind == "CompletePromise" else "query"
        return [(at, {how: command.name, "to": number, "at": format_duration(at)})]

    # ---- faults --------------------------------------------------------------------------------------------

    def _faults(self) -> list[Any]:
        """Connections that were lost say that the service went down, and when."""
        lost: list[Loss] = []
        for invocation in self.by_id.values():
            lost += losses(invocation, self.began, forever=_exhausted(invocation, self.programs[invocation.id]))
        merged: list[Loss] = []
        for each in sorted(lost, key=lambda loss: loss.at):
            if merged and each.at <= merged[-1].back:
                last = merged[-1]
                merged[-1] = replace(last, back=max(last.back, each.back), refused=last.refused or each.refused)
            else:
                merged.append(each)
        return [each.fault(self.fit.then("run 1", each.at)) for each in merged]


def _exhausted(invocation: Invocation, code: Program) -> bool:
    """Whether it ended without an output: killed by the policy of its retries."""
    killed = status(invocation.row) == "failed" and code.output is None
    return killed and any(row.get("event_type") == "TransientError" for row in invocation.events)


def _ending(code: Program) -> list[Any]:
    """The step that ends the run, where that is not the end of its steps."""
    failure = None if code.output is None else code.output.failure
    if failure is None or code.cause is not None or code.cancelled is not None:
        return []
    number, message = failure
    return [{"fail": message or "failed", **({"code": number} if number != 500 else {})}]
