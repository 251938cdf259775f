import { describe, expect, test, vi } from "vitest";
import { lit } from "../src/time/causes.ts";
import { Clock } from "../src/time/clock.ts";
import { difference, marks } from "../src/time/marks.ts";
import { type Moment, TimeMachine } from "../src/time/moment.ts";
import { collapsed, linear } from "../src/time/scale.ts";
import { Traces } from "../src/time/trace.ts";
import { CALM, CHARGED_TWICE, pack, type Row, trace, TWO_CHARGES } from "./pack.ts";

const twice = () => trace(CHARGED_TWICE, TWO_CHARGES);

/** A long story in which all that a moment knows changes again and again. */
function long(length: number): Row[] {
  const kinds = ["task-queued", "task-picked-up", "work-started", "started", "message-sent", "message-received", "crashed", "restarted", "reported", "replay-started", "replay-ended", "record-appended"];
  return Array.from({ length }, (_, n): Row => {
    const kind = kinds[(n * 7 + (n >> 4)) % kinds.length]!;
    return {
      at: n * 100, lane: `worker-${n % 5}`, kind, run: `run ${n % 11}`, step: `step-${n % 3}`, attempt: 1,
      cause: n > 0 ? n - 1 : null, detail: kind.startsWith("task") ? `queue-${n % 2}` : ["worker-0", "task"],
    };
  });
}

function plain(moment: Moment) {
  return {
    count: moment.count,
    lanes: [...moment.lanes].map(([name, { condition, since, work }]) => [name, condition, since, [...work]]),
    queues: [...moment.queues],
    flying: [...moment.flying],
    replays: [...moment.replays],
  };
}

describe("the time machine", () => {
  test("a step back gives exactly what a step forward gave", () => {
    const story = trace(long(3_000));
    const forward = new TimeMachine(story);
    const seen = Array.from({ length: 3_001 }, (_, count) => plain(forward.seek(count)));
    const backward = new TimeMachine(story);
    for (let count = 3_000; count >= 0; count--) expect(plain(backward.seek(count))).toEqual(seen[count]);
  });

  test("a moment that was given out does not change when time goes on", () => {
    const machine = new TimeMachine(twice());
    const before = machine.seek(8);
    const kept = plain(before);
    machine.seek(19);
    expect(plain(before)).toEqual(kept);
  });

  test("a crash takes the work with it, and a restart brings nobody's work back", () => {
    const machine = new TimeMachine(twice());
    expect([...machine.seek(8).lanes.get("worker-1")!.work.keys()]).toEqual(["run 1 charge"]);
    expect(machine.seek(9).lanes.get("worker-1")).toMatchObject({ condition: "down", since: 8 });
    expect(machine.seek(10).lanes.get("worker-1")).toMatchObject({ condition: "up", work: new Map() });
  });

  test("queues fill and empty, messages fly until they arrive", () => {
    const machine = new TimeMachine(twice());
    expect([...machine.seek(1).flying]).toEqual([0]);
    expect([...machine.seek(2).flying]).toEqual([]);
    expect(machine.seek(5).queues.get("tasks")).toEqual({ owner: "server", depth: 1 });
    expect(machine.seek(6).queues.get("tasks")!.depth).toBe(0);
  });

  test("of 50,000 events a moment is never more than 256 away from a checkpoint", () => {
    const story = trace(long(50_000));
    const machine = new TimeMachine(story);
    machine.seek(50_000);
    const looked = vi.spyOn(story, "kind");
    for (let i = 0; i < 400; i++) {
      looked.mockClear();
      machine.seek((i * 7_919) % 50_000);
      // An event with a detail is looked at twice.
      expect(looked.mock.calls.length).toBeLessThanOrEqual(512);
    }
  });
});

