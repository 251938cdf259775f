/** What the page knows: the document, the moment that is looked at, and what follows from the two. */

import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import { type Place, parsed, written } from "./address.ts";
import type { Document, Engine, Fork, Meta } from "./document.ts";
import { type Branch, type Breakable, broken, faultOf, type Offer, offers, path, retaken, root, spelled, taken } from "./forks.ts";
import { LiveModel } from "./live.ts";
import { type Said, say, NOTABLE, type Teller } from "./narration.ts";
import { type Lit, lit } from "./time/causes.ts";
import { spell } from "./names.ts";
import { Clock } from "./time/clock.ts";
import { type Difference, difference, isDuplicate, type MarkKind, marks } from "./time/marks.ts";
import { type Moment, TimeMachine } from "./time/moment.ts";
import { collapsed, linear, type Scale } from "./time/scale.ts";
import { type Trace, Traces } from "./time/trace.ts";

/** An event of an engine. */
export interface Spot {
  readonly engine: string;
  readonly event: number;
}

export type Panel = "help" | "runs" | "scenario" | null;

/** A whole run plays in this time, whatever it lasts. */
export const WHOLE_MS = 20_000;
export const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 4] as const;

export class Player {
  readonly traces: Traces;
  readonly live: LiveModel | null;
  private readonly machines = new WeakMap<Trace, TimeMachine>();

  readonly branches = signal<readonly Branch[]>([]);
  readonly branchId = signal(0);
  /** The engine that is alone on the screen; null: all of them. */
  readonly only = signal<string | null>(null);
  /** There is room for one engine only. */
  readonly narrow = signal(false);
  readonly cursor = signal(0);
  /** Simulated microseconds; runs on between two events while the story plays. */
  readonly now = signal(0);
  readonly playing = signal(false);
  readonly speed = signal(1);
  readonly isLinear = signal(false);
  readonly pinned = signal<Spot | null>(null);
  readonly hovered = signal<Spot | null>(null);
  readonly chosenRun = signal<string | null>(null);
  /** Alone, an engine is shown as its architecture is drawn, or as the small map. */
  readonly wantsDrawing = signal(true);
  /** How long what is broken stays away, where the models run along. */
  readonly downUs = signal(2_000_000);
  readonly panel = signal<Panel>(null);
  readonly notice = signal<string | null>(null);

