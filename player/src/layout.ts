/** Where everybody stands on the small map of an engine: who starts it, its own parts, those who run code, the services. */

import type { Trace } from "./time/trace.ts";

export type Tier = "outside" | "engine" | "app" | "service";

export interface Box {
  /** The lanes or the service that happen here. */
  readonly names: readonly string[];
  readonly title: string;
  readonly tier: Tier;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Frame {
  readonly tier: Tier;
  readonly title: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Map_ {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly Box[];
  readonly frames: readonly Frame[];
  readonly where: ReadonlyMap<string, Box>;
}

/** Between these the map is as wide as its place is; beyond, it is scaled. */
export const NARROWEST = 300;
export const WIDEST = 560;
const EDGE = 6;
const GAP = 6;
/** Of a row: above a group's boxes is its title, below them some air. */
const TITLE = 18;
const AIR = 11;
const HEIGHT = 36;
const MOST_REPLICAS = 8;

interface Cast {
  readonly outside: readonly string[];
  readonly parts: readonly string[];
  /** Replicas of one program are one group. */
  readonly apps: readonly (readonly string[])[];
  readonly services: readonly string[];
}

export function cast(trace: Trace, services: readonly string[]): Cast {
  const lanes = new Set<string>();
  const runsCode = new Set<string>();
  const begins = new Set<string>();
  for (let n = 0; n < trace.length; n++) {
    const lane = trace.lane(n);
    lanes.add(lane);
    if (RUNS_CODE.has(trace.kind(n))) runsCode.add(lane);
    if (trace.cause[n]! < 0 && trace.kind(n) === "message-sent") begins.add(lane);
  }
  const served = new Set([...trace.ledger.map((entry) => entry.service), ...services]);
  const pools = new Set([...runsCode].map(stem));
  const apps = new Map<string, string[]>();
  const outside: string[] = [];
  const parts: string[] = [];
  for (const lane of lanes) {
    if (served.has(lane)) continue;
    if (runsCode.has(lane) || pools.has(stem(lane)) || (begins.has(lane) && stem(lane) !== lane)) {
      const group = apps.get(stem(lane));
      if (group) group.push(lane);
      else apps.set(stem(lane), [lane]);
    } else (begins.has(lane) ? outside : parts).push(lane);
  }
  const groups = [...apps.values()].map((group) => group.toSorted((a, b) => number(a) - number(b)));
  return { outside, parts, apps: groups, services: [...served] };
}

const RUNS_CODE: ReadonlySet<string> = new Set(["started", "work-started", "before-effect"]);

function stem(lane: string): string {
  return lane.replace(/-\d+$/, "");
}

function number(lane: string): number {
  return Number(/-(\d+)$/.exec(lane)?.[1] ?? 0);
}

/** Names that stand side by side in a frame of their own. */
interface Group {
  readonly tier: Tier;
  readonly title: string;
  readonly names: readonly (readonly string[])[];
  readonly across: number;
}

export function layout(trace: Trace, titles: Readonly<Record<string, string>>, engine: string, wide: number): Map_ {
  const all = Math.max(NARROWEST, Math.min(WIDEST, wide));
  const { outside, parts, apps, services } = cast(trace, Object.keys(titles));
  const boxes: Box[] = [];
  const frames: Frame[] = [];
  let y = 4;
  const titled = (names: readonly string[], tier: Tier) => {
    if (names.length > 1) return `+${names.length}`;
    const name = names[0]!;
    if (tier === "service") return titles[name] ?? name;
    return tier === "app" && stem(name) !== name ? String(number(name)) : name;
  };
  /** Rows of boxes between `left` and `right`; gives the height that they take. */
  const rows = (group: Group, left: number, right: number, top: number, height: number): number => {
    let at = top;
    for (let i = 0; i < group.names.length; i += group.across) {
      const row = group.names.slice(i, i + group.across);
      const width = (right - left - (row.length - 1) * GAP) / row.length;
      row.forEach((names, k) => boxes.push({
        names, title: titled(names, group.tier), tier: group.tier, x: left + k * (width + GAP), y: at, width, height,
      }));
      at += height + GAP;
    }
    return at - top;
  };
  /** Groups side by side, each as wide as its boxes are many. */
  const tier = (groups: readonly Group[]) => {
    const shares = groups.map((group) => Math.min(group.across, group.names.length) + 0.4);
    const whole = shares.reduce((sum, each) => sum + each, 0);
    const width = all - 8 - (groups.length - 1) * GAP;
    let x = 4;
    let height = 0;
    const framed = groups.map((group, i) => {
      const own = (width * shares[i]!) / whole;
      const frame = { tier: group.tier, title: group.title, x, y, width: own };
      height = Math.max(height, TITLE + rows(group, x + EDGE, x + own - EDGE, y + TITLE, HEIGHT));
      x += own + GAP;
      return frame;
    });
    frames.push(...framed.map((frame) => ({ ...frame, height })));
    y += height + AIR;
  };
  if (outside.length > 0) {
    const half = Math.min(all / 2 - 4, 65 * outside.length);
    const group = { tier: "outside", title: "", names: outside.map((each) => [each]), across: 3 } as const;
    y += rows(group, all / 2 - half, all / 2 + half, y, 22) + AIR - GAP;
  }
  if (parts.length > 0) {
    tier([{ tier: "engine", title: engine, names: parts.map((each) => [each]), across: parts.length === 4 ? 2 : 3 }]);
  }
  const crews = apps.map((group): Group => {
    const single = group.slice(0, group.length > MOST_REPLICAS ? MOST_REPLICAS - 1 : MOST_REPLICAS).map((each) => [each]);
    const rest = group.slice(single.length);
    const title = stem(group[0]!) === group[0] ? "runs your code" : `${stem(group[0]!)} · ${group.length}`;
    return { tier: "app", title, names: rest.length > 0 ? [...single, rest] : single, across: MOST_REPLICAS };
  });
  const together = crews.reduce((sum, group) => sum + group.names.length, 0) <= MOST_REPLICAS;
  if (crews.length > 0 && together) tier(crews);
  else for (const crew of crews) tier([crew]);
  if (services.length > 0) {
    tier([{ tier: "service", title: "the outside world", names: services.map((each) => [each]), across: services.length === 3 ? 3 : services.length > 4 ? 4 : 2 }]);
  }
  const where = new Map(boxes.flatMap((box) => box.names.map((name) => [name, box] as const)));
  return { width: all, height: y, boxes, frames, where };
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Arrow {
  readonly path: string;
  at(part: number): Point;
}

/** A bent arrow from border to border, so that there and back are two lines. */
export function arrow(from: Box, to: Box): Arrow {
  const a = border(from, centre(to));
  const b = border(to, centre(from));
  const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
  const bend = Math.min(16, length / 5);
  const c = {
    x: (a.x + b.x) / 2 - ((b.y - a.y) / length) * bend,
    y: (a.y + b.y) / 2 + ((b.x - a.x) / length) * bend,
  };
  const round = (value: number) => Math.round(value * 10) / 10;
  return {
    path: `M${round(a.x)} ${round(a.y)}Q${round(c.x)} ${round(c.y)} ${round(b.x)} ${round(b.y)}`,
    at(part) {
      const rest = 1 - part;
      return {
        x: rest * rest * a.x + 2 * rest * part * c.x + part * part * b.x,
        y: rest * rest * a.y + 2 * rest * part * c.y + part * part * b.y,
      };
    },
  };
}

function centre(box: Box): Point {
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

function border(box: Box, towards: Point): Point {
  const { x, y } = centre(box);
  const dx = towards.x - x;
  const dy = towards.y - y;
  const part = Math.min(
    dx === 0 ? Infinity : box.width / 2 / Math.abs(dx),
    dy === 0 ? Infinity : box.height / 2 / Math.abs(dy),
    1,
  );
  return { x: x + dx * part, y: y + dy * part };
}
