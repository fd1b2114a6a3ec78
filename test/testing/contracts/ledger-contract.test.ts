// The contract of ledgers passes for a correct ledger, and finds each flaw of a broken one.
import { AssertionError } from "node:assert";
import { describe, expect, test } from "vitest";
import { ledgerContract, type ContractCase, type LedgerContractOptions } from "../../../src/testing/index.ts";
import { Store, StoreLedger, type LedgerFlaw } from "./store-ledger.ts";
import { failureOf, useless } from "./failure-of.ts";

const OPTIONS: LedgerContractOptions<StoreLedger> = {
  reopen: ({ store, flaw }) =>
    new StoreLedger(flaw === "each process has a store of its own" ? new Store() : store, flaw),
  expire: ({ store }, mailbox) => store.expire(mailbox),
  failWrites({ store }) {
    store.isFull = true;
    return () => (store.isFull = false);
  },
  tear: ({ store, flaw }, mailbox) => store.tear(mailbox, flaw),
  noticesLoss: true,
  loneSurrogates: true,
};

describe("a correct ledger passes", () => {
  for (const { name, run } of ledgerContract(() => new StoreLedger(), OPTIONS)) test(name, run);
});

/** Each flaw, the case that finds it, and what the case says. */
const FLAWS: Readonly<Record<LedgerFlaw, readonly [name: string, how: RegExp]>> = {
  "the fence is always the same": [
    "the fence of a mailbox grows with each open()",
    /after open\(\) number 2, the fence is 7, and was 7 before: it must grow/,
  ],
  "the fence begins again after delete": [
    "the fence grows after delete(), if the ledger has it",
    /after delete\(\), the fence is 1, and was 1 before: it must grow, as a destination may remember the last one/,
  ],
  "a stale run writes": [
    "a run that has lost its mailbox records nothing",
    /record\(\) of a run that has lost its mailbox must reject, but resolved/,
  ],
  "load gives the live Map": [
    "load() gives a Map that belongs to the caller",
    /after the caller has changed its Map, read\(\) gives no entry "a"; an entry "c" that it must not have/,
  ],
  "the state is live": [
    "the state of an open mailbox is the one from when it was opened",
    /after a record, the open mailbox has the state \{"lastRun":1\}, and not \{\}/,
  ],
  "close forgets its changes": [
    "close(changes) records the changes, and then releases the mailbox",
    /after close\(changes\), the next open\(\) gives no entry "a"/,
  ],
  "two holders": [
    "of many opens at the same time exactly one gets the mailbox",
    /15 calls of open\("ann@pop\.example\.com:995"\) at the same time gave \d+ holders, and must give one/,
  ],
  "record in two steps": [
    "record() changes entries and state together",
    /read\(\) during a record must give the entries and the state from before it, or those from after it/,
  ],
  "half of a torn write counts": [
    "a write that was torn counts as a whole or not at all, and nothing before it is lost",
    /after the last write was torn, the next open\(\) gives the state \{"lastRun":2\}, and not \{"lastRun":1\}/,
  ],
  "open ignores its signal": [
    "open() with a signal that is aborted rejects, and holds nothing",
    /open\(\) with an aborted signal must reject, but resolved/,
  ],
  "an aborted open keeps the mailbox": [
    "open() whose signal is aborted on the way holds the mailbox only if it resolves",
    /open\("ann@pop\.example\.com:995"\) must resolve, but rejected with Pop3Error POP3_MAILBOX_BUSY/,
  ],
  "the state is merged": [
    "the state is replaced as a whole, and stays if a record has none",
    /after the record of a smaller state, read\(\) gives the state .*, and not \{"lastRun":2\}/,
  ],
  "an entry is merged": [
    "an entry replaces the one with the same id as a whole",
    /after one was replaced and one forgotten, read\(\) gives a different entry "0000000a4b2c": /,
  ],
  "unknown fields are dropped": [
    "fields of later versions are kept",
    /after a record with a field that this version does not know, read\(\) gives a different entry "a"/,
  ],
  "names without case": [
    "each mailbox has entries and a state of its own",
    /open\("Ann@pop\.example\.com:995"\) must resolve, but rejected with Pop3Error POP3_MAILBOX_BUSY/,
  ],
  "the second close releases the next run": [
    "close() may be called again: it does nothing, also if another run holds the mailbox",
    /open\("ann@pop\.example\.com:995"\) after a run before was closed again must reject, but resolved/,
  ],
  "a failed close keeps the mailbox": [
    "close(changes) that cannot write rejects, and releases the mailbox",
    /open\("ann@pop\.example\.com:995"\) must resolve, but rejected with Pop3Error POP3_MAILBOX_BUSY/,
  ],
  "a failed record is half made": [
    "record() that cannot write rejects, and what was recorded before stays",
    /after a record that has failed, read\(\) gives a different entry "a"/,
  ],
  "takenOver is always false": [
    "takenOver is true after a run that has not closed the mailbox, and what it recorded is there",
    /open\(\) must give takenOver: true, because the last run has not closed the mailbox/,
  ],
  "takenOver after a good close": [
    "takenOver is false after a run that has closed the mailbox",
    /open\(\) must give takenOver: false, because the last run has closed the mailbox/,
  ],
  "lost is never aborted": [
    "a run that has lost its mailbox learns it from confirm(), if there is one, and from lost",
    /lost must be aborted after record\(\) has rejected with POP3_LEASE_LOST/,
  ],
  "lost without a reason": [
    "a run that has lost its mailbox learns it from confirm(), if there is one, and from lost",
    /the reason of lost must be an error with the code POP3_LEASE_LOST/,
  ],
  "read holds the mailbox": [
    "read() gives the last record, and holds nothing",
    /open\("ann@pop\.example\.com:995"\) must resolve, but rejected with Pop3Error POP3_MAILBOX_BUSY/,
  ],
  "read makes a mailbox known": [
    "read() of a mailbox that is not known makes nothing known",
    /mailboxes\(\) must not list a mailbox that was only read/,
  ],
  "read gives the live Map": [
    "read() gives a copy that later records do not change",
    /after a later record, the result of read\(\) has no entry "a"/,
  ],
  "rename loses the keyName": [
    "rename(), if the ledger has it, moves entries and state, and keeps the name in the keys",
    /the keyName must stay "ann@pop\.example\.com:995" after rename\(\), or a destination stores all messages again/,
  ],
  "rename overwrites": [
    "rename(), if the ledger has it, overwrites nothing, and respects a run that holds a mailbox",
    /rename\(\) to a mailbox that knows messages must reject, but resolved/,
  ],
  "delete ignores the holder": [
    "delete(), if the ledger has it, forgets one mailbox, unless a run holds it",
    /delete\(\) of a mailbox that a run holds must reject, but resolved/,
  ],
  "records out of order": [
    "records that overlap are made in the order of the calls",
    /after 200 records that overlap, read\(\) gives/,
  ],
  "close does not wait": [
    "close() waits for the records before it",
    /close\(\) must resolve after the 10 records before it/,
  ],
  "NUL is cut": [
    "entries and state come back exactly as they were recorded",
    /after a record, read\(\) gives no entry "\\u00005d5d/,
  ],
  "half a character is replaced": [
    "texts may have surrogates without their partner",
    /after a record, read\(\) gives no entry "\\ud800"/,
  ],
  "each process has a store of its own": [
    "what was recorded is there in another process, and after a restart",
    /in another process, read\(\) gives no entry "0000000a4b2c"/,
  ],
  "numbers are rounded": [
    "entries and state come back exactly as they were recorded",
    /after a record, read\(\) gives the state .*"interval":938.*, and not .*"interval":937.5/,
  ],
  "busy without a code": [
    "a mailbox is held by one run at a time",
    /must reject with the code POP3_MAILBOX_BUSY, but rejected with Error "busy"/,
  ],
  "a failure without a code": [
    "record() that cannot write rejects, and what was recorded before stays",
    /record\(\) that cannot write must reject with the code POP3_LEDGER, but rejected with Error "full"/,
  ],
  "open waits for the holder": [
    "a mailbox is held by one run at a time",
    /open\("ann@pop\.example\.com:995"\) while a run holds the mailbox did not end within 30000 ms \(the option timeout\)/,
  ],
  "record after close": [
    "record() after close() is refused, and records nothing",
    /record\(\) after close\(\) must reject, but resolved/,
  ],
  "a stale close releases the mailbox": [
    "close() of a run that has lost its mailbox leaves it to the run that holds it",
    /after a run that had lost the mailbox was closed must reject, but resolved/,
  ],
  "mailboxes never held": [
    "mailboxes(), if the ledger has it, lists each known mailbox with its state, and whether it is held",
    /mailboxes\(\) must list "ann@pop\.example\.com:995" with held: true, because a run holds it/,
  ],
  "confirm always rejects": [
    "confirm() resolves while the run holds the mailbox, if there is one",
    /confirm\(\) must resolve, but rejected with LedgerError POP3_LEASE_LOST/,
  ],
};

/** The contract of a ledger with a flaw. */
function contractOf(flaw: string): ContractCase[] {
  return ledgerContract(() => new StoreLedger(undefined, flaw as LedgerFlaw), OPTIONS);
}

describe("the contract of ledgers finds that", () => {
  test.each(Object.entries(FLAWS))("%s", async (flaw, [name, how]) => {
    const failure = await failureOf(contractOf(flaw), name);
    expect(failure).toBeInstanceOf(AssertionError);
    expect(failure?.message).toMatch(how);
    expect(failure?.message).toContain(`Broken promise: ${name}. How: `);
  });
});

test("each case of the contract of ledgers finds some flaw", async () => {
  const names = contractOf("").map(({ name }) => name);
  expect(await useless(names, FLAWS, contractOf)).toEqual([]);
});