  readonly branch: ReadonlySignal<Branch> = computed(
    () => this.branches.value.find((each) => each.id === this.branchId.value) ?? this.branches.value[0]!,
  );
  readonly engines: ReadonlySignal<readonly Engine[]> = computed(() => {
    const there = this.document.engines.filter((engine) => engine.name in this.branch.value.traces);
    const alone = there.filter((engine) => engine.name === this.only.value);
    if (alone.length > 0) return alone;
    return this.narrow.value ? there.slice(0, 1) : there;
  });
  readonly shown: ReadonlySignal<readonly Trace[]> = computed(() =>
    this.engines.value.map((engine) => this.trace(this.branch.value, engine.name)),
  );
  readonly clock = computed(() => new Clock(this.shown.value));
  readonly scale: ReadonlySignal<Scale> = computed(() =>
    this.isLinear.value ? linear(this.clock.value.end) : collapsed(this.clock.value.at, this.clock.value.end),
  );
  readonly moments: ReadonlySignal<readonly Moment[]> = computed(() =>
    this.shown.value.map((trace, e) => this.machine(trace).seek(this.clock.value.count(e, this.cursor.value))),
  );
  /** The event that has just happened. */
  readonly current: ReadonlySignal<Spot | null> = computed(() => this.spot(this.cursor.value));
  private readonly allMarks: ReadonlySignal<Readonly<Record<MarkKind, readonly number[]>>> = computed(() => {
    const clock = this.clock.value;
    const of = (kind: Exclude<MarkKind, "difference">) =>
      this.shown.value.flatMap((trace, e) => marks(trace, kind).map((n) => clock.after(e, n))).sort((a, b) => a - b);
    const parts = this.difference.value?.events.flatMap((n, e) => (n === undefined ? [] : [clock.after(e, n)])) ?? [];
    const difference = parts.length > 0 ? [Math.min(...parts)] : [];
    return { crash: of("crash"), replay: of("replay"), duplicate: of("duplicate"), difference };
  });
  readonly difference: ReadonlySignal<Difference | null> = computed(() => difference(this.shown.value));
  readonly light: ReadonlySignal<(Lit & { engine: string }) | null> = computed(() => {
    const spot = this.hovered.value ?? this.pinned.value;
    const e = spot === null ? -1 : this.index(spot.engine);
    return spot === null || e < 0 ? null : { ...lit(this.shown.value[e]!, spot.event), engine: spot.engine };
  });
  /** What the line of narration is about: while the story plays, the last event that is worth a sentence. */
  readonly told: ReadonlySignal<Spot | null> = computed(() => {
    if (!this.playing.value) return this.current.value;
    const clock = this.clock.value;
    for (let k = this.cursor.value; k > Math.max(0, this.cursor.value - 400); k--) {
      const spot = this.spot(k);
      if (spot && NOTABLE.has(this.shown.value[clock.engine[k - 1]!]!.kind(spot.event))) return spot;
    }
    return this.current.value;
  });
  readonly run: ReadonlySignal<string | null> = computed(() => {
    const names = this.shown.value.flatMap((trace) => trace.runs.map((run) => run.run));
    const chosen = this.chosenRun.value;
    return chosen !== null && names.includes(chosen) ? chosen : (this.worth(names) ?? names[0] ?? null);
  });

  constructor(
    readonly document: Document,
    readonly meta: Meta,
  ) {
    this.traces = new Traces(document.traces);
    this.live = meta.live ? new LiveModel(meta.live.token) : null;
    this.open(document.opened);
  }

  /** The run that is worth a look before one has chosen: the first that repeats an effect. */
  private worth(names: readonly string[]): string | undefined {
    const twice = this.shown.value.flatMap((trace) => trace.ledger.filter(isDuplicate)).find((entry) => names.includes(entry.run));
    return twice?.run;
  }

  // --- looking things up

  trace(branch: Branch, engine: string): Trace {
    const index = branch.traces[engine]!;
    return this.live?.trace(index) ?? this.traces.get(index);
  }

  machine(trace: Trace): TimeMachine {
    let machine = this.machines.get(trace);
    if (!machine) this.machines.set(trace, (machine = new TimeMachine(trace)));
    return machine;
  }

  index(engine: string): number {
    return this.engines.value.findIndex((each) => each.name === engine);
  }

  teller(engine: Engine): Teller {
    return {
      engine,
      services: this.document.scenario.services ?? {},
      rules: this.document.rules?.[engine.name] ?? [],
    };
  }

  say(spot: Spot): Said {
    const e = this.index(spot.engine);
    return say(this.shown.value[e]!, spot.event, this.teller(this.engines.value[e]!));
  }

  private spot(cursor: number): Spot | null {
    const last = this.clock.value.last(cursor);
    return last === null ? null : { engine: this.engines.value[last[0]]!.name, event: last[1] };
  }

  // --- moving in time

  seek(cursor: number): void {
    const to = Math.max(0, Math.min(cursor, this.clock.value.length));
    batch(() => {
      this.cursor.value = to;
      this.now.value = to === 0 ? 0 : this.clock.value.at[to - 1]!;
    });
  }

  seekTime(at: number): void {
    batch(() => {
      const now = Math.max(0, Math.min(at, this.clock.value.end));
      this.now.value = now;
      this.cursor.value = this.clock.value.cursorAt(now);
    });
  }

