/** What every event on the screen answers to: hovering lights up its cause and its effects, clicking goes there. */

import type { Player, Spot } from "../player.ts";

export function pointing(player: Player, spot: Spot) {
  return {
    onMouseEnter: () => (player.hovered.value = spot),
    onMouseLeave: () => (player.hovered.value = null),
    onClick: () => {
      player.seekSpot(spot);
      player.pinned.value = spot;
    },
  };
}

/** The same for all that has a `data-event` in a picture: of many small things none has to listen for itself. */
export function pointingInside(player: Player, engine: string) {
  const at = ({ target }: { readonly target: EventTarget | null }) => {
    const event = (target as Element).closest("[data-event]")?.getAttribute("data-event");
    return event == null ? null : { engine, event: Number(event) };
  };
  return {
    onMouseOver: (event: MouseEvent) => (player.hovered.value = at(event)),
    onMouseLeave: () => (player.hovered.value = null),
    onClick: (event: MouseEvent) => {
      const spot = at(event);
      if (spot !== null) pointing(player, spot).onClick();
    },
  };
}
