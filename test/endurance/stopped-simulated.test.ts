// A simulated process is stopped past its lease, at each point of its run, while another one fetches: it starts no
// delivery, writes nothing into the ledger, and sends no DELE and no QUIT.
import { writeSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { PLACES } from "../crash/places.ts";
import { simulateProcesses } from "../crash/simulation.ts";
import { stopEverywhere } from "../crash/stops.ts";

vi.mock("node:fs/promises", () => import("../crash/simulated-fs.ts"));
vi.mock("../../src/fetch/files/process-space.ts", () => import("../crash/simulated-space.ts"));
simulateProcesses();

const CASES = PLACES.flatMap((place) =>
  [false, true].map((deletes) => ({ place, name: place.name, deletes })),
);

test.each(CASES)("$name, deleting: $deletes", async ({ place, deletes }) => {
  const course = { place, count: 3, deletes, earlier: 0, quit: "carried out" } as const;
  const { stops, held, broken } = await stopEverywhere(course);
  writeSync(1, `${place.name}: stopped at ${String(stops)} points, with its lease at ${String(held)}\n`);
  expect(Object.fromEntries(broken)).toEqual({});
});
