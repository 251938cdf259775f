/** The ledger of the outside world: every effect, as the services counted them. */

import { spell } from "../names.ts";
import { title } from "../narration.ts";
import type { Player } from "../player.ts";
import { isDuplicate } from "../time/marks.ts";
import { List } from "./list.ts";
import { pointing } from "./pointing.ts";
import { glow } from "./stage.ts";
import { html } from "./html.ts";

export function Ledger({ player, e }: { readonly player: Player; readonly e: number }) {
  const engine = player.engines.value[e]!;
  const trace = player.shown.value[e]!;
  const entries = trace.ledgerAt(player.moments.value[e]!.count);
  const price = entries.reduce((sum, entry) => sum + (entry.deduplicated ? 0 : entry.price), 0);
  const services = player.document.scenario.services ?? {};
  const row = (index: number) => {
    const entry = entries[index]!;
    const twice = isDuplicate(entry);
    return html`<li class=${`entry ${twice ? "twice" : ""} ${glow(player, engine.name, entry.event)}`} key=${index % 32}
      ...${pointing(player, { engine: engine.name, event: entry.event })}>
      <span class="number">${spell(Math.round(entry.at))}</span>
      <span class="text">${title(entry.service, { services })}: ${entry.step}${trace.runs.length > 1 ? ` (${entry.run})` : ""}</span>
      ${twice ? html`<span class="tag">◆ duplicate</span>` : entry.deduplicated ? html`<span class="tag quiet">known key</span>` : null}</li>`;
  };
  return html`<section class="ledger" aria-label="The outside world">
    <h3>outside world <span class="dim">${entries.length} effects${price > 0 ? ` · ${price.toFixed(2)} USD` : ""}</span></h3>
    <${List} label="Ledger of the outside world" count=${entries.length} follows row=${row} empty="Nothing has happened outside yet." />
  </section>`;
}
