// MemoryLedger and FileLedger pass the contract of ledgers, and keep the order of the entries.
import { mkdtemp, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { FileLedger, MemoryLedger, type Ledger } from "../../../src/fetch/index.ts";
import { fileName } from "../../../src/fetch/ledger/file-name.ts";
import { ledgerContract } from "../../../src/testing/index.ts";
import { fileHandles, systemError } from "../../support/file-handles.ts";
import { silence } from "../../support/holders.ts";
import { scratch } from "../../support/scratch.ts";

const STALE = 60_000;

const inMemory = ledgerContract(() => new MemoryLedger(), { loneSurrogates: true });
const inFiles = ledgerContract(async () => reopened(await mkdtemp(join(tmpdir(), "popwright-ledger-"))), {
  reopen: ({ directory }) => reopened(directory),
  // Windows does not let a lock be replaced that this process has open.
  ...(process.platform !== "win32" && { expire }),
  failWrites: fillDisk,
  async tear({ directory }, mailbox) {
    const journal = fileOf(directory, mailbox, "journal");
    await truncate(journal, (await stat(journal)).size - 5);
  },
  noticesLoss: true,
  loneSurrogates: true,
  remove: ({ directory }) => rm(directory, { recursive: true }),
});

/** Renews its locks often: it learns soon that another run has a mailbox. */
function reopened(directory: string): FileLedger {
  return new FileLedger(directory, { heartbeat: 50, stale: STALE });
}

function fileOf(directory: string, mailbox: string, kind: "journal" | "lock"): string {
  return join(directory, `${fileName(mailbox)}.${kind}`);
}

function expire({ directory }: FileLedger, mailbox: string): Promise<void> {
  return silence(fileOf(directory, mailbox, "lock"), STALE + 1000);
}

async function fillDisk(): Promise<() => void> {
  const handles = await fileHandles();
  const spies = (["datasync", "sync"] as const).map((name) =>
    vi.spyOn(handles, name).mockRejectedValue(systemError("ENOSPC")),
  );
  return () => {
    for (const spy of spies) spy.mockRestore();
  };
}

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

describe("FileLedger", () => {
  for (const { name, run } of inFiles.filter(({ notRun }) => notRun === undefined)) test(name, run);

  test("leaves no case out, where locks can be replaced", () => {
    const left = inFiles.filter(({ notRun }) => notRun !== undefined);
    expect(left.length).toBe(process.platform === "win32" ? 7 : 0);
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
