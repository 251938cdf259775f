/** From simulated time to a place on the axis, 0 to 1, and back: linear, or with idle time collapsed. */

import { countUpTo } from "./trace.ts";

/** A stretch of idle time that the collapsed axis makes narrower than it was. */
export interface Fold {
  readonly from: number;
  readonly to: number;
}

export interface Scale {
  place(at: number): number;
  time(place: number): number;
  readonly end: number;
  readonly folds: readonly Fold[];
}

/** Below this a pause is part of the work, above it is waiting. */
const IDLE_US = 250_000;
/** Waiting gets at least this part of the axis: it has a reason that has to be readable. */
const IDLE_SHARE = 0.34;

export function linear(end: number): Scale {
  const length = Math.max(1, end);
  return {
    place: (at) => clamp(at / length),
    time: (place) => clamp(place) * length,
    end: length,
    folds: [],
  };
}

/** Every moment at which something happens gets room by the logarithm of the pause before it. */
export function collapsed(times: ArrayLike<number>, end: number): Scale {
  const at = distinct(times, end);
  const weights = new Float64Array(at.length);
  let busy = 0;
  let idle = 0;
  for (let i = 1; i < at.length; i++) {
    const pause = at[i]! - at[i - 1]!;
    weights[i] = Math.log2(1 + pause / 500);
    if (pause >= IDLE_US) idle += weights[i]!;
    else busy += weights[i]!;
  }
  const stretch = idle > 0 ? Math.max(1, (busy * IDLE_SHARE) / (1 - IDLE_SHARE) / idle) : 1;
  const places = new Float64Array(at.length);
  for (let i = 1; i < at.length; i++) {
    const pause = at[i]! - at[i - 1]!;
    places[i] = places[i - 1]! + weights[i]! * (pause >= IDLE_US ? stretch : 1);
  }
  const whole = places.at(-1) || 1;
  const between = (from: Float64Array, to: Float64Array, value: number): number => {
    const next = Math.min(Math.max(1, countUpTo(from, value)), from.length - 1);
    const low = from[next - 1]!;
    const span = from[next]! - low;
    const part = span > 0 ? Math.min(1, Math.max(0, (value - low) / span)) : 0;
    return to[next - 1]! + part * (to[next]! - to[next - 1]!);
  };
  return {
    place: (when) => clamp(between(at, places, when) / whole),
    time: (place) => between(places, at, clamp(place) * whole),
    end: at.at(-1)!,
    folds: foldsOf(at, places, whole),
  };
}

/** Marked where the axis shows less than a fifth of what a linear one would. */
function foldsOf(at: Float64Array, places: Float64Array, whole: number): Fold[] {
  const folds: Fold[] = [];
  const end = at.at(-1)!;
  for (let i = 1; i < at.length; i++) {
    const pause = at[i]! - at[i - 1]!;
    const room = (places[i]! - places[i - 1]!) / whole;
    if (pause >= IDLE_US && room < pause / end / 5) folds.push({ from: at[i - 1]!, to: at[i]! });
  }
  return folds;
}

function distinct(times: ArrayLike<number>, end: number): Float64Array {
  const kept: number[] = [0];
  for (let i = 0; i < times.length; i++) if (times[i]! > kept.at(-1)!) kept.push(times[i]!);
  if (end > kept.at(-1)!) kept.push(end);
  if (kept.length === 1) kept.push(1);
  return Float64Array.from(kept);
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}
