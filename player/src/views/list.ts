/** A list of which only the rows that are in sight are in the document. */

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
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
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(ROW * 10);
  useEffect(() => {
    const element = box.current;
    if (!element || typeof ResizeObserver === "undefined") return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element || props.follow < 0) return;
    const wanted = props.follow * ROW;
    if (wanted < element.scrollTop) element.scrollTop = Math.max(0, wanted - ROW);
    else if (wanted + ROW > element.scrollTop + element.clientHeight) element.scrollTop = wanted + ROW - element.clientHeight;
    setTop(element.scrollTop);
  }, [props.follow, props.count, height]);
  const first = Math.max(0, Math.min(Math.floor(top / ROW), props.count - 1));
  const last = Math.min(props.count, first + Math.min(MOST, Math.ceil(height / ROW) + 1));
  const rows = [];
  for (let index = first; index < last; index++) rows.push(props.row(index));
  return html`<div class="list" ref=${box} tabindex="0" role="region" aria-label=${props.label}
    onScroll=${(event: globalThis.Event) => setTop((event.currentTarget as HTMLElement).scrollTop)}>
    ${props.count === 0 && html`<p class="empty">${props.empty}</p>`}
    <div class="list-all" style=${`height:${props.count * ROW}px`}>
      <ol class="rows" style=${`transform:translateY(${first * ROW}px)`} start=${first + 1}>${rows}</ol>
    </div>
  </div>`;
}
