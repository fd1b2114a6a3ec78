// Every crash of a run that delivers one message, and planted bugs that the explorer has to find. The endurance
// tests explore runs with up to three messages, and each outcome of QUIT.
import { expect, test, vi } from "vitest";
import { believing, BUGS } from "./bugs.ts";
import { Explorer } from "./explorer.ts";
import { PLACES } from "./places.ts";
import { record } from "./recording.ts";
import { simulateProcesses } from "./simulation.ts";
import { stopEverywhere } from "./stops.ts";

vi.mock("node:fs/promises", () => import("./simulated-fs.ts"));
vi.mock("../../src/fetch/files/process-space.ts", () => import("./simulated-space.ts"));
simulateProcesses();

const MAILDIR = PLACES.slice(0, 1);
const COURSE = { deletes: true, quit: "carried out", earlier: 0 } as const;

test.each(PLACES)("$name: no crash breaks a promise", async (place) => {
  const { broken } = await new Explorer("few").explore(await record({ ...COURSE, place, count: 1 }));
  expect(Object.fromEntries(broken)).toEqual({});
});

test.each(BUGS)("finds a planted bug: $name", async ({ breaks, ...bug }) => {
  for (const place of MAILDIR) {
    const recording = await record({ ...COURSE, place, count: 2 }, bug.plant());
    expect([...(await new Explorer("few").explore(recording, breaks)).broken.keys()]).toContain(breaks);
  }
});

test("finds a planted bug: a stale fence is accepted", async () => {
  for (const place of MAILDIR) {
    const { broken } = await stopEverywhere({ ...COURSE, place, count: 2 }, believing);
    expect([...broken.keys()]).toContain("it sends no RETR, DELE or QUIT");
  }
});
