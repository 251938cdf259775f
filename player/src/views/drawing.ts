/** The architecture as `durascope diagram` draws it, alive: its own arrows light up and carry the messages. */

import { useEffect, useRef } from "preact/hooks";
import { effect } from "@preact/signals";
import { isDuplicate } from "../time/marks.ts";
import type { Player } from "../player.ts";
import type { Moment } from "../time/moment.ts";
import type { Trace } from "../time/trace.ts";
import { underWay } from "./stage.ts";
import { html } from "./html.ts";

const SVG = "http://www.w3.org/2000/svg";

export function Drawing({ player, e }: { readonly player: Player; readonly e: number }) {
  const box = useRef<HTMLDivElement>(null);
  const engine = player.engines.value[e]!;
  useEffect(() => {
    const picture = safe(engine.architecture ?? "");
    if (!picture || !box.current) return;
    box.current.replaceChildren(picture);
    const plan = new Plan(picture);
    const stop = effect(() => {
      const here = player.index(engine.name);
      if (here < 0) return;
      plan.show(player, player.shown.value[here]!, player.moments.value[here]!);
    });
    return stop;
  }, [engine]);
  return html`<div class="drawing" ref=${box} role="img" aria-label=${`Architecture on ${engine.title}`} tabindex="0"></div>`;
}

/** The picture without anything that could run. */
function safe(text: string): SVGSVGElement | null {
  const parsed = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  if (parsed.localName !== "svg") return null;
  for (const element of [parsed, ...parsed.querySelectorAll("*")]) {
    if (element.localName === "script" || element.localName === "foreignObject") element.remove();
    for (const { name, value } of [...element.attributes]) {
      if (name.startsWith("on") || (name.endsWith("href") && !value.startsWith("#"))) element.removeAttribute(name);
    }
  }
  return document.importNode(parsed, true) as unknown as SVGSVGElement;
}

/** Which parts of the picture are which lanes, services, queues and ways. */
class Plan {
  private readonly nodes: SVGGraphicsElement[];
  private readonly edges: SVGGElement[];
  private readonly over: SVGGElement;

  constructor(picture: SVGSVGElement) {
    this.nodes = [...picture.querySelectorAll<SVGGraphicsElement>("g.node")];
    this.edges = [...picture.querySelectorAll<SVGGElement>("g.edge")];
    this.over = document.createElementNS(SVG, "g");
    this.over.setAttribute("class", "over");
    picture.append(this.over);
  }

  show(player: Player, trace: Trace, moment: Moment): void {
    const scale = player.scale.value;
    this.over.replaceChildren();
    for (const node of this.nodes) this.dress(node, trace, moment);
    for (const edge of this.edges) edge.classList.remove("alive", "twice");
    const here = scale.place(player.now.value);
    for (const n of underWay(player, trace, moment)) {
      const detail = trace.detail(n);
      const what = Array.isArray(detail) ? String(detail[1] ?? "") : "";
      if (what === "" || what === "poll") continue;
      const arrival = trace.arrival(n);
      const start = scale.place(trace.at[n]!);
      const end = arrival === undefined ? start : scale.place(trace.at[arrival]!);
      const part = end > start ? Math.min(1, Math.max(0, (here - start) / (end - start))) : 0.5;
      this.travel(trace.lane(n), Array.isArray(detail) ? String(detail[0]) : "", part);
    }
    for (const entry of trace.ledgerAt(moment.count).slice(-4)) {
      if (here - scale.place(entry.at) > 0.02 && entry.event !== moment.count - 1) continue;
      const edge = this.edge(trace.lane(entry.event), entry.service, entry.step);
      edge?.classList.add("alive");
      if (isDuplicate(entry)) edge?.classList.add("twice");
    }
  }

