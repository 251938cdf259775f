"""`compare`, `sweep` and `diff`: the pages and the data they print, and what they say of a wrong command line."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.cli.commands import durascope

FEW = ("--replications", "4", "--processes", "1")
QUICK = (*FEW, "--quick")
EVIL = """
scenario: evil
title: "<script>alert(1)</script> | `x` \\u202e"
workflows: {w: {steps: [{run: "</script><b>", takes: 10ms}]}}
"""


class TestCompare:
    def test_prints_the_question_the_answer_and_the_evidence(self) -> None:
        page = durascope("compare", "payment", *FEW)
        assert page.status == 0
        for words in (
            ": Temporal, Inngest or Restate?",
            "In short",
            "recovery time",
            "What holds if a process dies at any moment of a step",
            "Self-hosted: what 1,000,000 runs a month need",
            "Written by hand as a state machine",
            "deployments.temporal.step_timeout at 5s instead of 10s",
            "What 1,000,000 runs a month cost",
            "(unconfirmed)",
            "Which limits it meets",
            "What would change the answer",
            "--replications 4",
        ):
            assert words in " ".join(page.out.split())

    def test_the_data_has_an_interval_for_every_figure(self) -> None:
        data = json.loads(durascope("compare", "order-fulfillment", *QUICK, "--format", "json").out)
        for each in data["engines"].values():
            for name in ("completed", "recovery_ms", "duplicates_per_million"):
                assert set(each[name]) == {"value", "low", "high"}
            assert set(each["latency_ms"]) == {"p50", "p90", "p99", "mean"}
        for bills in data["costs"].values():
            assert all(bill["confidence"] and bill["retrieved"] for bill in bills)
        assert data["criteria"][0]["criterion"] == "infrastructure model"

    def test_the_same_command_gives_the_same_bytes(self) -> None:
        command = ("compare", "payment", *QUICK, "--format", "json")
        assert durascope(*command).out == durascope(*command).out

    def test_the_command_on_the_page_makes_the_page_again(self) -> None:
        first = durascope("compare", "payment", "-e", "restate", "--processes", "1")
        made = first.out.replace("\n", " ").split("To reproduce: durascope ")[1].strip().rstrip(".").split()
        again = durascope(*made, "--processes", "1")
        assert again.out.split("How this was made")[0] == first.out.split("How this was made")[0]

    def test_only_the_criteria(self) -> None:
        page = durascope("compare", "agent", "--criteria")
        assert "sidecar" in page.out
        assert "In short" not in page.out

    def test_writes_a_page_to_hand_on(self, tmp_path: Path) -> None:
        assert durascope("compare", "order-fulfillment", *QUICK, "--out", str(tmp_path)).status == 0
        html = (tmp_path / "order-fulfillment.compare.html").read_text()
        assert "default-src 'none'" in html
        assert "data:image/svg+xml;base64," in html
        assert "http://" not in html.replace("http://www.w3.org", "")
        markdown = (tmp_path / "order-fulfillment.compare.md").read_text()
        assert "](order-fulfillment.comparison.svg)" in markdown
        assert (tmp_path / "order-fulfillment.comparison.svg").exists()
        costs = (tmp_path / "order-fulfillment.costs.svg").read_text()
        assert "Restate Cloud Starter is the cheapest plan from" in costs
        assert "prices are unconfirmed" in costs

    def test_a_load_puts_each_engine_s_knee_on_the_page(self, tmp_path: Path) -> None:
        tight = ("--set", "deployments.restate.server.concurrent_invocations=5", "-e", "restate")
        args = ("compare", "order-fulfillment", *FEW, *tight, "--load", "1/s,50/s", "--out", str(tmp_path))
        assert durascope(*args).status == 0
        page = (tmp_path / "order-fulfillment.compare.md").read_text()
        assert "Restate: the knee is at workload.arrivals.poisson 50/s" in page
        assert "](order-fulfillment.load.svg)" in page
        assert "--load 1/s,50/s" in page

    def test_a_hostile_title_stays_text(self, tmp_path: Path) -> None:
        file = tmp_path / "evil.yaml"
        file.write_text(EVIL)
        for shown in ("html", "markdown"):
            page = durascope("compare", str(file), *FEW, "-e", "restate", "--format", shown)
            assert page.status == 0
            assert "<script" not in page.out

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--precision", "much"), "'--precision': 'much' is not a share: write a percentage"),
            (("--precision", "-1%"), "--precision"),
            (("--budget", "soon"), "'--budget': 'soon' is not a duration: write a number and a unit"),
            (("--load", "20/s,"), "'--load': '20/s,' are not different rates"),
            (("--load", "20/s,20/s"), "--load"),
            (("--replications", "0"), "--replications"),
            (("--prices", "/nowhere/prices.yaml"), "/nowhere/prices.yaml"),
            (("--per-month", "0"), "--per-month"),
            (("--format", "pdf"), "--format"),
        ],
    )
    def test_a_wrong_command_line_is_one_sentence(self, arguments: tuple[str, ...], said: str) -> None:
        answer = durascope("compare", "order-fulfillment", *arguments)
        assert answer.status == 2
        assert said in answer.err.replace("\n", " ")
        assert not answer.out
        assert "internal error" not in answer.err


class TestSweep:
    OVER = ("--over", "deployments.temporal.step_timeout=2s,5s", "-e", "temporal", "--seeds", "2", "--processes", "1")

    def test_prints_a_row_a_point(self) -> None:
        page = durascope("sweep", "order-fulfillment", *self.OVER, "--measure", "recovery_ms")
        assert page.status == 0
        assert "recovery time" in page.out

    def test_csv_and_json_hold_the_same(self) -> None:
        rows = list(csv.DictReader(io.StringIO(durascope("sweep", "order-fulfillment", *self.OVER, "-f", "csv").out)))
        data = json.loads(durascope("sweep", "order-fulfillment", *self.OVER, "-f", "json").out)
        assert [float(row["p50_ms"]) for row in rows] == [
            each["measures"]["p50_ms"]["value"] for each in data["points"]
        ]

    def test_writes_tables_and_a_picture_and_resumes(self, tmp_path: Path) -> None:
        command = ("sweep", "order-fulfillment", *self.OVER, "--out", str(tmp_path))
        assert durascope(*command).status == 0
        first = {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.suffix != ".parquet"}
        assert {"sweep.json", "sweep.csv", "sweep.svg", "points.jsonl"} <= set(first)
        assert durascope(*command).status == 0
        assert {name: (tmp_path / name).read_bytes() for name in first} == first

    def test_parquet_reads_back(self, tmp_path: Path) -> None:
        parquet = pytest.importorskip("pyarrow.parquet")
        durascope("sweep", "order-fulfillment", *self.OVER, "--out", str(tmp_path))
        assert parquet.read_table(tmp_path / "sweep.parquet").num_rows == 2

    @pytest.mark.parametrize(
        "arguments",
        [
            (),
            ("--over", "nonsense"),
            ("--over", "services.nobody.failures=1%"),
            ("--over", "services.stripe.latency=180"),
            ("--over", "services.stripe.failures=1%", "--measure", "speed"),
            ("--over", "services.stripe.failures=1%", "--cluster", "nowhere"),
            ("--over", "services.stripe.failures=1%", "--format", "parquet"),
        ],
    )
    def test_a_wrong_command_line_is_one_sentence(self, arguments: tuple[str, ...]) -> None:
        answer = durascope("sweep", "order-fulfillment", "-e", "restate", *arguments)
        assert answer.status == 2
        assert "internal error" not in answer.err


class TestDiff:
    SHORTER = ("diff", "order-fulfillment", "-e", "temporal", *FEW)

    def test_a_shorter_timeout_is_better_and_fails_nothing(self) -> None:
        page = durascope(*self.SHORTER, "--set-after", "deployments.temporal.step_timeout=3s", "--fail-on", "worse")
        assert page.status == 0
        assert "better" in page.out

    def test_a_longer_one_is_worse_and_fails(self) -> None:
        settings = ("--set-after", "deployments.temporal.step_timeout=30s")
        assert durascope(*self.SHORTER, *settings).status == 0
        answer = durascope(*self.SHORTER, *settings, "--fail-on", "worse", "--json")
        assert answer.status == 1
        data = json.loads(answer.out)
        assert {change["verdict"] for change in data["changes"] if change["measure"] == "recovery_ms"} == {"worse"}

    def test_the_same_twice_is_no_difference(self) -> None:
        data = json.loads(durascope(*self.SHORTER, "--json").out)
        assert {change["verdict"] for change in data["changes"]} == {"no difference"}

    def test_a_key_that_makes_a_charge_happen_once_is_a_guarantee_that_is_stronger(self, tmp_path: Path) -> None:
        plain, keyed = tmp_path / "plain.yaml", tmp_path / "keyed.yaml"
        text = """