describe("a packed fork", () => {
  test("is its story up to where it leaves it, and goes its own way from there", () => {
    const packed = pack([{ rows: CALM }, { rows: CHARGED_TWICE, effects: TWO_CHARGES }]);
    const { fresh } = packed.copies;
    expect(fresh.slice(CALM.length, CALM.length + 7)).toEqual(fresh.slice(0, 7));
    const copies = {
      fresh: [...fresh.slice(0, CALM.length), ...fresh.slice(CALM.length + 7)],
      new: [CALM.length, CHARGED_TWICE.length - 7], same: [7, 0], back: [CALM.length, 0],
    };
    const fork = new Traces({ ...packed, copies }).get(1);
    expect(fork.length).toBe(CHARGED_TWICE.length);
    CHARGED_TWICE.forEach((row, n) => {
      expect(fork.event(n)).toMatchObject({ at: row.at, lane: row.lane, kind: row.kind, cause: row.cause ?? null });
    });
    expect(fork.ledgerAt(14)).toHaveLength(1);
    expect(fork.ledgerAt(15)).toHaveLength(2);
  });

  test("that is cut off is said to be damaged", () => {
    const packed = pack([{ rows: CALM }]);
    const short = { ...packed.copies, new: [CALM.length - 1], fresh: packed.copies.fresh.slice(1) };
    expect(() => new Traces({ ...packed, copies: short })).toThrow("11 events instead of 12");
  });

  test("a timer's due time is told in the story's time", () => {
    const story = trace([{ at: 500, lane: "a", kind: "record-appended" }, { at: 700, lane: "a", kind: "timer-set", detail: 1_000 }]);
    expect(story.detail(1)).toBe(1_000);
  });

  test("marks that turn a name around are written out", () => {
    const story = trace([{ at: 0, lane: "a\u202eb", kind: "started", step: "x\u0000y" }]);
    expect(story.event(0)).toMatchObject({ lane: "a\\u202eb", step: "x\\u0000y" });
  });
});

describe("one clock", () => {
  test("puts the engines' events in the order of time", () => {
    const clock = new Clock([trace(CALM), twice()]);
    expect([...clock.at]).toEqual([...clock.at].sort((a, b) => a - b));
    expect(clock.length).toBe(CALM.length + CHARGED_TWICE.length);
    for (const [engine, story] of [[0, CALM], [1, CHARGED_TWICE]] as const) {
      for (let n = 0; n < story.length; n++) expect(clock.last(clock.after(engine, n))).toEqual([engine, n]);
    }
  });

  test("knows nothing before the first event", () => {
    expect(new Clock([twice()]).last(0)).toBeNull();
    expect(new Clock([trace([])]).last(5)).toBeNull();
  });
});

describe("the axis", () => {
  const times = CHARGED_TWICE.map((row) => row.at);

  test.each([["collapsed", collapsed(times, 11_006_000)], ["linear", linear(11_006_000)]])("%s: there and back is the same time", (_, scale) => {
    for (const at of [0, 500, 4_999, 5_000, 1_000_000, 10_002_000, 11_006_000]) {
      expect(scale.time(scale.place(at))).toBeCloseTo(at, 3);
    }
    expect([scale.place(0), scale.place(11_006_000)]).toEqual([0, 1]);
  });

  test("idle time is narrower than it lasted, and never less than a third of all", () => {
    const scale = collapsed(times, 11_006_000);
    const waiting = scale.place(10_002_000) - scale.place(2_005_000) + scale.place(2_005_000) - scale.place(5_000) + scale.place(11_002_000) - scale.place(10_002_000);
    expect(waiting).toBeGreaterThan(0.33);
    expect(waiting).toBeLessThan(0.9);
  });

  test("without events it is an axis all the same", () => {
    const scale = collapsed([], 0);
    expect(scale.place(0)).toBe(0);
    expect(Number.isFinite(scale.time(0.5))).toBe(true);
  });
});

describe("marks", () => {
  test("name crashes, replays and duplicates", () => {
    const story = twice();
    expect(marks(story, "crash")).toEqual([8]);
    expect(marks(story, "replay")).toEqual([11]);
    expect(marks(story, "duplicate")).toEqual([14]);
  });

  test("an effect that the service knew already is no duplicate", () => {
    const story = trace(CHARGED_TWICE, [TWO_CHARGES[0]!, { ...TWO_CHARGES[1]!, deduplicated: true }]);
    expect(marks(story, "duplicate")).toEqual([]);
  });

  test("engines part where one of them begins a step again", () => {
    expect(difference([trace(CALM), twice()])).toMatchObject({ run: "run 1", step: "charge", events: [undefined, 13] });
    expect(difference([twice(), twice()])).toBeNull();
  });
});

test("an event lights up its nearest visible cause and effects", () => {
  const light = lit(twice(), 8);
  expect([...light.causes]).toEqual([7]);
  expect([...light.effects]).toEqual([9]);
});
