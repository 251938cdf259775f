/** The forks that were taken, as a tree; each can be gone back to. */

import type { Branch } from "../forks.ts";
import { short } from "../names.ts";
import type { Player } from "../player.ts";
import { html } from "./html.ts";

const MOST = 12;

export function Forks({ player }: { readonly player: Player }) {
  const branches = player.branches.value;
  if (branches.length < 2) return null;
  const under = (parent: number | null): unknown => {
    const children = branches.filter((each) => each.parent === parent);
    if (children.length === 0) return null;
    return html`<ul>${children.slice(-MOST).map((each) => html`<li key=${each.id}>
      <button aria-current=${each.id === player.branchId.value ? "true" : undefined} onClick=${() => player.goTo(each)}>${label(player, each)}</button>
      ${under(each.id)}</li>`)}</ul>`;
  };
  return html`<nav class="forks" aria-label="Forks of the story"><span class="dim">Forks</span>${under(null)}</nav>`;
}

function label(player: Player, branch: Branch): unknown {
  if (branch.fork === null) return short(branch.title, 40);
  const engine = player.document.engines.find((each) => each.name === branch.engine);
  return html`<span class="engine" style=${`--engine:${engine?.colour ?? "gray"}`}>${engine?.title}</span> ${short(branch.title, 60)}${
    branch.fork.remedy ? html`<span class="dim"> with ${branch.fork.remedy}</span>` : null}`;
}

/** The same moment with the remedy, or without it, where the file has both. */
export function Remedy({ player }: { readonly player: Player }) {
  const branch = player.branch.value;
  const { fork, engine } = branch;
  if (fork === null || engine === null) return null;
  const forks = (player.document.forks?.[engine] ?? []).filter(
    (each) => each.story === fork.story && each.what === fork.what && each.target === fork.target &&
      each.from <= branch.event! && branch.event! <= each.to,
  );
  const remedies = forks.filter((each) => each.remedy);
  if (remedies.length === 0) return null;
  return html`<div class="remedy" role="group" aria-label="Remedy"><span class="dim">Remedy</span>
    ${[...forks.filter((each) => !each.remedy), ...remedies].map((each) => html`<button aria-pressed=${each.trace === fork.trace && each.remedy === fork.remedy}
      onClick=${() => player.switchTo(branch, each)}>${each.remedy ?? "none"}</button>`)}</div>`;
}