scenario: plain
services: {bank: {deduplicates: DEDUPLICATES}}
workflows: {w: {key: id, input: {id: unique}, steps: [{run: charge, on: bank, idempotency_key: id}]}}
"""
        plain.write_text(text.replace("DEDUPLICATES", "false"))
        keyed.write_text(text.replace("DEDUPLICATES", "true").replace("plain", "keyed"))
        better = durascope("diff", str(plain), str(keyed), "-e", "restate", *FEW, "--fail-on", "worse")
        assert "charge happens 1 to 2 → 1 times" in " ".join(better.out.split())
        assert better.status == 0
        worse = durascope("diff", str(keyed), str(plain), "-e", "restate", *FEW, "--fail-on", "worse")
        assert "Less is guaranteed than before on Restate." in " ".join(worse.out.split())
        assert worse.status == 1

    def test_markdown_for_a_pull_request(self, tmp_path: Path) -> None:
        file = tmp_path / "diff.md"
        assert durascope(*self.SHORTER, "--format", "markdown", "--out", str(file)).status == 0
        assert file.read_text().startswith("# order-fulfillment: before and after")
        for when in ("before", "after"):
            assert f"](diff.temporal.{when}.svg)" in file.read_text()
            assert (tmp_path / f"diff.temporal.{when}.svg").read_text().startswith("<svg")
