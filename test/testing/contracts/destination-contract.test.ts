// The contract of destinations passes for a correct destination, and finds each flaw of a broken one.
import { AssertionError } from "node:assert";
import { describe, expect, test } from "vitest";
import {
  destinationContract,
  type ContractCase,
  type DestinationContractOptions,
} from "../../../src/testing/index.ts";
import { failureOf, useless } from "./failure-of.ts";
import { StoreLedger } from "./store-ledger.ts";
import { Place, StoreDestination, type DestinationFlaw, type Kind } from "./store-destination.ts";

const OPTIONS: DestinationContractOptions<StoreDestination> = {
  messages: ({ place }) => place.messages.map(({ octets }) => octets),
  keeps: "bytes",
  contents: ({ place }) => [...place.messages.map(({ key }) => key), ...place.temporary],
  knowsKeys: true,
  respectsFences: true,
  reopen: ({ place, kind, flaw }) => new StoreDestination(place, kind, flaw),
  failWrites({ place }) {
    place.isFull = true;
    return () => (place.isFull = false);
  },
  refuse: ({ place }, key) => void place.refused.add(key),
};

const GROUP: Kind = { group: { messages: 5, bytes: 1_000_000 } };

/** A destination in the same database as its ledger. */
const WITH_LEDGER: DestinationContractOptions<StoreDestination> = {
  ...OPTIONS,
  ledger: ({ place }) => new StoreLedger(place.store),
};

describe.each([
  ["alone", {}, OPTIONS],
  ["in groups", GROUP, OPTIONS],
  ["with the ledger that it is given", { ...GROUP, records: true }, OPTIONS],
  ["with the ledger of its database", { ...GROUP, records: true }, WITH_LEDGER],
] as const)("a correct destination that stores messages %s passes", (_how, kind, options) => {
  const make = (): StoreDestination => new StoreDestination(new Place(), kind);
  const cases = destinationContract(make, options);
  const isAbout = (name: string): boolean => "group" in kind || !name.includes("a group, if one is declared");
  for (const { name, run } of cases.filter((each) => isAbout(each.name))) test(name, run);
});

