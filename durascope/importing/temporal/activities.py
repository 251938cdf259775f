"""What a history says of one activity: how long its attempts took, how they failed, and with what options it ran."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from durascope.importing.temporal.fitting import Fit
from durascope.importing.temporal.lines import word
from durascope.importing.temporal.observing import Command, What, failure_of, span
from durascope.importing.temporal.recording import Defaults
from durascope.models.durations import format_duration

REPORT: Final = 4_700
"""Microseconds from an activity's start to its end, beside its body: its report (engine notes, section 15)."""
LEAST: Final = 1_000
IN_TIME: Final = 30_000
"""How long before its limit an attempt is taken to end at the latest that did not exceed it, in microseconds."""
SECOND: Final = 1_000_000
LONG: Final = 60_000_000
"""For an attempt of which nothing is known but that it did not end in time."""


def activity_step(command: Command, defaults: Defaults, fit: Fit, *, lost: bool = False) -> dict[str, Any]:
    """The step, as a scenario writes it; `lost`: its first attempt was under way when its worker died."""
    a = command.asked.a
    step: dict[str, Any] = {"run": command.name, "takes": _takes(command, fit, lost=lost)}
    fails = None if lost else _fails(command)
    if fails is not None:
        step["fails"] = fails
    retry = retry_of(a.get("retryPolicy"))
    if retry:
        step["retry"] = retry
    to_close, start_to_close = span(a, "scheduleToCloseTimeout"), span(a, "startToCloseTimeout")
    to_start, heartbeat = span(a, "scheduleToStartTimeout"), span(a, "heartbeatTimeout")
    limit = defaults.run_timeout  # caps all others: what equals it was not asked for
    to_close, to_start = (0 if each == limit else each for each in (to_close, to_start))
    if start_to_close and start_to_close not in (defaults.step_timeout, to_close, limit):
        step["timeout"] = format_duration(start_to_close)
    if to_start and to_start != to_close:
        step["queue_timeout"] = format_duration(to_start)
    if to_close:
        step["total_timeout"] = format_duration(to_close)
    if heartbeat:
        step["heartbeat"] = {"timeout": format_duration(heartbeat), "every": format_duration(max(heartbeat // 4, 1000))}
        if _timed_out(command) == "heartbeat":
            step["heartbeat"]["every"] = "never"
    queue = a.get("taskQueue", {}).get("name")
    if queue and queue != defaults.queue:
        step["queue"] = queue
    if command.awaited_cancel:
        step["cancellation"] = "wait"
    return step


def local_step(command: Command, defaults: Defaults) -> dict[str, Any]:
    """The step of a local activity, whose markers tell its attempts; its timeout they do not."""
    fails = [each for each in command.attempts if "failure" in each.a]
    tries = max(1, command.tries)
    initial, took = 0, command.took
    if command.pauses:
        pause, attempt = command.pauses[0]
        initial = max(1_000, pause >> (attempt - 1))
        took -= (pause - initial) + sum(each for each, _ in command.pauses)
    step: dict[str, Any] = {"run": command.name, "takes": _rounded(took // tries), "local": True}
    if took // tries >= defaults.step_timeout:
        step["timeout"] = format_duration(-(-2 * (took // tries) // SECOND) * SECOND)
    final = bool(fails and _application(fails[-1].a).get("nonRetryable"))
    if fails:
        error, _ = failure_of(fails[-1].a)
        if command.failed:
            step["fails"] = {"always": True, "error": error, **({"retryable": False} if final else {})}
        else:
            step["fails"] = {"times": tries - 1, "error": error}
    elif tries > 1:
        step["fails"] = tries - 1
    if command.pauses:
        threshold = command.pauses[0][0] * 3 // 4
        step["retry"] = {"initial": format_duration(initial), "local_threshold": format_duration(threshold)}
    elif command.failed and not final:  # nothing else ends a local activity that could be tried again
        step["retry"] = {"max_attempts": tries}
    return step


def retry_of(policy: Mapping[str, Any] | None) -> dict[str, Any]:
    """A retry policy, where it is not the server's own: 1 s, doubled, up to 100 times as much, without an end."""
    if not policy:
        return {}
    initial, longest = span(policy, "initialInterval"), span(policy, "maximumInterval")
    factor, most = float(policy.get("backoffCoefficient", 2.0)), int(policy.get("maximumAttempts", 0))
    told: dict[str, Any] = {}
    if initial and initial != 1_000_000:
        told["initial"] = format_duration(initial)
    if factor != 2.0 and factor >= 1:
        told["factor"] = int(factor) if factor.is_integer() else factor
    if longest and longest != 100 * (initial or 1_000_000):
        told["max_interval"] = format_duration(longest)
    if most:
        told["max_attempts"] = most
    return told


def attempts_of(command: Command) -> int:
    """How many attempts there were; 0: none was told of."""
    return int(command.started.a.get("attempt", 1)) if command.started is not None else 0


def backoff(policy: Mapping[str, Any] | None, attempt: int) -> int:
    """The pause after that attempt, in microseconds."""
    initial = span(policy or {}, "initialInterval") or 1_000_000
    longest = span(policy or {}, "maximumInterval") or 100 * initial
    factor = float((policy or {}).get("backoffCoefficient", 2.0))
    return int(min(float(longest), initial * factor ** min(attempt - 1, 200)))


def _timed_out(command: Command) -> str | None:
    """By which timeout the activity ended."""
    ended = command.ended
    if ended is None or ended.kind != "ActivityTaskTimedOut":
        return None
    return word(ended.a.get("failure", {}).get("timeoutFailureInfo", {}).get("timeoutType"), "TIMEOUT_TYPE_")


def _application(a: Mapping[str, Any]) -> Mapping[str, Any]:
    failure = a.get("failure") or a.get("lastFailure") or {}
    return failure.get("applicationFailureInfo") or {}


def _takes(command: Command, fit: Fit, *, lost: bool) -> str | list[str]:
    """How long its attempts took: the last one is told, those before it share what is left of the backoffs."""
    attempts, started, ended = attempts_of(command), command.started, command.ended
    if started is None or ended is None or ended.kind == "ActivityTaskCanceled":
        return format_duration(LONG)
    own = ended.at - started.at - REPORT + fit.takes.get(command, 0)
    limit = span(command.asked.a, "startToCloseTimeout")
    if limit > IN_TIME:  # it was reported in time: if that was late, then because the server was
        own = min(own, limit - IN_TIME)
    last = format_duration(max(LEAST, fit.rounded(own)))
    timed_out = _timed_out(command)
    if timed_out is not None:
        last = format_duration(LONG + span(command.asked.a, "startToCloseTimeout"))
    if attempts <= 1 or (lost and attempts == 2):
        return last
    before = earlier_attempts(command, fit.earlier.get(command, 0))
    return last if before == last else [*[before] * (attempts - 1), last]


def earlier_attempts(command: Command, late: int = 0) -> str:
    """How long each attempt before the last one took; `late`: by how much all of them together were longer."""
    started, attempts, a = command.started, attempts_of(command), command.asked.a
    assert started is not None
    error, timeout = failure_of(started.a)
    if error == "timeout":
        limit = span(a, "heartbeatTimeout") if timeout == "heartbeat" else span(a, "startToCloseTimeout")
        return format_duration(limit + LONG)
    info = _application(started.a)
    asked = span(info, "nextRetryDelay")
    paused = sum(asked or backoff(a.get("retryPolicy"), number) for number in range(1, attempts))
    return _rounded((started.at - command.asked.at - paused + late) // (attempts - 1) - REPORT)


def _fails(command: Command) -> Any:
    """How its attempts failed, as far as the history tells: the failure before the last attempt, and the last one's."""
    attempts, ended = attempts_of(command), command.ended
    if ended is not None and ended.kind == "ActivityTaskFailed":
        error, _ = failure_of(ended.a)
        info = _application(ended.a)
        return {"always": True, "error": error, **({"retryable": False} if info.get("nonRetryable") else {})}
    if _timed_out(command) == "schedule-to-close" and ended is not None:
        error, _ = failure_of(ended.a)
        if error != "timeout":
            return {"always": True, "error": error}
    if attempts > 1 and command.started is not None:
        error, _ = failure_of(command.started.a)
        if error != "timeout":
            after = span(_application(command.started.a), "nextRetryDelay")
            told = {"times": attempts - 1, "error": error, **({"retry_after": format_duration(after)} if after else {})}
            return attempts - 1 if told == {"times": attempts - 1, "error": "Error"} else told
    return None


def _rounded(us: int) -> str:
    """Whole milliseconds: more than that no recording knows."""
    return format_duration(max(LEAST, round(us / 1000) * 1000))


def is_activity(command: Command) -> bool:
    return command.what in (What.ACTIVITY, What.LOCAL)
