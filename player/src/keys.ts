/** The keyboard: everything that a button does. */

import type { Player } from "./player.ts";

export function listen(player: Player): void {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || player.panel.value !== null) return;
    const target = event.target as Element | null;
    if (target?.closest("textarea,select,input:not([type=range])")) return;
    const onButton = target?.closest("button,a,summary") !== null && target !== document.body;
    if (event.key === " " && onButton) return;
    if (pressed(player, event.key, event.shiftKey)) event.preventDefault();
  });
}

function pressed(player: Player, key: string, shift: boolean): boolean {
  const engine = player.document.engines[Number(key) - 1];
  if (engine !== undefined) return done(player.show(engine.name));
  switch (key) {
    case " ": return done(player.toggle());
    case "ArrowRight": return done(shift ? player.jumpAny(1) : player.step(1));
    case "ArrowLeft": return done(shift ? player.jumpAny(-1) : player.step(-1));
    case ".": return done(player.skim(1));
    case ",": return done(player.skim(-1));
    case "Home": return done(player.step(-player.cursor.value));
    case "End": return done(player.step(player.clock.value.length - player.cursor.value));
    case "c": return done(player.crashCurrent());
    case "C": return done(player.crashAll());
    case "x": return done(player.jump("crash"));
    case "r": return done(player.jump("replay"));
    case "d": return done(player.jump("duplicate"));
    case "f": return done(player.jump("difference"));
    case "l": return done((player.isLinear.value = !player.isLinear.value));
    case "?": return done((player.panel.value = "help"));
    default: return false;
  }
}

function done(_: unknown): true {
  return true;
}