  private dress(node: SVGGraphicsElement, trace: Trace, moment: Moment): void {
    const lanes = words(node.dataset["lanes"]);
    const known = lanes.map((name) => moment.lanes.get(name)).filter((lane) => lane !== undefined);
    const broken = known.filter((lane) => lane.condition !== "up").length;
    const working = known.some((lane) => lane.condition === "up" && lane.work.size > 0);
    const last = moment.count - 1;
    const state = broken > 0 ? (broken === lanes.length ? "down" : "partly-down") : working ? "working" : "idle";
    if (node.dataset["state"] !== state) node.dataset["state"] = state;
    node.classList.toggle("now", last >= 0 && lanes.includes(trace.lane(last)));
    const queue = node.dataset["queue"];
    const depth = [...moment.queues].reduce(
      (sum, [name, { owner, depth }]) => sum + (queue === undefined ? (node.dataset["role"] === "queue" && lanes.includes(owner) ? depth : 0) : queue === name ? depth : 0), 0);
    const { service } = node.dataset;
    const entries = service === undefined ? [] : trace.ledgerAt(moment.count).filter((entry) => entry.service === service && !entry.deduplicated);
    const twice = entries.filter(isDuplicate).length;
    if (service !== undefined && entries.length > 0) this.badge(node, `${entries.length}×${twice > 0 ? ` ◆${twice}` : ""}`, twice > 0 ? "twice" : "count");
    else if (depth > 0) this.badge(node, `${depth} waiting`, "queued");
    else if (broken > 0) this.badge(node, broken === 1 ? `✖ ${lanes.find((name) => (moment.lanes.get(name)?.condition ?? "up") !== "up")}` : `✖ ${broken}`, "twice");
  }

  private badge(node: SVGGraphicsElement, text: string, kind: string): void {
    const { x, y, width } = node.getBBox();
    const group = document.createElementNS(SVG, "g");
    group.setAttribute("class", `badge ${kind}`);
    const wide = text.length * 9 + 16;
    group.setAttribute("transform", `translate(${x + width - wide + 8} ${y - 12})`);
    const ground = document.createElementNS(SVG, "rect");
    ground.setAttribute("width", String(wide));
    ground.setAttribute("height", "24");
    ground.setAttribute("rx", "12");
    const words = document.createElementNS(SVG, "text");
    words.setAttribute("x", String(wide / 2));
    words.setAttribute("y", "17");
    words.textContent = text;
    group.append(ground, words);
    this.over.append(group);
  }

  /** A dot on the picture's own arrow, or straight from one to the other where none is drawn. */
  private travel(from: string, to: string, part: number): void {
    const there = this.edge(from, to);
    const back = there ? undefined : this.edge(to, from);
    const way = (there ?? back)?.querySelector<SVGPathElement>("path");
    (there ?? back)?.classList.add("alive");
    const dot = document.createElementNS(SVG, "circle");
    dot.setAttribute("r", "8");
    dot.setAttribute("class", "message");
    if (way) {
      const { x, y } = way.getPointAtLength(way.getTotalLength() * (there ? part : 1 - part));
      dot.setAttribute("cx", String(x));
      dot.setAttribute("cy", String(y));
    } else {
      const [a, b] = [this.middle(from), this.middle(to)];
      if (!a || !b) return;
      dot.setAttribute("cx", String(a.x + (b.x - a.x) * part));
      dot.setAttribute("cy", String(a.y + (b.y - a.y) * part));
    }
    this.over.append(dot);
  }

  private edge(from: string, to: string, label?: string): SVGGElement | undefined {
    const fits = this.edges.filter((edge) =>
      pool(words(edge.dataset["from"]), from) && pool(words(edge.dataset["to"]), to));
    return fits.find((edge) => label !== undefined && edge.dataset["tail"]?.includes(label)) ?? fits[0];
  }

  private middle(lane: string): { x: number; y: number } | null {
    const node = this.nodes.find((each) => words(each.dataset["lanes"]).includes(lane) || each.dataset["service"] === lane);
    if (!node) return null;
    const { x, y, width, height } = node.getBBox();
    return { x: x + width / 2, y: y + height / 2 };
  }
}

function words(text: string | undefined): string[] {
  return text ? text.split(" ") : [];
}

/** A pool's copies are drawn as one: `activity-worker-3` is `activity-worker`. */
function pool(names: readonly string[], lane: string): boolean {
  return names.includes(lane) || names.includes(lane.replace(/-\d+$/, ""));
}
