// The cases that each runner is given: a ledger that shares nothing, and, on demand, one with a flaw.
import { ledgerContract, type ContractCase } from "../../../../src/testing/index.ts";
import { Store, StoreLedger, type LedgerFlaw } from "../store-ledger.ts";

const flaw = process.env["CONTRACT_FLAW"] as LedgerFlaw | undefined;

export const cases: readonly ContractCase[] = ledgerContract(() => new StoreLedger(new Store(), flaw), {
  expire: ({ store }, mailbox) => store.expire(mailbox),
});
