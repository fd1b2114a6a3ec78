// Every crash of runs that deliver one to three messages, for each destination and ledger: each point, each legal state
// of what was not synced, each outcome of QUIT.
import { writeSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import { Explorer, type Findings } from "../crash/explorer.ts";
import { QUITS, type Quit } from "../crash/maildrop-server.ts";
import { PEERS } from "../crash/peers.ts";
import { PLACES } from "../crash/places.ts";
import { record, type Course, type LedgerName } from "../crash/recording.ts";
import { simulateProcesses } from "../crash/simulation.ts";

vi.mock("node:fs/promises", () => import("../crash/simulated-fs.ts"));
vi.mock("../../src/fetch/files/process-space.ts", () => import("../crash/simulated-space.ts"));
vi.mock("../../src/fetch/destinations/imap/imap-session.ts", () => import("../crash/simulated-imap.ts"));
vi.mock("../../src/fetch/destinations/gmail/exchange.ts", () => import("../crash/simulated-gmail.ts"));
simulateProcesses();

const LEDGERS: readonly LedgerName[] = ["FileLedger", "MemoryLedger"];

const CASES = [...PLACES, ...PEERS].flatMap((place) =>
  LEDGERS.map((ledger) => ({ place, ledger, name: place.name })),
);

const TEARS = process.env["POPWRIGHT_TEARS"] === "all" ? "all" : "few";

/** Explores a run with each of these outcomes of QUIT, prints the counts, and returns the broken promises. */
async function explored(course: Omit<Course, "quit">, quits: readonly Quit[]): Promise<object> {
  const explorer = new Explorer(TEARS);
  for (const quit of quits) await explorer.explore(await record({ ...course, quit }));
  say(course, explorer.findings);
  return Object.fromEntries(explorer.findings.broken);
}

function say({ place, ledger, deletes, count, earlier }: Omit<Course, "quit">, findings: Findings): void {
  const { points, unsynced, combinations, states, runs } = findings;
  const messages = `${String(earlier)} + ${String(count)} messages, ${deletes ? "deleted" : "kept"}`;
  const what = `${place.name}, ${String(ledger)}, ${messages}`;
  const most = `up to ${String(unsynced)} operations not synced`;
  const numbers = `${String(points)} crash points, ${most}, ${String(combinations)} combinations`;
  writeSync(1, `${what}: ${numbers}, ${String(states)} states, ${String(runs)} runs\n`);
}

describe.each(CASES)("$name, $ledger", ({ place, ledger }) => {
  const course = { place, ledger, earlier: 0 };

  test.each([1, 2, 3])("no crash breaks a promise: %i messages, kept", async (count) => {
    expect(await explored({ ...course, count, deletes: false }, ["carried out"])).toEqual({});
  });

  test.each([1, 2, 3])("no crash breaks a promise: %i messages, deleted", async (count) => {
    expect(await explored({ ...course, count, deletes: true }, QUITS)).toEqual({});
  });

  test.each([false, true])("no crash breaks a promise in a second run, deleting: %s", async (deletes) => {
    expect(await explored({ ...course, count: 2, deletes, earlier: 1 }, ["carried out"])).toEqual({});
  });

  test.each([0, 1])(
    "no crash breaks a promise in a poll without mail, after %i messages",
    async (earlier) => {
      expect(await explored({ ...course, count: 0, deletes: false, earlier }, ["carried out"])).toEqual({});
    },
  );
});
