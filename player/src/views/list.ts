/** A list of which only the rows that are in sight are in the document. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { html } from "./html.ts";

export const ROW = 22;
/** Three lists have at most 60 rows in the document. */
const MOST = 20;

export function List(props: {
  readonly label: string;
  readonly count: number;
  /** The end is kept in sight. */
  readonly follows?: boolean;
  readonly row: (index: number) => ComponentChildren;
  readonly empty: string;
}) {
  const { count, follows = false } = props;
  const box = useRef<HTMLDivElement>(null);
  /** From the end, which the browser keeps in its place by itself, or from the start. */
  const scrolled = useRef(0);
  const [, redraw] = useState(0);
  const [height, setHeight] = useState(ROW * 10);
  useEffect(() => {
    const element = box.current;
    if (!element || typeof ResizeObserver === "undefined") return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  // Who has scrolled stays there until there is more, or less.
  const before = useRef(count);
  if (follows && count !== before.current && scrolled.current !== 0) {
    scrolled.current = 0;
    box.current!.scrollTop = 0;
  }
  before.current = count;
  const fits = count * ROW <= height;
  // Some air at the end, so that the first row in sight is a whole one.
  const whole = count * ROW + (follows && !fits ? height % ROW : 0);
  const top = Math.max(0, scrolled.current + (follows ? whole - height : 0));
  const last = Math.min(count, Math.ceil((top + height) / ROW));
  const first = Math.max(0, Math.floor(top / ROW), last - MOST);
  const rows = [];
  // Rows are told apart by their places: the next moment's lines stand in the same elements.
  for (let index = first; index < last; index++) rows.push(props.row(index));
  return html`<div class=${`list ${follows ? "follows" : ""}`} ref=${box} tabindex="0" role="region" aria-label=${props.label}
    onScroll=${(event: globalThis.Event) => redraw((scrolled.current = (event.currentTarget as HTMLElement).scrollTop))}>
    ${count === 0 ? html`<p class="empty">${props.empty}</p>` : html`<div class="list-all" style=${`height:${whole}px`}>
      <ol class="rows" style=${`transform:translateY(${first * ROW}px)`} start=${first + 1}>${rows}</ol></div>`}
  </div>`;
}
