/** Names from a scenario, made safe to look at: what cannot be seen is written out, what is too long is cut. */

/** Control characters, marks that change the direction of writing, and characters without width. */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

export function visible(name: string): string {
  return name.replace(UNSEEN, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

export function short(name: string, longest: number): string {
  const letters = [...name];
  return letters.length <= longest ? name : `${letters.slice(0, Math.max(1, longest - 1)).join("")}…`;
}

/** `12.4 s`: a length of time as a person says it. */
export function spell(us: number): string {
  if (us < 0) return `-${spell(-us)}`;
  if (us === 0) return "0 s";
  if (us < 1_000) return `${us} µs`;
  const units: [number, string][] = [[86_400e6, "d"], [3_600e6, "h"], [60e6, "min"], [1e6, "s"], [1e3, "ms"]];
  const [unit, name] = units.find(([size]) => us >= size) ?? [1e3, "ms"];
  return `${Number((us / unit).toPrecision(3))} ${name}`;
}

/** `once`, `twice`, `3 times`. */
export function times(count: number): string {
  return count === 1 ? "once" : count === 2 ? "twice" : `${count} times`;
}

export function ordinal(count: number): string {
  const words = ["", "first", "second", "third", "fourth", "fifth"];
  return words[count] ?? `${count}th`;
}