  seekSpot(spot: Spot): void {
    const e = this.index(spot.engine);
    if (e < 0) return;
    batch(() => {
      this.playing.value = false;
      this.seek(this.clock.value.after(e, spot.event));
    });
  }

  step(by: number): void {
    batch(() => {
      this.playing.value = false;
      this.pinned.value = null;
      this.notice.value = null;
      this.seek(this.cursor.value + by);
    });
  }

  /** Plays on for so many milliseconds of the reader's time. */
  tick(ms: number): void {
    const { scale } = this;
    const place = scale.value.place(this.now.value) + (ms / WHOLE_MS) * this.speed.value;
    this.seekTime(place >= 1 ? this.clock.value.end : scale.value.time(place));
    if (place >= 1) this.playing.value = false;
  }

  toggle(): void {
    batch(() => {
      if (!this.playing.value && this.now.value >= this.clock.value.end) this.seek(0);
      this.pinned.value = null;
      this.notice.value = null;
      this.playing.value = !this.playing.value;
    });
  }

  /** The cursors of all marks of a kind, in order. */
  marks(kind: MarkKind): readonly number[] {
    return this.allMarks.value[kind];
  }

  /** To the next mark of a kind; from the last one on to the first. */
  jump(kind: MarkKind, direction: 1 | -1 = 1): void {
    const found = this.marks(kind);
    const ahead = direction > 0 ? found.find((k) => k > this.cursor.value) : found.findLast((k) => k < this.cursor.value);
    const to = ahead ?? (direction > 0 ? found[0] : found.at(-1));
    if (to === undefined) {
      this.notice.value = NONE[kind];
      return;
    }
    this.step(to - this.cursor.value);
    this.pinned.value = this.current.value;
    this.notice.value = kind === "difference" ? this.parting() : null;
  }

  /** What each engine does where they first do not do the same. */
  private parting(): string | null {
    const found = this.difference.value;
    if (found === null) return null;
    const each = this.engines.value.map((engine, e) => {
      const event = found.events[e];
      if (event === undefined) return `${engine.title} does nothing more for it`;
      const at = spell(Math.round(this.shown.value[e]!.at[event]!));
      return `${engine.title} at ${at}: ${this.say({ engine: engine.name, event }).what.replace(/\.$/, "")}`;
    });
    return `Here the engines diverge${found.step ? ` over ${found.step}` : ""}. ${each.join(" · ")}.`;
  }

  /** To the next event that is worth a sentence: no messages, no queues. */
  skim(direction: 1 | -1): void {
    const clock = this.clock.value;
    let to = this.cursor.value + direction;
    const notable = (k: number) => {
      const spot = this.spot(k);
      return spot !== null && NOTABLE.has(this.shown.value[clock.engine[k - 1]!]!.kind(spot.event));
    };
    while (to > 0 && to < clock.length && !notable(to)) to += direction;
    this.step(to - this.cursor.value);
  }

  /** To the next mark of any kind. */
  jumpAny(direction: 1 | -1): void {
    const all = (["crash", "replay", "duplicate"] as const).flatMap((kind) => this.marks(kind)).sort((a, b) => a - b);
    const to = direction > 0 ? all.find((k) => k > this.cursor.value) : all.findLast((k) => k < this.cursor.value);
    if (to !== undefined) this.seek(to);
    else this.seek(direction > 0 ? this.clock.value.length : 0);
    this.playing.value = false;
  }

  // --- what is looked at

  show(engine: string | null): void {
    this.keeping(() => (this.only.value = this.only.value === engine && !this.narrow.value ? null : engine));
  }

  /** The page has become narrow, or wide again. */
  fit(narrow: boolean): void {
    if (narrow !== this.narrow.value) this.keeping(() => (this.narrow.value = narrow));
  }

  open(story: string): void {
    batch(() => {
      this.branches.value = [root(this.document, story)];
      this.branchId.value = 0;
      this.pinned.value = null;
      this.notice.value = null;
      this.seek(0);
    });
  }

