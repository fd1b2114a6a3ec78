// The ledger of examples/ledgers passes the contract that its comments promise.
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { DocumentLedger, type Documents } from "../../../examples/ledgers/document-ledger.ts";
import { ledgerContract, type ContractCase } from "../../../src/testing/index.ts";

/** A store that answers later, and may be down. */
class MemoryDocuments implements Documents {
  readonly #documents: Map<string, { readonly text: string; readonly version: string }> = new Map();
  isDown = false;
  /** Whether entries and states cannot be changed: they are as large as a document may be. */
  isFull = false;

  async read(name: string): ReturnType<Documents["read"]> {
    await turn();
    if (this.isDown) throw new Error("down");
    return this.#documents.get(name);
  }

  async write(name: string, text: string, version: string | undefined): Promise<boolean> {
    await turn();
    if (this.isDown) throw new Error("down");
    const before = this.#documents.get(name);
    if (this.isFull && contentsOf(text) !== contentsOf(before?.text ?? "{}")) throw new Error("too large");
    if (before?.version !== version) return false;
    this.#documents.set(name, { text, version: String(Number(before?.version ?? 0) + 1) });
    return true;
  }

  /** Makes the lease of a mailbox run out. */
  expire(name: string): void {
    const { text, version } = this.#documents.get(name) ?? { text: "{}", version: "0" };
    const contents = JSON.parse(text) as object;
    this.#documents.set(name, { text: JSON.stringify({ ...contents, until: 0 }), version });
  }
}

function contentsOf(text: string): string {
  const { entries, state } = JSON.parse(text) as { entries?: unknown; state?: unknown };
  return JSON.stringify({ entries, state });
}

/** A ledger, with its store for the functions below. */
function at(store: MemoryDocuments): DocumentLedger & { readonly store: MemoryDocuments } {
  return Object.assign(new DocumentLedger(store, { heartbeat: 10 }), { store });
}

const cases = ledgerContract(() => at(new MemoryDocuments()), {
  reopen: ({ store }) => at(store),
  expire: ({ store }, mailbox) => store.expire(mailbox),
  failWrites({ store }) {
    store.isFull = true;
    return () => (store.isFull = false);
  },
  noticesLoss: true,
});
const isAbout = ({ name, notRun }: ContractCase): boolean =>
  notRun === undefined && !/(?:mailboxes|delete|rename)\(\), if the ledger has it/.test(name);
for (const { name, run } of cases.filter(isAbout)) test(name, run);

test("a store that does not answer is a temporary error", async () => {
  const documents = new MemoryDocuments();
  documents.isDown = true;
  const failure = { name: "LedgerError", code: "POP3_LEDGER", temporary: true };
  await expect(at(documents).open("ann")).rejects.toMatchObject(failure);
  await expect(at(documents).read("ann")).rejects.toMatchObject(failure);
});

test("a run whose store does not answer until its lease has run out has lost the mailbox", async () => {
  const documents = new MemoryDocuments();
  const held = await new DocumentLedger(documents, { lease: 1, heartbeat: 1 }).open("ann");
  documents.isDown = true;
  await new Promise((resolve) => held.lost.addEventListener("abort", resolve));
  expect(held.lost.reason).toMatchObject({ code: "POP3_LEASE_LOST" });
});
