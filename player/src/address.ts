/** The moment as a link: `#t=12.4s&engine=restate&event=17&fork=…`. */

export interface Place {
  readonly t?: number;
  readonly engine?: string;
  readonly event?: number;
  readonly fork?: string;
  readonly story?: string;
  readonly only?: string;
  readonly run?: string;
}

export function written(place: Place): string {
  const parts: string[] = [];
  if (place.story !== undefined) parts.push(`story=${encodeURIComponent(place.story)}`);
  if (place.t !== undefined) parts.push(`t=${Number((place.t / 1e6).toFixed(6))}s`);
  if (place.engine !== undefined) parts.push(`engine=${encodeURIComponent(place.engine)}`);
  if (place.event !== undefined) parts.push(`event=${place.event}`);
  if (place.only !== undefined) parts.push(`only=${encodeURIComponent(place.only)}`);
  if (place.run !== undefined) parts.push(`run=${encodeURIComponent(place.run)}`);
  if (place.fork) parts.push(`fork=${encodeURIComponent(place.fork)}`);
  return parts.length > 0 ? `#${parts.join("&")}` : "";
}

export function parsed(hash: string): Place {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const time = /^(\d+(?:\.\d+)?)(us|ms|s|m|h)?$/.exec(fields.get("t") ?? "");
  const event = /^\d+$/.exec(fields.get("event") ?? "");
  const place: { -readonly [K in keyof Place]: Place[K] } = {};
  if (time) place.t = Math.round(Number(time[1]) * UNITS[time[2] ?? "s"]!);
  if (event) place.event = Number(event[0]);
  for (const name of ["engine", "fork", "story", "only", "run"] as const) {
    const value = fields.get(name);
    if (value) place[name] = value;
  }
  return place;
}

const UNITS: Readonly<Record<string, number>> = { us: 1, ms: 1e3, s: 1e6, m: 60e6, h: 3600e6 };
