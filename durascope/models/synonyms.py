"""What other tools call the parts of the scenario language: for `did you mean …` where no spelling is similar.

The words come from the SDKs of Temporal, Inngest and Restate, from Step Functions, GitHub Actions and general use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

_WORDS: Final[Mapping[str, str]] = {
    "run": "step activity task execute execute-activity step-run action tool side-effect",
    "sleep": "delay timer pause wait-until durable-timer",
    "wait_for": "wait wait-for-event wait-for-signal wait-condition signal receive await event approval human",
    "choose": "if switch branch branches condition match unless",
    "parallel": "concurrently concurrent gather all fan-out group promise-all",
    "for_each": "map foreach for each",
    "repeat": "loop while until",
    "call": "invoke child child-workflow execute-child-workflow sub-workflow workflow",
    "start": "spawn trigger start-workflow",
    "send": "emit publish send-event notify",
    "fail": "throw raise error abort",
    "finish": "return end exit stop complete succeed",
    "patched": "version get-version",
    "on": "service calls target uses",
    "takes": "duration latency-ms execution-time time",
    "latency": "takes duration time delay response-time",
    "undo": "compensate compensation compensation-step rollback on-cancel",
    "retry": "retries retry-policy max-retries attempts backoff",
    "max_attempts": "maximum-attempts max-retries retries attempts limit",
    "initial": "initial-interval delay interval",
    "factor": "backoff-coefficient multiplier exponent",
    "max_interval": "maximum-interval max-delay",
    "timeout": "start-to-close start-to-close-timeout",
    "total_timeout": "schedule-to-close schedule-to-close-timeout",
    "queue_timeout": "schedule-to-start schedule-to-start-timeout",
    "one_at_a_time": "serialized exclusive mutex concurrency single",
    "started_by": "on trigger triggers event",
    "do": "steps body then",
    "then": "do steps",
    "steps": "do tasks jobs activities body",
    "otherwise": "else default",
    "arrivals": "rate per-second rps load",
    "poisson": "rate per-second rps",
    "every": "interval",
    "runs": "count number instances executions",
    "failures": "failure-rate error-rate errors",
    "deduplicates": "idempotent idempotency",
    "price": "cost",
    "scenario": "name id",
    "completed": "success success-rate succeeded complete",
    "when": "on after",
    "crash": "kill die",
    "cut": "network partition network-partition netsplit disconnect",
    "hang": "freeze stall pause",
    "outage": "unavailable",
    "down_for": "down duration downtime for outage-time back-after restart-after",
    "at_most": "max maximum",
    "at_least": "min minimum",
    "for": "duration down-for",
    "faults": "chaos failures crashes",
    "expect": "assert assertions invariants tests",
    "workload": "load traffic",
    "about": "description summary documentation",
}
_MEANT: Final[Mapping[str, tuple[str, ...]]] = {
    word: tuple(name for name, words in _WORDS.items() if word in words.split())
    for word in " ".join(_WORDS.values()).split()
}


def synonym(name: str, known: Iterable[str]) -> str | None:
    """The known name for which another tool uses this word; None if there is none, or more than one.

    >>> synonym("activity", ["run", "sleep"])
    'run'
    """
    plain = "-".join(_parts(name))
    among = set(known)
    meant = [each for each in _MEANT.get(plain, ()) if each in among]
    return meant[0] if len(meant) == 1 else None


def _parts(name: str) -> list[str]:
    """The words of a name in any case: `startToClose`, `start_to_close`, `start-to-close`."""
    spaced = "".join(f"-{each}" if each.isupper() else each for each in name).lower()
    return [part for part in spaced.replace("_", "-").split("-") if part]
