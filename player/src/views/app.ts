/** The page. */

import { short } from "../names.ts";
import type { Player } from "../player.ts";
import { Column } from "./column.ts";
import { Controls } from "./controls.ts";
import { Forks, Remedy } from "./forks.ts";
import { html } from "./html.ts";
import { Narration, Spoken } from "./narration.ts";
import { Panels } from "./panels.ts";
import { Timeline } from "./timeline.ts";

export function App({ player, embedded }: { readonly player: Player; readonly embedded: boolean }) {
  const engines = player.engines.value;
  const hasEvents = player.clock.value.length > 0;
  return html`<div class=${`page ${embedded ? "embedded" : ""} engines-${engines.length}`}>
    <a class="skip" href="#narration" onClick=${(event: globalThis.Event) => event.preventDefault()}>What has just happened</a>
    <${Head} player=${player} />
    <${Narration} player=${player} />
    <${Spoken} player=${player} />
    <main class="columns">
      ${hasEvents ? engines.map((engine, e) => html`<${Column} player=${player} e=${e} key=${engine.name} />`)
        : html`<p class="nothing">Nothing happens in this story: no run was started, so there is nothing to play.</p>`}
    </main>
    <footer class="bottom">
      <${Notice} player=${player} />
      <${Timeline} player=${player} />
      <${Controls} player=${player} />
    </footer>
    <${Panels} player=${player} />
  </div>`;
}

function Notice({ player }: { readonly player: Player }) {
  const text = player.notice.value;
  if (text === null) return null;
  return html`<p class="notice" role="status"><span>${text}</span>
    <button aria-label="Close" onClick=${() => (player.notice.value = null)}>×</button></p>`;
}

function Head({ player }: { readonly player: Player }) {
  const { scenario, stories, engines } = player.document;
  const branch = player.branch.value;
  const story = stories.find((each) => each.id === branch.story);
  const runs = player.shown.value[0]?.runs.length ?? 0;
  return html`<header class="head">
    <div class="titles">
      <h1><bdi title=${scenario.title}>${short(scenario.title || scenario.name, 80)}</bdi></h1>
      <p class="fault">${branch.fork ? html`<span class="forked">fork</span> <bdi>${short(branch.fork.phrase, 90)}</bdi>`
        : story?.fault ? html`<b class="cross">✖</b> <bdi>${short(story.fault, 120)}</bdi>` : html`<bdi>${short(story?.title ?? "", 90)}</bdi>`}</p>
    </div>
    <${Forks} player=${player} />
    <${Remedy} player=${player} />
    <div class="choices">
      <div class="tabs" role="group" aria-label="Engines">
        ${!player.narrow.value && html`<button aria-pressed=${player.only.value === null} onClick=${() => player.only.value !== null && player.show(player.only.value)}>All</button>`}
        ${engines.map((engine) => html`<button style=${`--engine:${engine.colour}`} aria-pressed=${player.engines.value.length === 1 && player.engines.value[0]!.name === engine.name}
          onClick=${() => player.show(engine.name)}>${engine.title}</button>`)}
      </div>
      ${stories.length > 1 && html`<select class="story" aria-label="Story" value=${branch.story} onChange=${(event: globalThis.Event) => player.open((event.currentTarget as HTMLSelectElement).value)}>
        ${stories.map((each) => html`<option value=${each.id}>${short(each.title, 60)}</option>`)}</select>`}
      ${runs > 1 && html`<button onClick=${() => (player.panel.value = "runs")}><bdi>${short(player.run.value ?? "", 20)}</bdi> <span class="dim">of ${runs}</span></button>`}
      <button onClick=${() => (player.panel.value = "scenario")}>${player.live ? "Edit" : "Scenario"}</button>
    </div>
  </header>`;
}
