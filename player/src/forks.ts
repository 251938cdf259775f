/** The tree of the ways that a story could have gone on: forks that were taken, and back to any. */

import type { Document, Fork } from "./document.ts";
import { spell } from "./names.ts";

/** One way the story goes: for each engine its trace. The first is the story as it was written. */
export interface Branch {
  readonly id: number;
  readonly parent: number | null;
  readonly story: string;
  readonly title: string;
  /** Where it leaves its parent: the last event that they share, before what strikes. */
  readonly engine: string | null;
  readonly event: number | null;
  readonly fork: Fork | null;
  /** Indices into the document's traces, or, computed while one looks, beyond them. */
  readonly traces: Readonly<Record<string, number>>;
}

/** What can be broken at a moment. */
export interface Offer {
  readonly fork: Fork;
  /** The branch that the fork leaves: this one, or an earlier one that still is the same here. */
  readonly from: Branch;
  /** Where it strikes: at the event that was asked for, or at the next one for which the file has it. */
  readonly event: number;
}

export function root(document: Document, story: string): Branch {
  const found = document.stories.find((each) => each.id === story) ?? document.stories[0]!;
  return {
    id: 0, parent: null, story: found.id, title: found.title, engine: null, event: null, fork: null, traces: found.traces,
  };
}

/** What can break an engine right after event `n` in this branch, or, where the file has no such fork, next after it. */
export function offers(document: Document, branches: readonly Branch[], branch: Branch, engine: string, n: number): Offer[] {
  const from = leaving(branches, branch, engine, n);
  if (from === null) return [];
  const next = new Map<string, Offer>();
  for (const fork of document.forks?.[engine] ?? []) {
    if (fork.story !== from.story || fork.to < n) continue;
    const offer = { fork, from, event: Math.max(n, fork.from) };
    const known = next.get(same(fork));
    if (known === undefined || offer.event < known.event) next.set(same(fork), offer);
  }
  return [...next.values()].sort((a, b) => a.event - b.event || (b.fork.down_us ?? 0) - (a.fork.down_us ?? 0));
}

/** Forks that differ in nothing but their moment. */
function same(fork: Fork): string {
  return [fork.what, fork.target, fork.down_us ?? "", fork.remedy ?? ""].join(".");
}

/** The branch that such a fork leaves: the engine's events up to `n` must still be the story's own. */
function leaving(branches: readonly Branch[], branch: Branch, engine: string, n: number): Branch | null {
  const before = path(branches, branch).find((each) => each.engine === engine);
  if (before === undefined) return branch;
  if (n > before.event!) return null;
  return branches.find((each) => each.id === before.parent) ?? null;
}

export function taken(branches: readonly Branch[], from: Branch, engine: string, fork: Fork): Branch {
  return {
    id: Math.max(...branches.map((each) => each.id)) + 1,
    parent: from.id,
    story: from.story,
    title: fork.phrase,
    engine,
    event: fork.to,
    fork,
    traces: { ...from.traces, [engine]: fork.trace },
  };
}

/** From the first to this one. */
export function path(branches: readonly Branch[], branch: Branch): Branch[] {
  const found: Branch[] = [];
  for (let at: Branch | undefined = branch; at; at = branches.find((each) => each.id === at!.parent)) found.unshift(at);
  return found;
}

/** `temporal.57.crash.app.2000000.~restate.12.crash.app.2000000.`: the forks that lead here, as an address says them. */
export function spelled(branches: readonly Branch[], branch: Branch): string {
  return path(branches, branch)
    .filter((each) => each.fork !== null)
    .map(({ engine, fork, event }) => [engine, event, same(fork!)].join("."))
    .join("~");
}

/** Takes the forks of an address again; what the file has not is left out. */
export function retaken(document: Document, first: Branch, spelling: string): Branch[] {
  const branches = [first];
  for (const part of spelling.split("~").filter(Boolean)) {
    const [engine = "", event, ...rest] = part.split(".");
    const n = Number(event);
    const here = branches.at(-1)!;
    const offer = offers(document, branches, here, engine, n).find(({ fork }) => same(fork) === rest.join("."));
    if (offer) branches.push(taken(branches, here, engine, offer.fork));
  }
  return branches;
}

/** The fault of a fork as a scenario has it. */
export function faultOf(fork: Fork): string | object {
  return fork.fault === undefined ? fork.phrase : { ...fork.fault, when: { event: fork.to } };
}

/** Something that can be broken where the models run along. */
export interface Breakable {
  readonly what: string;
  readonly target: string;
}

/** The app and the engine, the network between them, and the services. */
export function breakables(services: readonly string[]): Breakable[] {
  return [
    { what: "crash", target: "app" }, { what: "crash", target: "engine" },
    { what: "hang", target: "app" }, { what: "cut", target: "app" },
    ...services.map((target) => ({ what: "outage", target })),
  ];
}

/** That breaks for so long after event `n`; the trace is the one in which it does. */
export function broken({ what, target }: Breakable, story: string, n: number, us: number, trace: number): Fork {
  const long = `${us}us`;
  const faults: Readonly<Record<string, object>> = {
    crash: { crash: target, down_for: long }, hang: { hang: target, for: long },
    cut: { cut: [target, "engine"], for: long }, outage: { outage: target, for: long },
  };
  const phrases: Readonly<Record<string, string>> = {
    crash: `${target} after event ${n} down ${spell(us)}`, hang: `${target} hangs for ${spell(us)} after event ${n}`,
    cut: `${target} and engine cannot reach each other for ${spell(us)} after event ${n}`,
    outage: `${target} is down for ${spell(us)} after event ${n}`,
  };
  return { story, what, target, from: n, to: n, down_us: us, phrase: phrases[what]!, fault: faults[what]!, trace };
}
