/** The tree of the ways that a story could have gone on: forks that were taken, and back to any. */

import type { Document, Fork } from "./document.ts";

/** One way the story goes: for each engine its trace. The first is the story as it was written. */
export interface Branch {
  readonly id: number;
  readonly parent: number | null;
  readonly story: string;
  readonly title: string;
  /** Where it leaves its parent. */
  readonly engine: string | null;
  readonly event: number | null;
  readonly fork: Fork | null;
  /** Indices into the document's traces, or, computed while one looks, beyond them. */
  readonly traces: Readonly<Record<string, number>>;
}

/** What can be broken at a moment. */
export interface Offer {
  readonly fork: Fork;
  /** The branch whose story the fork leaves: this one, or an earlier one that still is the same here. */
  readonly from: Branch;
}

export function root(document: Document, story: string): Branch {
  const found = document.stories.find((each) => each.id === story) ?? document.stories[0]!;
  return {
    id: 0, parent: null, story: found.id, title: found.title, engine: null, event: null, fork: null, traces: found.traces,
  };
}

/** The forks of an engine that strike right after event `n` in this branch. */
export function offers(document: Document, branches: readonly Branch[], branch: Branch, engine: string, n: number): Offer[] {
  const from = holder(branches, branch, engine, n);
  if (from === null) return [];
  return (document.forks?.[engine] ?? [])
    .filter((fork) => fork.story === from.story && fork.from <= n && n <= fork.to)
    .map((fork) => ({ fork, from }));
}

/** The branch that an engine's first events up to `n` come from, if it is a story of the file; null: a fork's own. */
function holder(branches: readonly Branch[], branch: Branch, engine: string, n: number): Branch | null {
  let at: Branch | undefined = branch;
  while (at) {
    if (at.engine !== engine && at.parent !== null) {
      at = branches.find((each) => each.id === at!.parent);
      continue;
    }
    if (at.parent === null) return at;
    if (at.event === null || n > at.event) return null;
    at = branches.find((each) => each.id === at!.parent);
  }
  return null;
}

export function taken(branches: readonly Branch[], from: Branch, engine: string, event: number, fork: Fork): Branch {
  return {
    id: Math.max(...branches.map((each) => each.id)) + 1,
    parent: from.id,
    story: from.story,
    title: fork.phrase,
    engine,
    event,
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

/** `temporal.crash.app.57~restate.crash.app.12`: the forks that lead here, as an address says them. */
export function spelled(branches: readonly Branch[], branch: Branch): string {
  return path(branches, branch)
    .filter((each) => each.fork !== null)
    .map(({ engine, fork, event }) => [engine, fork!.what, fork!.target, event].join("."))
    .join("~");
}

/** Takes the forks of an address again; what the file has not is left out. */
export function retaken(document: Document, first: Branch, spelling: string): Branch[] {
  const branches = [first];
  for (const part of spelling.split("~").filter(Boolean)) {
    const [engine, what, target, event] = part.split(".");
    const n = Number(event);
    const here = branches.at(-1)!;
    const offer = offers(document, branches, here, engine ?? "", n).find(
      ({ fork }) => fork.what === what && fork.target === target,
    );
    if (offer) branches.push(taken(branches, here, engine!, n, offer.fork));
  }
  return branches;
}
