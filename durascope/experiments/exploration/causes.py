"""Causes: why a finding happens, in the engine's own words, read off its trace."""

from __future__ import annotations

from durascope.experiments.exploration.disturbances import Disturbance, Disturbances
from durascope.experiments.exploration.tally import Shown, Witness
from durascope.models.effects import Recovery, recoveries
from durascope.models.engine import engine as spec_of
from durascope.models.trace import Kind, Trace
from durascope.models.waits import longest, why


def cause(shown: Shown, witness: Witness, trace: Trace) -> str:
    """One sentence without its full stop: what breaks, what the engine then knows, what it does."""
    name, step = shown
    told = "; ".join(filter(None, (_breaks(witness.disturbances), _noticed(trace, step))))
    if name == "duplicate" and step is not None:
        return f"{told}; {_again(trace, step)}"
    if name == "slow":
        return told
    return f"{_breaks(witness.disturbances)}; {witness.outcome.broken[name]}"


def _breaks(disturbances: Disturbances) -> str:
    return ", then ".join(map(_one, disturbances))


def _one(disturbance: Disturbance) -> str:
    who = f"the {disturbance.target}" if disturbance.target in ("app", "engine") else disturbance.target
    if disturbance.replica is not None:
        who = (
            f"replica {disturbance.replica} of {who}"
            if disturbance.target == "app"
            else f"{disturbance.target} {disturbance.replica}"
        )
    does = {
        "crash": "dies", "graceful": "is stopped", "hang": "hangs", "cut": "cannot reach each other",
        "outage": "is down", "deploy": "gets new code", "cancel": "is cancelled",
    }[disturbance.what]  # fmt: skip
    when = {
        "after-effect": "after {} has had its effect, before anybody reports it",
        "reported": "while the result of {} is on its way",
        "before-effect": "before {} has its effect",
        "started": "when {} has begun",
        "scheduled": "when {} is scheduled",
        "recorded": "when the result of {} is recorded",
    }
    if disturbance.step is None:
        return f"{who} {does} after event {disturbance.event}"
    return f"{who} {does} {when[disturbance.moment].format(disturbance.step)}"


def _noticed(trace: Trace, step: str | None) -> str:
    """Who noticed, after what; empty if the trace does not tell."""
    found = recoveries(trace)
    wanted = [each for each in found if step is None or step in each.steps] or found
    worst: Recovery | None = longest(wanted)
    title = spec_of(trace.engine).title
    if worst is not None:
        return why(trace, worst, title)
    timed_out = next((event for _, event in trace.of_kind(Kind.STEP_RETRIED) if isinstance(event.detail, str)), None)
    if timed_out is None:
        return ""
    return f"{title} no longer hears from {timed_out.step}, and notices by its {timed_out.detail} timeout"


def _again(trace: Trace, step: str) -> str:
    """How the effect came to happen again."""
    by_run: dict[str | None, list[int]] = {}
    for number, event in trace.of_kind(Kind.STEP_AFTER_EFFECT):
        if event.step == step:
            by_run.setdefault(event.run, []).append(number)
    run, effects = max(by_run.items(), key=lambda item: len(item[1]), default=(None, []))
    recorded = [number for number, e in trace.of_kind(Kind.STEP_RECORDED) if (e.run, e.step) == (run, step)]
    times = f"{len(effects)} times" if len(effects) > 2 else "twice"
    if len(effects) > 1 and not any(number < effects[1] for number in recorded):
        return f"no result of {step} has been recorded, so it runs again and happens {times}"
    return f"{step} happens {times}"
