"""Failures at real rates: read, laid over a load, and weighed; both ways come to the same."""

from __future__ import annotations

import pytest

from durascope.experiments.reliability import Rates, RatesError, expected
from durascope.experiments.study import study
from durascope.models.faults import Crash, Outage
from durascope.models.scenario import Scenario

DAY = 86_400_000_000
LOAD = Scenario.model_validate(
    {
        "scenario": "s",
        "services": {"bank": {"latency": "10ms"}},
        "workflows": {"w": {"steps": [{"run": "charge", "takes": "1s", "effect_at": "20%", "on": "bank"}]}},
        "workload": {"runs": 400, "arrivals": {"every": "10s"}},
    }
)


def test_rates_are_read_with_their_repairs() -> None:
    rates = Rates.parse("app=30d,bank=7d", "app=2s", LOAD)
    assert rates == Rates({"app": 30 * DAY, "bank": 7 * DAY}, {"app": 2_000_000, "bank": 60_000_000})


@pytest.mark.parametrize(
    ("mtbf", "mttr", "said"),
    [
        ("app", None, "NAME=DURATION"),
        ("app=30", None, "unit"),
        ("app=0s", None, "above zero"),
        ("bnk=7d", None, "bank"),
        ("app=7d", "bank=2s", "no --mtbf"),
        ("app=7d", "soon", "--mttr"),
    ],
)
def test_what_cannot_be_read_is_named(mtbf: str, mttr: str | None, said: str) -> None:
    with pytest.raises(RatesError, match=said):
        Rates.parse(mtbf, mttr, LOAD)


def test_faults_come_at_their_rate_and_are_the_same_for_every_engine() -> None:
    rates = Rates.parse("app=1h,bank=2h", "1s", LOAD)
    faults = rates.faults(LOAD, 3, 40 * DAY)
    assert faults == rates.faults(LOAD, 3, 40 * DAY)
    crashes = sum(isinstance(fault, Crash) for fault in faults)
    outages = sum(isinstance(fault, Outage) for fault in faults)
    assert crashes == pytest.approx(40 * 24, rel=0.15)
    assert outages == pytest.approx(20 * 24, rel=0.2)
    times = [fault.at for fault in faults if isinstance(fault, Crash | Outage) and fault.at is not None]
    assert times == sorted(times)


def test_too_many_faults_are_refused() -> None:
    with pytest.raises(RatesError, match="longer --mtbf"):
        Rates.parse("app=1ms", "1ms", LOAD).faults(LOAD, 0, DAY)


@pytest.mark.parametrize("engine", ["restate", "inngest", "temporal"])
def test_weighing_and_waiting_agree(engine: str) -> None:
    rates = Rates.parse("app=100s", "200ms", LOAD)
    weighed = expected(LOAD, engine, rates, seeds=2)[0].duplicates_per_million
    assert weighed.value > 5_000, "0.8 s of each run, once in 100 s"
    counted: list[float] = []
    for seed in range(6):
        laid = LOAD.model_copy(update={"faults": rates.faults(LOAD, seed, 4_000_000_000)})
        found = study(laid, [engine], seed=seed, replications=1).estimates[engine].duplicates_per_million
        assert found is not None
        counted.append(found.value)
    mean = sum(counted) / len(counted)
    spread = (sum((each - mean) ** 2 for each in counted) / (len(counted) - 1)) ** 0.5
    assert abs(mean - weighed.value) < 3 * spread / len(counted) ** 0.5 + 0.1 * weighed.value
