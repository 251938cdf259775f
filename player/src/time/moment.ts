/** The time machine of one trace: how things stand after its first `n` events.
 *
 * State is a fold over the events. Every so many events a checkpoint is kept, so that any moment is at most that many
 * events away, and a step back is the same fold as a step forward.
 */

import { ENDS_MESSAGE, type Trace } from "./trace.ts";

export type Condition = "up" | "down" | "hung" | "cut" | "away";

export interface Lane {
  readonly condition: Condition;
  /** The event that brought it into this condition; -1: it was so from the start. */
  readonly since: number;
  /** What runs there: by `run step`, the event that began it. Workflow code is under `run`. */
  readonly work: ReadonlyMap<string, number>;
}

export interface Replay {
  readonly from: number;
  readonly lane: string;
  readonly over: boolean;
}

export interface Queue {
  readonly owner: string;
  readonly depth: number;
}

export interface Moment {
  /** How many events have happened. */
  readonly count: number;
  readonly lanes: ReadonlyMap<string, Lane>;
  readonly queues: ReadonlyMap<string, Queue>;
  /** The events that sent the messages that are under way. */
  readonly flying: ReadonlySet<number>;
  /** By run: the replay it is in, or was in until its record grew. */
  readonly replays: ReadonlyMap<string, Replay>;
}

const IDLE: Lane = { condition: "up", since: -1, work: new Map() };

const CONDITIONS: Readonly<Record<string, Condition>> = {
  "crashed": "down", "restarted": "up",
  "hung": "hung", "resumed": "up",
  "outage-started": "away", "outage-ended": "up",
  "cut": "cut", "healed": "up",
};

const ENDS_STEP: ReadonlySet<string> = new Set(["reported", "failed", "dropped"]);

class Fold {
  count = 0;

  private constructor(
    readonly lanes: Map<string, Lane>,
    readonly queues: Map<string, Queue>,
    readonly flying: Set<number>,
    readonly replays: Map<string, Replay>,
  ) {}

  static start(): Fold {
    return new Fold(new Map(), new Map(), new Set(), new Map());
  }

  copy(): Fold {
    const copy = new Fold(new Map(this.lanes), new Map(this.queues), new Set(this.flying), new Map(this.replays));
    copy.count = this.count;
    return copy;
  }

  advance(trace: Trace): void {
    const n = this.count++;
    const kind = trace.kind(n);
    const condition = CONDITIONS[kind];
    if (condition !== undefined) return this.becomes(trace.lane(n), condition, n);
    if (ENDS_MESSAGE.has(kind)) return void this.flying.delete(trace.cause[n]!);
    switch (kind) {
      case "message-sent":
        this.flying.add(n);
        break;
      case "task-queued":
        this.queue(String(trace.detail(n) ?? trace.lane(n)), trace.lane(n), +1);
        break;
      case "task-picked-up":
        this.queue(String(trace.detail(n) ?? trace.lane(n)), trace.lane(n), -1);
        break;
      case "started":
        this.begins(trace.lane(n), `${trace.run(n)} ${trace.step(n)}`, n);
        break;
      case "work-started":
        this.begins(trace.lane(n), String(trace.run(n)), n);
        break;
      case "work-ended":
        this.ends(trace.lane(n), String(trace.run(n)));
        break;
      case "replay-started":
        this.replays.set(String(trace.run(n)), { from: n, lane: trace.lane(n), over: false });
        break;
      case "replay-ended":
        this.replayEnds(String(trace.run(n)));
        break;
      case "record-appended":
        if (this.replays.get(String(trace.run(n)))?.over) this.replays.delete(String(trace.run(n)));
        break;
      default:
        if (ENDS_STEP.has(kind)) this.ends(trace.lane(n), `${trace.run(n)} ${trace.step(n)}`);
    }
  }

  private becomes(name: string, condition: Condition, n: number): void {
    const lane = this.lanes.get(name) ?? IDLE;
    const work = condition === "down" ? IDLE.work : lane.work;
    this.lanes.set(name, { condition, since: n, work });
    if (condition !== "down") return;
    for (const [run, replay] of this.replays) if (replay.lane === name) this.replays.delete(run);
  }

  private begins(name: string, what: string, n: number): void {
    const lane = this.lanes.get(name) ?? IDLE;
    this.lanes.set(name, { ...lane, work: new Map(lane.work).set(what, n) });
  }

  private ends(name: string, what: string): void {
    const lane = this.lanes.get(name);
    if (!lane?.work.has(what)) return;
    const work = new Map(lane.work);
    work.delete(what);
    this.lanes.set(name, { ...lane, work });
  }

  private queue(name: string, lane: string, by: 1 | -1): void {
    const known = this.queues.get(name) ?? { owner: lane, depth: 0 };
    this.queues.set(name, { owner: known.owner, depth: Math.max(0, known.depth + by) });
  }

  private replayEnds(run: string): void {
    const replay = this.replays.get(run);
    if (replay) this.replays.set(run, { ...replay, over: true });
  }
}

export class TimeMachine {
  private readonly checkpoints: Fold[] = [Fold.start()];
  private last: Fold = Fold.start();

  constructor(
    readonly trace: Trace,
    private readonly every = 256,
  ) {}

  /** How things stand after `count` events. */
  seek(count: number): Moment {
    const wanted = Math.max(0, Math.min(count, this.trace.length));
    if (this.last.count === wanted) return this.last;
    const place = Math.floor(wanted / this.every);
    this.lay(place);
    const near = this.checkpoints[place]!;
    // From where we are, if that is nearer than the checkpoint: playing is one event at a time.
    const from = this.last.count >= near.count && this.last.count < wanted ? this.last : near;
    const fold = from.copy();
    while (fold.count < wanted) fold.advance(this.trace);
    this.last = fold;
    return fold;
  }

  /** Lays checkpoints up to this one; once for each trace. */
  private lay(place: number): void {
    while (this.checkpoints.length <= place) {
      const fold = this.checkpoints.at(-1)!.copy();
      for (let i = 0; i < this.every; i++) fold.advance(this.trace);
      this.checkpoints.push(fold);
    }
  }
}
