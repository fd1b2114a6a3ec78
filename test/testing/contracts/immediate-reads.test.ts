// The contract of ledgers ends if reads settle at once and records need the event loop, as with a synchronous database.
import { setImmediate as turn } from "node:timers/promises";
import { test } from "vitest";
import { MemoryLedger, type LedgerChanges, type MailboxLedger } from "../../../src/fetch/index.ts";
import { ledgerContract } from "../../../src/testing/index.ts";

class LateRecords extends MemoryLedger {
  override async open(...args: Parameters<MemoryLedger["open"]>): Promise<MailboxLedger> {
    const held = await super.open(...args);
    const record = held.record.bind(held);
    let last: Promise<unknown> = Promise.resolve();
    return Object.assign(held, {
      record(changes: LedgerChanges): Promise<void> {
        const recorded = last.then(() => turn()).then(() => record(changes));
        last = recorded.catch(() => undefined);
        return recorded;
      },
    });
  }
}

const name = "record() changes entries and state together";
for (const each of ledgerContract(() => new LateRecords())) if (each.name === name) test(name, each.run);