/** Each flaw, the case that finds it, and what the case says. */
const FLAWS: Readonly<Record<DestinationFlaw, readonly [name: string, how: RegExp]>> = {
  "line ends are converted": [
    "a message is kept as the destination says: bare CR and LF",
    /after commit\(\), a message of 16 bytes was not kept: at byte 6 the place has .*, and not .* \(it has 14 bytes\)/,
  ],
  "a line end is added": [
    "a message is kept as the destination says: no line end at the end",
    /a message of 23 bytes was not kept: at byte 23 the place has "\\x0d\\x0a", and not the end \(it has 25 bytes\)/,
  ],
  "text is decoded": [
    "a message is kept as the destination says: bytes that are not UTF-8",
    /a message of 24 bytes was not kept: at byte 10/,
  ],
  "the first piece is lost": [
    "a message is kept however it comes: in pieces of 1 byte",
    /after messages that came in pieces of 1 byte, a message of 23 bytes was not kept: at byte 0/,
  ],
  "abort leaves the message": [
    "abort() leaves nothing of a message: after all of it",
    /after abort\(\), 1 messages must be stored \(there are 2\)/,
  ],
  "abort leaves a temporary file": [
    "abort() leaves nothing of a message: before the first byte",
    /after abort\(\), the place must have what it had before: there is [0-9a-f]{64}\.\d+ more, and nothing less/,
  ],
  "abort leaves a temporary file after prepare": [
    "abort() leaves nothing of a message: after prepare()",
    /after abort\(\), the place must have what it had before/,
  ],
  "abort rejects": [
    "abort() leaves nothing of a message: after a part of it",
    /abort\(\) of "aborted" must resolve, but rejected with Error "nothing to abort"/,
  ],
  "a message shows before commit": [
    "a message is stored when commit() has resolved, and not before",
    /after write\(\), 0 messages must be stored/,
  ],
  "a known message is stored again": [
    "a message that comes again is known, and stored once",
    /the delivery of "first", which is stored already, must give "known" \(got "new"\)/,
  ],
  "a known message is replaced": [
    "a message that comes again is known, and stored once",
    /the delivery of "first", which is stored already, must give "known" \(got "new"\)/,
  ],
  "two at once are stored twice": [
    "a message that comes twice at the same time is stored once",
    /3 deliveries of the same key at the same time must give "new" once \(got it 3 times\)/,
  ],
  "keys are cut": [
    "keys that differ in one digit name different messages",
    /the delivery of "key 1", which is new, must give "new" \(got "known"\)/,
  ],
  "keys are forgotten after a restart": [
    "a message that comes again after a restart is known",
    /the delivery of "first", which is stored already, must give "known" \(got "new"\)/,
  ],
  "an aborted key is known": [
    "an aborted message is not known when it comes again",
    /the delivery of "first", which is new, must give "new" \(got "known"\)/,
  ],
  "results of a group are mixed up": [
    "each commit() of a group, if one is declared, settles with the result of its own message, in order",
    /the results of a group must be those of its messages: commit\(\) of "[\w ]+" must resolve with "(?:new|known)"/,
  ],
  "a group settles out of order": [
    "each commit() of a group, if one is declared, settles with the result of its own message, in order",
    /the calls of commit\(\) of a group must settle in order: new 0, known, new 1, .* \(they settled as /,
  ],
  "a group fails together": [
    "a message of a group, if one is declared, that is refused fails alone",
    /if one message of a group is refused, the others must be stored: "message \d" was rejected with DestinationError/,
  ],
  "a group waits until it is full": [
    "commit() settles although no other message comes",
    /commit\(\) of "alone" did not end within 30000 ms \(the option timeout\)/,
  ],
  "a group loses its last message": [
    "messages of a mailbox come one after the other, or in the groups that the destination declares",
    /after 30 messages, 30 messages must be stored \(there are 27\)/,
  ],
  "abort ends the group": [
    "a message of a group, if one is declared, that is aborted leaves the others as they are",
    /Error "ended"/,
  ],
  "recorded without a record": [
    "commit() that answers { recorded }, if it does, has recorded the entry that it was given",
    /commit\(\) has answered \{ recorded \}, but the ledger has no entry of the message/,
  ],
  "recorded without the headers": [
    "commit() that answers { recorded }, if it does, has recorded the entry that it was given",
    /commit\(\) has answered \{ recorded \}, but the entry in the ledger is not the one it was given/,
  ],
  "a refused message is recorded": [
    "a message that is refused leaves nothing, and others are stored",
    /the ledger must have no entry of a message that is not stored: it would never be fetched again/,
  ],
  "a refused message is stored": [
    "a message that is refused leaves nothing, and others are stored",
    /after a message was refused, 1 messages must be stored \(there are 2\)/,
  ],
  "a failed write leaves a part": [
    "a write that fails leaves nothing, and the message can come again",
    /after a write has failed, the place must have what it had before/,
  ],
  "a failed write is stored": [
    "a write that fails leaves nothing, and the message can come again",
    /a delivery whose writes fail must reject, but resolved with new/,
  ],
  "a stale fence is accepted": [
    "a run with a smaller fence than an earlier one of the same mailbox is refused",
    /a delivery with a smaller fence must reject, but resolved with new/,
  ],
  "a late stale fence is accepted": [
    "a run that has lost its mailbox in the middle of a message is refused",
    /commit\(\) with a smaller fence must reject, but resolved with new/,
  ],
  "fences are forgotten after a restart": [
    "fences are remembered over a restart",
    /a delivery with a smaller fence, after a restart must reject, but resolved with new/,
  ],
  "one fence for all mailboxes": [
    "a run with a smaller fence than an earlier one of the same mailbox is refused",
    /the delivery of "other" must succeed, but was rejected with DestinationError/,
  ],
  "commit answers nothing": [
    "a message is stored when commit() has resolved, and not before",
    /commit\(\) of "first" must resolve with "new", "known" or \{ recorded \} \(got undefined\)/,
  ],
  "a writer without abort": [
    "a message is stored when commit() has resolved, and not before",
    /begin\(\) must resolve with "known" or a writer, and the writer has no method abort/,
  ],
  "headers are not stored": [
    "a message of which only the headers come is stored like any other",
    /after both, 2 messages must be stored \(there are 1\)/,
  ],
  "one buffer for all writers": [
    "messages of several mailboxes may come at the same time",
    /after messages of several mailboxes, a message of .* was not kept/,
  ],
  "an aborted commit leaves the message in doubt": [
    "an aborted signal ends a delivery, which is then stored as a whole or not at all",
    /after the signal was aborted at begin, 0 messages must be stored \(there are 1\)/,
  ],
  "the group has no number": [
    "messages of a mailbox come one after the other, or in the groups that the destination declares",
    /group\.messages must be a whole number >= 1 \(got NaN\)/,
  ],
};

/** The contract of a destination with a flaw. */
function contractOf(flaw: string): ContractCase[] {
  const make = (): StoreDestination => new StoreDestination(new Place(), GROUP, flaw as DestinationFlaw);
  return destinationContract(make, OPTIONS);
}

describe("the contract of destinations finds that", () => {
  test.each(Object.entries(FLAWS))("%s", async (flaw, [name, how]) => {
    const failure = await failureOf(contractOf(flaw), name);
    expect(failure).toBeInstanceOf(AssertionError);
    expect(failure?.message).toMatch(how);
    expect(failure?.message).toContain(`Broken promise: ${name}. How: `);
  });
});

test("each case of the contract of destinations finds some flaw", async () => {
  const names = contractOf("").map(({ name }) => name);
  expect(await useless(names, FLAWS, contractOf)).toEqual([]);
});
