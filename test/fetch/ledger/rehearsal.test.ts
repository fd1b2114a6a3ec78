// The ledger of a dry run: it knows what the real one knows, holds nothing, and writes nothing.
import { expect, test } from "vitest";
import type { LedgerEntry } from "../../../src/fetch/ledger/ledger.ts";
import { MemoryLedger } from "../../../src/fetch/ledger/memory-ledger.ts";
import { Rehearsal } from "../../../src/fetch/ledger/rehearsal.ts";

const ENTRY: LedgerEntry = { id: "a", status: "delivered", firstSeen: 1 };

test("a rehearsal reads, and changes nothing, while another run holds the mailbox", async () => {
  const ledger = new MemoryLedger();
  const before = await ledger.open("before");
  await before.close({ entries: [ENTRY], state: { lastRun: 7 } });
  await ledger.rename("before", "ann");
  const held = await ledger.open("ann");
  const rehearsal = await Rehearsal.open(ledger, "ann");
  expect(rehearsal).toMatchObject({ state: { lastRun: 7 }, keyName: "before", fence: 0n, takenOver: false });
  expect(rehearsal.lost.aborted).toBe(false);
  const entries = await rehearsal.load();
  expect([...entries.values()]).toEqual([ENTRY]);
  // The map belongs to the caller.
  entries.clear();
  expect((await rehearsal.load()).size).toBe(1);
  await rehearsal.record();
  await rehearsal.close();
  expect(await ledger.read("ann")).toMatchObject({ state: { lastRun: 7 }, entries: new Map([["a", ENTRY]]) });
  await held.close();
});
