"""What happened, in one sentence: the title of a picture is its finding, made from the trace."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from durascope.models.changes import Versions
from durascope.models.effects import EffectMark, Recovery, effects
from durascope.models.engine import title_of
from durascope.models.faults import Deploy
from durascope.models.phrases import spell
from durascope.models.scenario import Scenario
from durascope.models.steps import Run
from durascope.models.trace import Kind, RunSummary, Trace
from durascope.models.undoing import why_undone
from durascope.models.unended import because, sentence
from durascope.models.waits import back_after, why
from durascope.render.sheet import Findings, heading_of

_RUN: Final = re.compile(r"run \d")
_ALL: Final = {2: "both", 3: "all three"}


def finding(
    scenario: Scenario,
    traces: Mapping[str, Trace],
    marks: Mapping[str, Sequence[EffectMark]],
    recoveries: Mapping[str, Recovery | None],
) -> str:
    """By engine's name: who never ended, what happened twice or was undone, who was back after how long."""
    said = [*_open(traces), *_twice(marks), *_undone(scenario, marks), *_back(recoveries)]
    if not said:
        return f"{scenario.title or scenario.scenario}: nothing is repeated and nothing waits"
    text = "; ".join(said)
    names = {str(mark.step) for theirs in marks.values() for mark in theirs} | {run.name for run in _runs(traces)}
    return text if any(text.startswith(name) for name in names) else text[0].upper() + text[1:]


def story_heading(trace: Trace, scenario: Scenario, worst: Recovery | None, outcome: str, width: float) -> Findings:
    """What happened in one trace, and why it took so long to resume; `outcome` is everybody's."""
    name = title_of(trace.engine)
    title = finding(scenario, {name: trace}, {name: effects(trace)}, {name: worst})
    reason = reason_of(trace, scenario, worst, name)
    reasons = [capital(each) for each in (reason, outcome) if each]
    return Findings.of(heading_of(scenario, trace), title, reasons, width)


def capital(text: str) -> str:
    """As a sentence begins; the name of a run stays as it is.

    >>> capital("the app died")
    'The app died'
    """
    return text if _RUN.match(text) else text[0].upper() + text[1:]


def reason_of(trace: Trace, scenario: Scenario, worst: Recovery | None, name: str) -> str:
    """Why it went as it did, in a sentence: who noticed the fault, why a run never ends, why steps were undone, or that
    nothing came of the fault; empty: there was none. `name` is the engine's."""
    if worst is not None:
        return f"{why(trace, worst, name)}."
    if trace.unended:
        return sentence(trace.unended[0])
    if any(True for _ in trace.of_kind(Kind.DEPLOYED)):
        return _deployed(trace, scenario)
    if undone := why_undone(trace, scenario):
        return undone
    if any(True for _ in trace.of_kind(Kind.CRASHED, Kind.HUNG, Kind.CUT, Kind.OUTAGE_STARTED)):
        return _harmless(trace)
    return ""


def _deployed(trace: Trace, scenario: Scenario) -> str:
    """Which code the runs go on with that were in flight when new code went live."""
    new = next(event for _, event in trace.of_kind(Kind.DEPLOYED))
    flying = [run for run in trace.runs if run.started_at <= new.at < (run.ended_at or trace.ended_at)]
    live = f"the new code of {new.detail} goes live after {spell(new.at)}"
    if not flying:
        return f"{live}, when no run is in flight."
    met = {event.run for _, event in trace.of_kind(Kind.WORK_STARTED) if event.at > new.at}
    skipped = _skipped(trace, scenario)
    old = sum(run.name not in met or run.name in skipped for run in flying)
    who = flying[0].name if len(flying) == 1 else f"the {len(flying)} runs in flight"
    if old == 0:
        return f"{live}; {who} go{'es' * (len(flying) == 1)} on with it."
    if old == len(flying):
        one = len(flying) == 1
        return f"{live}; {who} end{'s' * one} with the code {'it' if one else 'they'} began with."
    return f"{live}; of {who} {old} end with the code they began with."


def _skipped(trace: Trace, scenario: Scenario) -> frozenset[str]:
    """Runs that have completed without a step that every run of the new code takes: an engine that keeps a run with
    the code it began with executes it after the deploy, too."""
    fault = next((fault for fault in scenario.faults if isinstance(fault, Deploy) and not fault.rollback), None)
    if fault is None:
        return frozenset()
    old = {step.label for step in scenario.workflows[fault.deploy].walk()}
    code = Versions(dict(scenario.workflows)).deploy(fault)
    added = {step.label for step in code.steps if isinstance(step, Run) and step.label not in old}
    ran = {event.run for _, event in trace.of_kind(Kind.STEP_STARTED) if event.step in added}
    completed = (run.name for run in trace.runs if run.workflow == fault.deploy and run.status == "completed")
    return frozenset(completed) - ran if added else frozenset()


