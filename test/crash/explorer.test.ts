// Every crash of a run that delivers one message, or two into an mbox, and planted bugs that the explorer has to find. The endurance tests
// explore runs with up to three messages, and each outcome of QUIT.
import { describe, expect, test, vi } from "vitest";
import { believing, BUGS, JOURNAL_BUGS } from "./bugs.ts";
import { Explorer } from "./explorer.ts";
import { PEERS } from "./peers.ts";
import { PLACES, type Place } from "./places.ts";
import { record } from "./recording.ts";
import { simulateProcesses } from "./simulation.ts";
import { stopEverywhere } from "./stops.ts";

vi.mock("node:fs/promises", () => import("./simulated-fs.ts"));
vi.mock("../../src/fetch/files/process-space.ts", () => import("./simulated-space.ts"));
vi.mock("../../src/fetch/destinations/imap/imap-session.ts", () => import("./simulated-imap.ts"));
vi.mock("../../src/fetch/destinations/gmail/exchange.ts", () => import("./simulated-gmail.ts"));
simulateProcesses();

const MAILDIR = PLACES[0] as Place;
const COURSE = { deletes: true, quit: "carried out", earlier: 0 } as const;
/** Fewer points come after what a bug has done. */
const KEEPING = { ...COURSE, deletes: false } as const;

test.each(PLACES)("$name: no crash breaks a promise", async (place) => {
  // An mbox has few points, because it takes all messages of a group at once.
  const count = place.name === "mbox" ? 2 : 1;
  const { broken } = await new Explorer("few").explore(await record({ ...COURSE, place, count }));
  expect(Object.fromEntries(broken)).toEqual({});
});

test.each(BUGS)("finds a planted bug: $name", async ({ breaks, place: name = "Maildir", ...bug }) => {
  const place = PLACES.find((each) => each.name === name) as Place;
  const course = breaks.startsWith("DELE") ? COURSE : KEEPING;
  const recording = await record({ ...course, place, count: 2 }, bug.plant());
  expect(await new Explorer("few").finds(breaks, recording)).toBe(true);
});

describe.each(JOURNAL_BUGS)("finds a planted bug: $name", ({ plant }) => {
  test.each(PEERS.filter(({ name }) => name !== "function"))("$name", async (place) => {
    const recording = await record({ ...KEEPING, place, count: 1 }, plant());
    const once = "each message is there once, byte for byte";
    expect(await new Explorer("few").finds(once, recording)).toBe(true);
  });
});

test("finds a planted bug: a stale fence is accepted", async () => {
  const { broken } = await stopEverywhere({ ...COURSE, place: MAILDIR, count: 2 }, believing);
  expect([...broken.keys()]).toContain("it sends no RETR, no DELE and no QUIT");
});

test("a run is the same each time that it is recorded", async () => {
  const courses = PLACES.map((place) => ({ ...COURSE, place, count: 3 }));
  for (const course of courses) {
    const [first, second] = [await record(course), await record(course)];
    expect(second.points.map(({ after, disk }) => [after, disk.order])).toEqual(
      first.points.map(({ after, disk }) => [after, disk.order]),
    );
  }
});
