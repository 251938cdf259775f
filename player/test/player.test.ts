import { describe, expect, test } from "vitest";
import { parsed, written } from "../src/address.ts";
import { short, spell, visible } from "../src/names.ts";
import { Player } from "../src/player.ts";
import { page } from "./pack.ts";

const open = () => new Player(page(), {});

function effects(player: Player, engine: string): number {
  const e = player.index(engine);
  return player.shown.value[e]!.ledgerAt(player.moments.value[e]!.count).length;
}

describe("playing", () => {
  test("takes about 20 seconds whatever the run lasts", () => {
    const player = open();
    player.toggle();
    let ms = 0;
    while (player.playing.value && ms < 60_000) {
      player.tick(50);
      ms += 50;
    }
    expect(ms).toBeGreaterThan(18_000);
    expect(ms).toBeLessThan(22_000);
    expect(player.cursor.value).toBe(player.clock.value.length);
  });

  test("from the end begins anew", () => {
    const player = open();
    player.step(1_000);
    player.toggle();
    expect(player.cursor.value).toBe(0);
  });
});

describe("rules", () => {
  const rules = { one: [
    { name: "A9", text: "of another kind", kind: "dropped" },
    { name: "§11", text: "at least once", kind: "after-effect", again: true },
    { name: "A8", text: "only a timeout notices", kind: "retried", detail: "start-to-close" },
    { name: "A12", text: "eager", kind: "started", cause: "message-received" },
  ] };
  const player = new Player({ ...page(), rules }, {});
  player.seekSpot({ engine: "one", event: 7 });
  player.crash("one");
  const cited = (engine: string, event: number) => player.say({ engine, event }).rule?.name;

  test("are cited where all that they say of an event holds", () => {
    expect(cited("one", 10)).toBe("A8");
    expect([cited("one", 7), cited("one", 14)]).toEqual([undefined, "§11"]);
    expect(cited("one", 13)).toBeUndefined();
  });

  test("are an engine's own", () => {
    expect(cited("two", 7)).toBeUndefined();
  });
});

describe("crash here", () => {
  test("goes on as the fork of this moment, with its effects", () => {
    const player = open();
    player.seekSpot({ engine: "one", event: 7 });
    player.crash("one");
    expect(player.branches.value).toHaveLength(2);
    expect(player.say(player.current.value!).what).toContain("worker-1 dies. Stripe API has done charge");
    player.step(1_000);
    expect(effects(player, "one")).toBe(2);
    expect(effects(player, "two")).toBe(1);
  });

  test("and back: the story is as it was", () => {
    const player = open();
    player.seekSpot({ engine: "one", event: 7 });
    player.crash("one");
    player.goTo(player.branches.value[0]!);
    player.step(1_000);
    expect(effects(player, "one")).toBe(1);
  });

  test("the same fork twice is one branch", () => {
    const player = open();
    player.seekSpot({ engine: "one", event: 7 });
    player.crash("one");
    player.goTo(player.branches.value[0]!);
    player.seekSpot({ engine: "one", event: 7 });
    player.crash("one");
    expect(player.branches.value).toHaveLength(2);
  });

  test("a fork of one engine keeps the fork of another", () => {
    const player = open();
    for (const engine of ["one", "two"]) {
      player.seekSpot({ engine, event: 7 });
      player.crash(engine);
    }
    player.step(1_000);
    expect([effects(player, "one"), effects(player, "two")]).toEqual([2, 2]);
    expect(player.hash).toContain(encodeURIComponent("one.7.crash.app..~two.7.crash.app.."));
  });

  test("what is not in the file is said to be missing", () => {
    const player = open();
    player.seekSpot({ engine: "one", event: 9 });
    player.crash("one");
    expect(player.notice.value).toContain("has no crash from this moment on");
    expect(player.notice.value).toContain("3 crashes did not fit");
    player.step(-1_000);
    player.crash("one");
    expect(player.notice.value).toContain("nothing to break");
  });

  test("where the file has no crash at this moment, it offers the next and says so", () => {
    const player = open();
    player.seekSpot({ engine: "one", event: 3 });
    player.crash("one");
    expect(player.notice.value).toContain("after event 7");
    expect(player.branch.value.event).toBe(7);
  });

  test("before the moment of a fork, its story is the one it left: it can be left again", () => {
    const player = open();
    player.seekSpot({ engine: "one", event: 7 });
    player.crash("one");
    player.seekSpot({ engine: "one", event: 7 });
    expect(player.offers("one")).toHaveLength(1);
    player.seekSpot({ engine: "one", event: 12 });
    expect(player.offers("one")).toHaveLength(0);
    player.crash("one");
    expect(player.notice.value).toContain("A second crash");
  });
});

describe("the address", () => {
  test("leads back to the same moment, fork and engine", () => {
    const player = open();
    player.seekSpot({ engine: "one", event: 7 });
    player.crash("one");
    player.show("one");
    player.step(3);
    const other = open();
    other.restore(player.hash);
    expect(other.cursor.value).toBe(player.cursor.value);
    expect(other.now.value).toBe(player.now.value);
    expect(other.only.value).toBe("one");
    expect(other.branch.value.fork?.phrase).toBe("app after event 7");
    expect(other.hash).toBe(player.hash);
  });

  test("between two events it keeps the time", () => {
    const player = open();
    player.seekTime(3_500);
    const other = open();
    other.restore(player.hash);
    expect([other.now.value, other.cursor.value]).toEqual([player.now.value, player.cursor.value]);
  });

  test.each(["#t=&event=x", "#fork=a.b.c.d~~", "#engine=nobody&event=99999", "#t=1e99s", "#story=nowhere", "#%"])("%s does no harm", (hash) => {
    const player = open();
    player.restore(hash);
    expect(player.cursor.value).toBe(0);
  });

  test("is written and read the same", () => {
    const place = { t: 12_400_000, engine: "restate", event: 17, fork: "restate.crash.app.3" };
    expect(parsed(written(place))).toEqual(place);
    expect(written({ t: 12_400_000, engine: "restate", event: 17 })).toBe("#t=12.4s&engine=restate&event=17");
  });
});

describe("names", () => {
  test("that cannot be seen are written out, long ones are cut between letters", () => {
    expect(visible("a\u202eb\u200f")).toBe("a\\u202eb\\u200f");
    expect(short("x".repeat(300), 10)).toBe(`${"x".repeat(9)}…`);
    expect(short("😀😀😀", 2)).toBe("😀…");
  });

  test.each([[0, "0 s"], [250, "250 µs"], [12_400_000, "12.4 s"], [90e6, "1.5 min"], [7 * 86_400e6, "7 d"]])("%d µs is %s", (us, said) => {
    expect(spell(us)).toBe(said);
  });
});

test("why it happened twice is told with the duplicate", () => {
  const player = open();
  player.seekSpot({ engine: "one", event: 7 });
  player.crash("one");
  player.jump("duplicate");
  const said = player.say(player.current.value!);
  expect(said).toMatchObject({ tone: "alarm", because: 8 });
  expect(said.what).toBe("Stripe API does charge a second time: a duplicate.");
  expect(said.why).toContain("worker-1 died at 5 ms, before it was recorded");
});
