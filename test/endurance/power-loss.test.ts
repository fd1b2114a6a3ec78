// Every crash of runs that deliver one to three messages: each point, each legal state of what was not synced, each
// outcome of QUIT.
import { writeSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import { Explorer, type Findings } from "../crash/explorer.ts";
import { QUITS, type Quit } from "../crash/maildrop-server.ts";
import { PLACES } from "../crash/places.ts";
import { record, type Course } from "../crash/recording.ts";
import { simulateProcesses } from "../crash/simulation.ts";

vi.mock("node:fs/promises", () => import("../crash/simulated-fs.ts"));
vi.mock("../../src/fetch/files/process-space.ts", () => import("../crash/simulated-space.ts"));
simulateProcesses();

const TEARS = process.env["POPWRIGHT_TEARS"] === "all" ? "all" : "few";

/** Explores a run with each of these outcomes of QUIT, prints the counts, and returns the broken promises. */
async function explored(course: Omit<Course, "quit">, quits: readonly Quit[]): Promise<object> {
  const explorer = new Explorer(TEARS);
  for (const quit of quits) await explorer.explore(await record({ ...course, quit }));
  say(course, explorer.findings);
  return Object.fromEntries(explorer.findings.broken);
}

function say({ place, deletes, count, earlier }: Omit<Course, "quit">, findings: Findings): void {
  const { points, unsynced, combinations, states, runs } = findings;
  const what = `${place.name}, ${String(earlier)} + ${String(count)} messages, ${deletes ? "deleted" : "kept"}`;
  const most = `up to ${String(unsynced)} operations not synced`;
  const numbers = `${String(points)} crash points, ${most}, ${combinations.toExponential(1)} combinations`;
  writeSync(1, `${what}: ${numbers}, ${String(states)} states, ${String(runs)} runs\n`);
}

describe.each(PLACES)("$name", (place) => {
  test.each([1, 2, 3])("no crash breaks a promise: %i messages, kept", async (count) => {
    expect(await explored({ place, count, deletes: false, earlier: 0 }, ["carried out"])).toEqual({});
  });

  test.each([1, 2, 3])("no crash breaks a promise: %i messages, deleted", async (count) => {
    expect(await explored({ place, count, deletes: true, earlier: 0 }, QUITS)).toEqual({});
  });

  test.each([false, true])("no crash breaks a promise in a second run, deleting: %s", async (deletes) => {
    // An mbox takes one message at a time. A second one doubles the time, and takes the same steps.
    const count = place.name === "mbox" && TEARS === "few" ? 1 : 2;
    expect(await explored({ place, count, deletes, earlier: 1 }, ["carried out"])).toEqual({});
  });

  test.each([0, 1])(
    "no crash breaks a promise in a poll without mail, after %i messages",
    async (earlier) => {
      expect(await explored({ place, count: 0, deletes: false, earlier }, ["carried out"])).toEqual({});
    },
  );
});
