// A renaming or a deletion that ends after any of its steps is completed when it is repeated, and the state file of one
// ledger is never taken for that of another.
import * as fs from "node:fs/promises";
import { beforeEach, expect, test, vi } from "vitest";
import { FileLedger } from "../../../src/fetch/ledger/file-ledger.ts";
import type { LedgerEntry } from "../../../src/fetch/ledger/ledger.ts";
import { systemError } from "../../support/file-handles.ts";
import { scratch } from "../../support/scratch.ts";

vi.mock("node:fs/promises", { spy: true });

const [OLD, NEW] = ["ann@pop.old.example:995", "ann@pop.new.example:995"];
const entry = (id: string): LedgerEntry => ({ id, status: "delivered", firstSeen: 1 });
const STATE = { lastRun: 2, interval: 7, listing: "ab", due: 9 };

let ledger: FileLedger;
beforeEach(async () => {
  ledger = new FileLedger(await scratch());
  await (await ledger.open(OLD)).close({ entries: [entry("a")], state: { lastRun: 1 } });
  // Only its state file has the newest state.
  await (await ledger.open(OLD)).close({ state: STATE });
});

const actual = await vi.importActual<typeof fs>("node:fs/promises");

/**
 * Does `work`, but as if the process died at its `nth` call that changes a name: that one fails, and all after it.
 * Resolves with whether it had to die.
 */
async function dyingAt(nth: number, work: () => Promise<unknown>): Promise<boolean> {
  let calls = 0;
  const step = async (path: unknown, call: () => Promise<void>): Promise<void> => {
    // The locks are not a part of it.
    if (!String(path).includes(".lock") && ++calls >= nth) throw systemError("EIO");
    await call();
  };
  vi.mocked(fs.rename).mockImplementation((from, to) => step(from, () => actual.rename(from, to)));
  vi.mocked(fs.rm).mockImplementation((path, options) => step(path, () => actual.rm(path, options)));
  vi.mocked(fs.unlink).mockImplementation((path) => step(path, () => actual.unlink(path)));
  try {
    await work().catch(() => undefined);
  } finally {
    for (const call of [fs.rename, fs.rm, fs.unlink]) vi.mocked(call).mockReset();
  }
  return calls >= nth;
}

async function known(name: string): Promise<unknown> {
  const mailbox = await ledger.open(name);
  const found = { ids: [...(await mailbox.load()).keys()], state: mailbox.state };
  await mailbox.close();
  return found;
}

/** The calls that change a name: of a renaming, and of a deletion. */
const STEPS = { rename: [1, 2, 3, 4], delete: [1, 2] };

test.each(STEPS.rename)("a renaming that dies at its step %i", async (nth) => {
  expect(await dyingAt(nth, () => ledger.rename(OLD, NEW))).toBe(true);
  const isDone = (await ledger.read(OLD)).entries.size === 0;
  if (!isDone) await ledger.rename(OLD, NEW);
  expect(await known(NEW)).toEqual({ ids: ["a"], state: STATE });
  expect(await known(OLD)).toEqual({ ids: [], state: {} });
});

test.each(STEPS.delete)("a deletion that dies at its step %i", async (nth) => {
  expect(await dyingAt(nth, () => ledger.delete(OLD))).toBe(true);
  await ledger.delete(OLD);
  expect(await known(OLD)).toEqual({ ids: [], state: {} });
  expect(await fs.readdir(ledger.directory)).toEqual([]);
});

test("there are no other steps", async () => {
  expect(await dyingAt(STEPS.rename.length + 1, () => ledger.rename(OLD, NEW))).toBe(false);
  expect(await dyingAt(STEPS.delete.length + 1, () => ledger.delete(NEW))).toBe(false);
});

test("a ledger that takes the place of a deleted one has nothing of it", async () => {
  await ledger.delete(OLD);
  await (await ledger.open(OLD)).close({ entries: [entry("b")], state: { lastRun: 1 } });
  expect(await known(OLD)).toEqual({ ids: ["b"], state: { lastRun: 1 } });
});