def _harmless(trace: Trace) -> str:
    """What a fault does that interrupts no work: nothing, or it keeps work from beginning."""
    refused = next((event for _, event in trace.of_kind(Kind.MESSAGE_REFUSED) if event.run is not None), None)
    if refused is not None:
        begun = (event.at for _, event in trace.of_kind(Kind.WORK_STARTED) if event.run == refused.run)
        at = next((at for at in begun if at > refused.at), None)
        if at is not None:
            late = f"{refused.run} finds nobody there and begins {spell(at - refused.at)} later"
            return f"The fault interrupts no work, but {late}."
    return "The fault interrupts no work: nothing has to recover."


def _runs(traces: Mapping[str, Trace]) -> Iterator[RunSummary]:
    return (run for trace in traces.values() for run in trace.runs)


def _twice(marks: Mapping[str, Sequence[EffectMark]]) -> list[str]:
    steps = {
        name: tuple(dict.fromkeys(str(mark.step) for mark in theirs if mark.duplicate))
        for name, theirs in marks.items()
    }
    guilty = [name for name, twice in steps.items() if twice]
    if not guilty:
        return [f"no effect happens twice{_everywhere(marks)}"] if any(marks.values()) else []
    first = steps[guilty[0]]
    if all(steps[name] == first for name in guilty):
        what = first[0] if len(first) == 1 else f"{first[0]} and {len(first) - 1} more"
        verb = "happens" if len(first) == 1 else "happen"
        return [f"{what} {verb} twice{_on(guilty, marks)}"]
    parts = [f"{len(steps[name])} effect{'s' * (len(steps[name]) > 1)} on {name}" for name in guilty]
    return [f"done twice: {', '.join(parts)}"]


def _undone(scenario: Scenario, marks: Mapping[str, Sequence[EffectMark]]) -> list[str]:
    """Steps that happen after what was to undo them; and those that are undone, where all engines undo the same."""
    undo = {undo.label: step.label for _, step in scenario.runs() if (undo := step.undo_step) is not None}
    late: dict[str, list[str]] = {}
    undone: list[dict[str, None]] = []
    for name, theirs in marks.items():
        last = {(mark.run, mark.step): mark.at for mark in theirs}
        undone.append({})
        for mark in theirs:
            step = undo.get(str(mark.step))
            if step is not None and last.get((mark.run, step), 0) > mark.at:
                late.setdefault(step, []).append(name)
            elif step is not None:
                undone[-1][step] = None
    said = [f"{step} happens after its undo{_on(names, marks)}" for step, names in late.items()]
    first = list(undone[0]) if undone else []
    if first and all(set(each) == set(first) for each in undone):
        verb = "is" if len(first) == 1 else "are"
        said.append(
            f"{' and '.join(filter(None, [', '.join(first[:-1]), first[-1]]))} {verb} undone{_on(list(marks), marks)}"
        )
    return said


def _everywhere(all_of: Mapping[str, object]) -> str:
    return "" if len(all_of) == 1 else " on any engine"


def _on(names: Sequence[str], all_of: Mapping[str, object]) -> str:
    if len(all_of) == 1:
        return ""
    if len(names) == len(all_of):
        return (
            " on both engines" if len(names) == 2 else f" on all {'three' if len(names) == 3 else len(names)} engines"
        )
    return f" on {' and '.join(names)}"


def _open(traces: Mapping[str, Trace]) -> list[str]:
    said: list[str] = []
    for name, trace in traces.items():
        never = [run.name for run in trace.started if run.ended_at is None]
        if never:
            what = "the run" if len(trace.started) == 1 else never[0] if len(never) == 1 else f"{len(never)} runs"
            reasons = (because(each) for each in trace.unended)
            why = next((f": {reason}" for reason in reasons if reason), "")
            said.append(f"{what} never end{'s' * (len(never) == 1)}{'' if len(traces) == 1 else f' on {name}'}{why}")
    return said


def _back(recoveries: Mapping[str, Recovery | None]) -> list[str]:
    known = {name: each for name, each in recoveries.items() if each is not None}
    ends = sorted((each.lasts, name, back_after(each)) for name, each in known.items() if each.lasts is not None)
    if not ends:
        return []
    if len(recoveries) == 1:
        return [f"work goes on {ends[0][2]} after the fault"]
    (_, first, after), *others = ends
    rest = "".join(f", {name} after {lasts}" for _, name, lasts in others)
    return [f"{first} is back at work after {after}{rest}"]
