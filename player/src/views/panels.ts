/** What lies over the page when it is asked for: the keys and signs, the list of runs, the scenario. */

import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Problem } from "../live.ts";
import type { Player } from "../player.ts";
import { html } from "./html.ts";
import { List } from "./list.ts";

export function Panels({ player }: { readonly player: Player }) {
  switch (player.panel.value) {
    case "help": return html`<${Sheet} player=${player} title="Keys and signs"><${Help} /><//>`;
    case "runs": return html`<${Sheet} player=${player} title="Runs"><${Runs} player=${player} /><//>`;
    case "scenario": return html`<${Sheet} player=${player} title="Scenario"><${Scenario} player=${player} /><//>`;
    default: return null;
  }
}

function Sheet({ player, title, children }: { readonly player: Player; readonly title: string; readonly children: ComponentChildren }) {
  const box = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    box.current?.showModal();
    return () => box.current?.close();
  }, []);
  return html`<dialog ref=${box} class="sheet" aria-label=${title} onClose=${() => (player.panel.value = null)}
    onClick=${(event: MouseEvent) => event.target === box.current && (player.panel.value = null)}>
    <header><h2>${title}</h2><button aria-label="Close" onClick=${() => (player.panel.value = null)}>×</button></header>
    <div class="sheet-body">${children}</div></dialog>`;
}

const KEYS: readonly (readonly [string, string])[] = [
  ["space", "play, pause"], ["← →", "one event back, forward"], [", .", "previous, next notable event (skips messages and queues)"], ["shift ← →", "previous, next crash, replay or duplicate"],
  ["Home End", "to the start, to the end"], ["1 2 3", "one engine alone; again for all"], ["c", "crash the app here, on the engine of the last event"],
  ["shift c", "crash the app here on every engine shown"], ["x r d f", "next crash, replay, duplicate; first difference"], ["l", "linear or collapsed time"], ["?", "this list"],
];

const SIGNS: readonly (readonly [string, string, string])[] = [
  ["effect", "●", "an effect: something outside has changed"], ["twice", "◆", "a duplicate: it had happened before"], ["down", "✖", "a crash; hatched: down"],
  ["wait", "┈", "work is waiting, with the reason"], ["replay", "▨", "replay: the code runs again against the record; recorded steps do not"],
  ["fold", "░", "idle time, compressed"],
];

function Help() {
  return html`<table class="keys"><tbody>${KEYS.map(([key, what]) => html`<tr><th><kbd>${key}</kbd></th><td>${what}</td></tr>`)}
    ${SIGNS.map(([kind, sign, what]) => html`<tr><th><span class=${`sign ${kind}`}>${sign}</span></th><td>${what}</td></tr>`)}</tbody></table>
    <p class="dim">Point at anything to light up its cause and its effects. Click to go there.</p>`;
}

interface RunRow {
  readonly run: string;
  readonly workflow: string;
  readonly outcome: readonly string[];
  readonly differs: boolean;
}

/** All runs; those that did not go the same on all engines, or repeated an effect, are on top. */
export function runRows(player: Player): RunRow[] {
  const traces = player.shown.value;
  const rows = new Map<string, { workflow: string; outcome: string[] }>();
  traces.forEach((trace, e) => {
    const twice = new Map<string, number>();
    const steps = new Map<string, number>();
    for (const entry of trace.ledger) {
      steps.set(entry.run, (steps.get(entry.run) ?? 0) + 1);
      if (entry.again && !entry.deduplicated) twice.set(entry.run, (twice.get(entry.run) ?? 0) + 1);
    }
    for (const run of trace.runs) {
      const row = rows.get(run.run) ?? { workflow: run.workflow, outcome: traces.map(() => "none") };
      const more = twice.get(run.run) ?? 0;
      row.outcome[e] = `${run.status}, ${steps.get(run.run) ?? 0} effects${more > 0 ? `, ◆ ${more}` : ""}`;
      rows.set(run.run, row);
    }
  });
  const found = [...rows].map(([run, row]) => ({ run, ...row, differs: new Set(row.outcome).size > 1 }));
  const weight = (row: RunRow) => (row.differs ? 2 : 0) + (row.outcome.some((each) => each.includes("◆")) ? 1 : 0);
  return found.sort((a, b) => weight(b) - weight(a));
}

function Runs({ player }: { readonly player: Player }) {
  const rows = useMemo(() => runRows(player), [player.shown.value]);
  const engines = player.engines.value;
  const row = (index: number) => {
    const each = rows[index]!;
    return html`<li class=${`run-row ${each.differs ? "differs" : ""}`} key=${each.run}><button aria-current=${each.run === player.run.value ? "true" : undefined}
      onClick=${() => ((player.chosenRun.value = each.run), (player.panel.value = null))}><bdi>${each.run}</bdi>
      ${engines.map((engine, e) => html`<span class="outcome" title=${engine.title}>${each.outcome[e]}</span>`)}</button></li>`;
  };
  const differ = rows.filter((each) => each.differs).length;
  const said = differ > 0 ? `; ${differ} differ between the engines (listed first)` : engines.length > 1 ? ", alike on all engines" : "";
  return html`<p class="dim">${rows.length} runs${said}.</p>
    <p class="run-row run-head"><bdi></bdi>${engines.map((engine) => html`<span class="outcome">${engine.title}</span>`)}</p>
    <${List} label="Runs" count=${rows.length} row=${row} empty="There are no runs." />`;
}

/** The scenario's text; where the models run along, it can be edited, and what is wrong is said while one types. */
function Scenario({ player }: { readonly player: Player }) {
  const { live } = player;
  const [yaml, setYaml] = useState(live?.yaml ?? player.document.scenario.yaml ?? "");
  const [problems, setProblems] = useState<readonly Problem[]>([]);
  useEffect(() => {
    if (!live) return;
    let outdated = false;
    const timer = setTimeout(async () => {
      const found = await live.check(yaml).catch(() => [{ place: "", message: "“durascope play” is no longer answering." }]);
      if (!outdated) setProblems(found);
    }, 250);
    return () => {
      outdated = true;
      clearTimeout(timer);
    };
  }, [yaml]);
  if (!live) return html`<pre class="yaml" tabindex="0">${yaml || "This file does not contain the scenario's text."}</pre>`;
  return html`<textarea class="yaml" aria-label="Scenario" spellcheck=${false} value=${yaml}
      onInput=${(event: globalThis.Event) => setYaml((event.currentTarget as HTMLTextAreaElement).value)} />
    <ul class="problems" aria-live="polite">${problems.map((each) => html`<li class=${each.severity ?? "error"}><b>${each.place}</b> ${each.message}${each.fix ? html`<br /><i>${each.fix}</i>` : null}</li>`)}</ul>
    <button class="run-anew" disabled=${problems.some((each) => each.severity !== "warning")} onClick=${() => ((player.panel.value = null), void player.rerun(yaml))}>Run the models</button>`;
}

