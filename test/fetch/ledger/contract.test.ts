// MemoryLedger passes the contract of ledgers, and our ledgers keep the order of the entries.
import { describe, expect, test } from "vitest";
import { FileLedger, MemoryLedger, type Ledger } from "../../../src/fetch/index.ts";
import { ledgerContract } from "../../../src/testing/index.ts";
import { scratch } from "../../support/scratch.ts";

const inMemory = ledgerContract(() => new MemoryLedger(), { loneSurrogates: true });
describe("MemoryLedger", () => {
  for (const { name, run } of inMemory.filter(({ notRun }) => notRun === undefined)) test(name, run);

  test("has neither leases nor files, and no more is left out", () => {
    const missing = new Set(inMemory.flatMap(({ notRun }) => notRun ?? []));
    expect([...missing].sort()).toEqual(
      ["reopen", "expire", "expire and noticesLoss", "failWrites", "tear"]
        .map((option) => `give the option ${option}`)
        .sort(),
    );
  });
});

test.each<[name: string, make: () => Promise<Ledger>]>([
  ["MemoryLedger", () => Promise.resolve(new MemoryLedger())],
  ["FileLedger", async () => new FileLedger(await scratch())],
])("%s gives the entries in the order in which they came", async (_name, make) => {
  const ledger = await make();
  const held = await ledger.open("ann");
  const entry = (id: string) => ({ id, status: "delivered", firstSeen: 1 }) as const;
  await held.record({ entries: ["c", "a", "b"].map(entry) });
  await held.record({ entries: ["a", "0"].map(entry), forgotten: ["b"] });
  await held.close();
  const again = await ledger.open("ann");
  expect([...(await again.load()).keys()]).toEqual(["c", "a", "0"]);
  await again.close();
  expect([...(await ledger.read("ann")).entries.keys()]).toEqual(["c", "a", "0"]);
});
