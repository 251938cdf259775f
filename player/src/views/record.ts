/** The engine's own record of the chosen run, as far as it is written; what a replay reads again is a ghost. */

import { useMemo } from "preact/hooks";
import { spell } from "../names.ts";
import type { Player } from "../player.ts";
import type { Moment } from "../time/moment.ts";
import { countUpTo, type Trace } from "../time/trace.ts";
import { List } from "./list.ts";
import { pointing } from "./pointing.ts";
import { glow } from "./stage.ts";
import { html } from "./html.ts";

export interface Line {
  readonly event: number;
  readonly text: string;
  /** The step that it is about, if there is one. */
  readonly step: string | null;
}

/** The lines of a run's record; a line is about a step if the step's being scheduled or recorded follows from it. */
export function lines(trace: Trace, run: string | null): Line[] {
  const steps = new Map<number, string>();
  const found: Line[] = [];
  for (let n = 0; n < trace.length; n++) {
    const kind = trace.kind(n);
    if (kind === "scheduled" || kind === "recorded") steps.set(trace.cause[n]!, trace.step(n) ?? "");
    if (kind === "record-appended" && trace.run(n) === run) {
      found.push({ event: n, text: String(trace.detail(n) ?? ""), step: null });
    }
  }
  return found.map((line) => ({ ...line, step: steps.get(line.event) ?? null }));
}

/** The steps that the run's replay has passed by now. */
export function replayed(trace: Trace, moment: Moment, run: string | null): ReadonlySet<string> {
  const replay = moment.replays.get(String(run));
  const steps = new Set<string>();
  if (!replay) return steps;
  for (let n = replay.from; n < moment.count; n++) {
    if (trace.kind(n) === "replay-step" && trace.run(n) === run) steps.add(trace.step(n) ?? "");
  }
  return steps;
}

export function Record({ player, e }: { readonly player: Player; readonly e: number }) {
  const engine = player.engines.value[e]!;
  const trace = player.shown.value[e]!;
  const run = player.run.value;
  const all = useMemo(() => {
    const found = lines(trace, run);
    return { found, events: Int32Array.from(found, (line) => line.event) };
  }, [trace, run]);
  const moment = player.moments.value[e]!;
  const count = countUpTo(all.events, moment.count - 1);
  const ghosts = replayed(trace, moment, run);
  const row = (index: number) => {
    const line = all.found[index]!;
    const ghost = line.step !== null && ghosts.has(line.step);
    const fresh = index === count - 1 ? "fresh" : "";
    const light = glow(player, engine.name, line.event);
    return html`<li class=${`line-of-record ${ghost ? "ghost" : ""} ${fresh} ${light}`} key=${fresh ? `new ${line.event}` : index % 32}
      title=${`${line.text}\n${spell(trace.at[line.event]!)}${ghost ? ", replayed" : ""}`} ...${pointing(player, { engine: engine.name, event: line.event })}>
      <span class="number">${index + 1}</span><span class="text">${line.text}</span>
      ${ghost && html`<span class="tag">replayed</span>`}</li>`;
  };
  return html`<section class="record" aria-label=${`${engine.title}: ${engine.record}`}>
    <h3>${engine.record} <span class="dim">${run ?? "no run"} · ${count} of ${all.found.length}</span></h3>
    <${List} label=${`${engine.record} of ${run}`} count=${count} follows row=${row}
      empty=${run === null ? "There are no runs." : all.found.length === 0 ? "This run writes nothing." : "Nothing has been written yet."} />
  </section>`;
}
