/** A list of which only the rows that are in sight are in the document. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { html } from "./html.ts";

export const ROW = 22;
const MOST = 16;

export function List(props: {
  readonly label: string;
  readonly count: number;
  /** The row that is kept in sight. */
  readonly follow: number;
  readonly row: (index: number) => ComponentChildren;
  readonly empty: string;
}) {
  const box = useRef<HTMLDivElement>(null);
  const top = useRef(0);
  const followed = useRef("");
  const [, redraw] = useState(0);
  const [height, setHeight] = useState(ROW * 10);
  useEffect(() => {
    const element = box.current;
    if (!element || typeof ResizeObserver === "undefined") return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  // Who has scrolled stays there until the followed row, or the room, changes.
  const following = `${props.follow} ${height}`;
  if (props.follow >= 0 && following !== followed.current) top.current = Math.max(0, (props.follow + 1) * ROW - height);
  followed.current = following;
  const wanted = top.current;
  useEffect(() => {
    // In the frame's own time: to ask for a place, or to set it, is to lay the page out.
    const frame = requestAnimationFrame(() => box.current && (box.current.scrollTop = wanted));
    return () => cancelAnimationFrame(frame);
  }, [wanted]);
  const first = Math.max(0, Math.min(Math.floor(wanted / ROW), props.count - 1));
  const last = Math.min(props.count, first + Math.min(MOST, Math.ceil(height / ROW) + 1));
  const rows = [];
  for (let index = first; index < last; index++) rows.push(props.row(index));
  return html`<div class="list" ref=${box} tabindex="0" role="region" aria-label=${props.label}
    onScroll=${(event: globalThis.Event) => {
      const now = (event.currentTarget as HTMLElement).scrollTop;
      if (Math.abs(now - top.current) < 1) return;
      top.current = now;
      redraw(now);
    }}>
    ${props.count === 0 && html`<p class="empty">${props.empty}</p>`}
    <div class="list-all" style=${`height:${props.count * ROW}px`}>
      <ol class="rows" style=${`transform:translateY(${first * ROW}px)`} start=${first + 1}>${rows}</ol>
    </div>
  </div>`;
}
