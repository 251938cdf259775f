"""Which moments a step has at all: a fault or an event that counts from any other would never come."""

from __future__ import annotations

from typing import Final

from durascope.models.run_step import Run
from durascope.models.steps import Step
from durascope.models.workload import MOMENTS, Moment, Trigger

_WITHOUT_EFFECT: Final[tuple[Moment, ...]] = ("scheduled", "started", "recorded")
_IN_CODE: Final[tuple[Moment, ...]] = ("started",)
MOMENTS_OF: Final[dict[str, tuple[Moment, ...]]] = {
    "run": MOMENTS,
    "send": MOMENTS,
    "start": MOMENTS,
    "call": _WITHOUT_EFFECT,
    "sleep": _WITHOUT_EFFECT,
    "wait_for": _WITHOUT_EFFECT,
    "awakeable": _WITHOUT_EFFECT,
    "get": _WITHOUT_EFFECT,
    "set": _WITHOUT_EFFECT,
    "clear": _WITHOUT_EFFECT,
    "compute": _IN_CODE,
    "patched": _IN_CODE,
    "fail": _IN_CODE,
    "bug": _IN_CODE,
    "finish": _IN_CODE,
}
"""The moments that a step of each kind passes; the kinds that only hold other steps have none of their own."""


def unreachable(trigger: Trigger, step: Step) -> tuple[str, str, str] | None:
    """Why a step never passes the moment that a trigger names, None if it may.

    Returns the trigger's field that is to blame, a message and a help.
    """
    moments = MOMENTS_OF.get(step.kind, ())
    if not moments:
        return "step", f"a `{step.kind}` has no moments of its own", "name a step inside of it"
    if trigger.moment is not None and trigger.moment not in moments:
        message = f"a `{step.kind}` step never passes `{trigger.moment}`"
        return "moment", message, f"its moments: {', '.join(moments)}"
    return _unreachable_attempt(trigger, step) if isinstance(step, Run) else None


def _unreachable_attempt(trigger: Trigger, run: Run) -> tuple[str, str, str] | None:
    most = run.retry.max_attempts if run.retry is not None else None
    if most is not None and trigger.attempt is not None and trigger.attempt > most:
        message = f"`{run.run}` never has attempt {trigger.attempt}"
        return "attempt", message, f"its retry policy ends with attempt {most} (max_attempts)"
    if trigger.moment != "after-effect":
        return None
    if run.effect_at == "never":
        return "moment", f"`{run.run}` has no effect", "it says `effect_at: never`"
    fails = run.fails
    if fails is None or fails.moment == "after-effect":
        return None
    if fails.always:
        return (
            "moment",
            f"every attempt of `{run.run}` fails before its effect",
            "write `fails: {moment: after-effect}`",
        )
    if trigger.attempt is not None and fails.fails(trigger.attempt):
        help = f"its first effect comes with attempt {(fails.times or 0) + 1}"  # noqa: A001
        return "attempt", f"attempt {trigger.attempt} of `{run.run}` fails before its effect", help
    return None
