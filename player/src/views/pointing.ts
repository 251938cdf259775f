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
