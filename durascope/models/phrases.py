"""Faults and times in the words in which every output says them."""

from __future__ import annotations

from math import floor, log10
from typing import Final

from durascope.models.faults import Crash, Cut, Deploy, Fault, Hang, Outage, RandomFault
from durascope.models.units import FOREVER

_UNITS: Final = (
    (86_400_000_000, "d"),
    (3_600_000_000, "h"),
    (60_000_000, "min"),
    (1_000_000, "s"),
    (1_000, "ms"),
    (1, "µs"),
)


def spell(us: float) -> str:
    """A duration for people: two or three digits, or two units (`370 ms`, `11.4 s`, `1 h 3 min`, `7 d`).

    >>> spell(370_000), spell(11_400_000), spell(3_780_000_000)
    ('370 ms', '11.4 s', '1 h 3 min')
    """
    us = round(us)
    if us == 0:
        return "0 s"
    if us < 0:
        return f"-{spell(-us)}"
    for at, (size, unit) in enumerate(_UNITS):
        if us < size * (0.9995 if size <= 1_000_000 else 0.995) and unit != "µs":
            continue
        if size > 1_000_000:
            return _two_units(us, at)
        value = us / size
        digits = max(0, 2 - floor(log10(value)))
        text = f"{value:.{digits}f}"
        return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {unit}"
    return f"{us} µs"


def _two_units(us: int, at: int) -> str:
    size, unit = _UNITS[at]
    smaller, small_unit = _UNITS[at + 1]
    rest = round(us / smaller)
    whole, part = divmod(rest, size // smaller)
    return f"{whole} {unit} {part} {small_unit}" if part and whole < 100 else f"{whole} {unit}"


def fault_text(fault: object) -> str:
    """A fault in one sentence."""
    match fault:
        case Crash():
            down = "for good" if fault.down_for >= FOREVER else f"for {spell(fault.down_for)}"
            how = "is stopped gracefully" if fault.graceful else "is killed"
            return f"{fault.crash} {how} {_when(fault)}, down {down}"
        case Hang():
            return f"{fault.hang} hangs for {spell(fault.for_)}, {_starting(fault)}"
        case Outage():
            return f"{fault.outage} is down for {spell(fault.for_)}, {_starting(fault)}"
        case Cut():
            return (
                f"{fault.cut[0]} and {fault.cut[1]} cannot reach each other for {spell(fault.for_)}, {_starting(fault)}"
            )
        case Deploy():
            code = "the code before the latest deploy" if fault.rollback else "new code"
            return f"{code} of {fault.deploy} goes live {_when(fault)}"
        case RandomFault():
            return f"{fault.random.crash} is killed at random, every {fault.random.every}"
        case _:
            return str(fault)


def _starting(fault: Hang | Outage | Cut) -> str:
    return "from the start" if fault.when is None and not fault.at else f"starting {_when(fault)}"


def _when(fault: Crash | Hang | Outage | Cut | Deploy) -> str:
    trigger = fault.when
    if trigger is None:
        return f"at {spell(fault.at or 0)}"
    later = f"{spell(trigger.after)} " if trigger.after else ""
    if trigger.event is not None:
        return f"{later}after {'event ' if isinstance(trigger.event, int) else ''}{trigger.event}"
    moments = {
        "scheduled": f"{later}after {trigger.step} is scheduled",
        "started": f"{later}after {trigger.step} has started",
        "before-effect": f"{later or 'right '}before the effect of {trigger.step}"
        if not later
        else f"{later}after the moment before the effect of {trigger.step}",
        "after-effect": f"{later or 'right '}after the effect of {trigger.step}",
        "reported": f"{later or 'right '}after {trigger.step} has returned",
        "recorded": f"{later or 'right '}after the result of {trigger.step} is recorded",
    }
    attempt = f" (attempt {trigger.attempt})" if trigger.attempt else ""
    return moments[trigger.moment or "started"] + attempt


def must_strike(fault: Fault) -> bool:
    """Whether a scenario shows nothing unless that fault strikes: one at random times may miss."""
    return not isinstance(fault, RandomFault) and not fault.may_miss


def missing(fault: Fault) -> str:
    """Why a fault has not struck, with the fault itself."""
    if isinstance(fault, RandomFault):
        return f"{fault_text(fault)}: no such time came before the end"
    why = "every run had ended by then" if fault.when is None else "that moment did not come while a run was open"
    return f"{fault_text(fault)}: {why}"
