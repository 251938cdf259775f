import { expect, test } from "vitest";
import { spans } from "../src/spans.ts";
import { CHARGED_TWICE, type Row, trace, TWO_CHARGES } from "./pack.ts";

const labels = (rows: readonly Row[], kind: string) =>
  spans(trace(rows, TWO_CHARGES), "run 1", 4).spans.filter((span) => span.kind === kind).map((span) => span.label);

test("a run has its attempts, who was away, and what was waited for", () => {
  expect(labels(CHARGED_TWICE, "step")).toEqual(["charge", "charge"]);
  expect(labels(CHARGED_TWICE, "down")).toEqual(["down 2 s · worker-1"]);
  expect(labels(CHARGED_TWICE, "wait")).toEqual(["10 s start-to-close timeout", "backoff 1 s"]);
});

test("an attempt that a crash has cut short ends there", () => {
  const [first] = spans(trace(CHARGED_TWICE, TWO_CHARGES), "run 1", 4).spans;
  expect(first).toMatchObject({ from: 2_000, to: 5_000, cut: true });
});

test("parts that die together are away together", () => {
  const rows: Row[] = ["matching", "history"].flatMap((lane) => [{ at: 1_000, lane, kind: "crashed", run: null }]);
  rows.push(...["matching", "history"].map((lane) => ({ at: 5_001_000, lane, kind: "restarted", run: null })));
  expect(labels(rows, "down")).toEqual(["down 5 s · matching and 1 more"]);
});

test("steps that run at the same time are on rows of their own; when there are too many, their names are left out", () => {
  const rows: Row[] = ["a", "b", "c"].map((step, n) => ({ at: n, lane: "w", kind: "started", step, attempt: 1 }));
  rows.push(...["a", "b", "c"].map((step, n) => ({ at: 100 + n, lane: "w", kind: "reported", step, attempt: 1 })));
  const { spans: found, rows: count } = spans(trace(rows), "run 1", 2);
  expect(count).toBe(2);
  expect(found.map((span) => [span.row, span.crowded])).toEqual([[0, false], [1, false], [1, true]]);
});

test("what the workflow itself waits for is named: its sleeps, and events; a timer of a retry is a backoff", () => {
  const day = 86_400e6;
  const rows: Row[] = [
    { at: 0, lane: "history", kind: "timer-set", step: "one-day", detail: day },
    { at: day, lane: "history", kind: "record-appended", detail: "TimerFired" },
    { at: day, lane: "history", kind: "timer-fired", step: "one-day" },
    { at: 2 * day, lane: "history", kind: "record-appended", detail: "WorkflowExecutionSignaled" },
    { at: 2 * day, lane: "history", kind: "event-received", detail: "paid" },
    { at: 2 * day + 1, lane: "w", kind: "started", step: "charge", attempt: 1 },
    { at: 2 * day + 2, lane: "w", kind: "failed", step: "charge", attempt: 1 },
    { at: 2 * day + 3, lane: "queue", kind: "timer-set", step: "charge", detail: 2 * day + 15e6 },
    { at: 2 * day + 15e6, lane: "queue", kind: "task-picked-up" },
    { at: 2 * day + 15e6, lane: "queue", kind: "timer-fired", step: "charge" },
  ];
  expect(labels(rows, "wait")).toEqual(["one-day 1 d", "waits for paid 1 d", "backoff 15 s"]);
});