  goTo(branch: Branch): void {
    this.keeping(() => (this.branchId.value = branch.id));
  }

  /** Changes what is shown and stays at the same moment. */
  private keeping(change: () => void): void {
    const spot = this.current.value;
    const now = this.now.value;
    batch(() => {
      change();
      this.hovered.value = null;
      if (spot === null) return this.seek(0);
      const e = this.index(spot.engine);
      if (e < 0 || spot.event >= this.shown.value[e]!.length) return this.seekTime(now);
      this.cursor.value = this.clock.value.after(e, spot.event);
      this.now.value = Math.max(now, this.clock.value.at[this.cursor.value - 1]!);
    });
  }

  // --- breaking things

  /** The last event of an engine at this moment; -1: none yet. */
  at(engine: string): number {
    return this.clock.value.count(this.index(engine), this.cursor.value) - 1;
  }

  offers(engine: string): Offer[] {
    const n = this.at(engine);
    return n < 0 ? [] : offers(this.document, this.branches.value, this.branch.value, engine, n);
  }

  /** Breaks something right after the event that is shown. */
  crash(engine: string, fork?: Fork): void {
    const n = this.at(engine);
    const offered = this.offers(engine).filter((each) => fork === undefined || each.fork === fork);
    const plain = offered.filter((each) => !each.fork.remedy);
    const crashes = plain.filter((each) => each.fork.what === "crash");
    const offer = crashes.find((each) => each.fork.target === "app") ?? crashes[0] ?? plain[0] ?? offered[0];
    const here = offer !== undefined && offer.event === n;
    if (this.live && n >= 0 && fork === undefined && !here) return void this.simulate(engine, { what: "crash", target: "app" }, n);
    if (offer) {
      this.take(taken(this.branches.value, offer.from, engine, offer.fork));
      if (!here) this.notice.value = `The file has no crash right here. This is the next one of the ${offer.fork.target}, after event ${offer.event}.`;
      return;
    }
    this.notice.value = this.missing(engine, n);
  }

  /** On the engine of the event that has just happened. */
  crashCurrent(): void {
    const engine = this.current.value?.engine ?? this.engines.value[0]!.name;
    this.crash(engine);
  }

  /** On every engine that is shown: each is in its own place at this time. */
  crashAll(): void {
    const now = this.now.value;
    for (const { name } of this.engines.value) {
      this.seekTime(now);
      if (this.offers(name).length > 0 || this.live) this.crash(name);
    }
  }

  /** The other fork of the same moment: with a remedy, or without. */
  switchTo(branch: Branch, fork: Fork): void {
    const from = this.branches.value.find((each) => each.id === branch.parent);
    if (from) this.take(taken(this.branches.value, from, branch.engine!, fork));
  }

  /** Why there is nothing to break here. */
  missing(engine: string, n: number): string {
    const title = this.document.engines.find((each) => each.name === engine)?.title ?? engine;
    if (n < 0) return `Nothing has happened on ${title} yet: there is nothing to break.`;
    if (this.branch.value.parent !== null && this.branch.value.engine === engine) {
      return `A second crash on ${title} is not in this file. “durascope play” computes it.`;
    }
    const left = this.document.left_out?.[engine] ?? 0;
    const more = left > 0 ? ` ${left} crashes did not fit.` : "";
    return `This file has no crash from this moment on.${more} “durascope play” computes any crash.`;
  }

  private take(branch: Branch): void {
    const same = this.branches.value.find(
      (each) => each.parent === branch.parent && each.engine === branch.engine && each.fork === branch.fork &&
        each.event === branch.event && each.traces[branch.engine!] === branch.traces[branch.engine!],
    );
    const { engine, event } = branch;
    batch(() => {
      if (!same) this.branches.value = [...this.branches.value, branch];
      this.branchId.value = (same ?? branch).id;
      this.playing.value = false;
      const e = this.index(engine!);
      const trace = this.shown.value[e]!;
      const struck = marks(trace, "crash").find((n) => n > event!);
      this.seek(this.clock.value.after(e, Math.min(struck ?? event!, trace.length - 1)));
      this.pinned.value = this.current.value;
      this.notice.value = null;
    });
  }

  /** Asks the model what happens if that breaks here. */
  async simulate(engine: string, what: Breakable, n: number): Promise<void> {
    const from = this.branch.value;
    const asked = broken(what, from.story, n, this.downUs.value, -1);
    this.notice.value = "Running the model …";
    const faults = [...this.faults(from, engine), faultOf(asked)];
    const answer = await this.live!.simulate({ story: from.story, engine, faults });
    if ("problem" in answer) this.notice.value = answer.problem;
    else {
      this.take(taken(this.branches.value, from, engine, { ...asked, trace: answer.trace }));
      this.notice.value = "The model has been run again.";
    }
  }

  /** What has broken on an engine on the way to a branch. */
  private faults(branch: Branch, engine: string): (string | object)[] {
    return path(this.branches.value, branch)
      .filter((each) => each.engine === engine && each.fork !== null)
      .map((each) => faultOf(each.fork!));
  }

  /** Runs an edited scenario and shows it instead of the one that was opened. */
  async rerun(yaml: string): Promise<void> {
    const story = this.branch.value.story;
    this.notice.value = "Running the model …";
    const traces: Record<string, number> = {};
    for (const engine of this.document.engines) {
      const answer = await this.live!.simulate({ yaml, story, engine: engine.name, faults: [] });
      if ("problem" in answer) {
        this.notice.value = answer.problem;
        return;
      }
      traces[engine.name] = answer.trace;
    }
    batch(() => {
      const branch = { ...root(this.document, story), id: 0, title: "Edited scenario", traces };
      this.branches.value = [branch];
      this.branchId.value = 0;
      this.seek(0);
      this.notice.value = "The model has been run again.";
    });
  }

  // --- the moment as a link

  get hash(): string {
    const spot = this.current.value;
    const { story } = this.branch.value;
    return written({
      ...(story === this.document.opened ? {} : { story }),
      t: this.now.value,
      ...(spot === null ? {} : { engine: spot.engine, event: spot.event }),
      ...(this.only.value === null ? {} : { only: this.only.value }),
      ...(this.chosenRun.value === null ? {} : { run: this.chosenRun.value }),
      fork: spelled(this.branches.value, this.branch.value),
    });
  }

  /** Goes to a moment and lights it up. */
  lead(hash: string): void {
    this.restore(hash);
    this.pinned.value = this.current.value;
  }

  restore(hash: string): void {
    const place: Place = parsed(hash);
    batch(() => {
      this.playing.value = false;
      const first = root(this.document, place.story ?? this.document.opened);
      this.branches.value = retaken(this.document, first, place.fork ?? "");
      this.branchId.value = this.branches.value.at(-1)!.id;
      this.only.value = place.only ?? null;
      this.chosenRun.value = place.run ?? null;
      const e = place.engine === undefined ? -1 : this.index(place.engine);
      if (e >= 0 && place.event !== undefined && place.event < this.shown.value[e]!.length) {
        this.seek(this.clock.value.after(e, place.event));
        const next = this.clock.value.at[this.cursor.value] ?? this.clock.value.end;
        if (place.t !== undefined && place.t >= this.now.value && place.t <= next) this.now.value = place.t;
      } else if (place.t) this.seekTime(place.t);
      else this.seek(0);
    });
  }
}

const NONE: Readonly<Record<MarkKind, string>> = {
  crash: "Nothing breaks in this story.",
  replay: "Nothing is replayed in this story.",
  duplicate: "No effect happens twice in this story.",
  difference: "The engines do the same things in this story.",
};
