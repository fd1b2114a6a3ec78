// Names, entries and states as databases store them. Oracles: what is written is read again; a stored name has no character
// that a database refuses, cuts at or changes; different names have different forms, and different keys.
import { entriesFrom, fieldOf, keysOf, nameFrom, stateFrom } from "../../../src/redis/records.ts";
import { decodeText, encodeText } from "../../../src/store/text.ts";
import { entryFrom } from "../ledger-entry.ts";
import { expectSame, expectThat, isWellFormed } from "../oracle.ts";

export const FILES: readonly string[] = ["redis/records", "store/text"];
export const TOKENS: readonly string[] = [
  ...[
    "\0",
    "\ud83d",
    "\\u0000",
    "\\",
    '"',
    "\n",
    "{",
    "}",
    "\xed\xa0\x80",
    "\xef\xbf\xbd",
    "__proto__",
    ":entries",
  ],
].map((each) => Buffer.from(each).toString("latin1"));

export function fuzz(data: Buffer): void {
  // Halves of surrogate pairs, too: a server's name for a message may have any octet, but a caller's name any unit.
  const units = Array.from({ length: data.length >> 1 }, (_, at) =>
    String.fromCharCode(data.readUInt16BE(2 * at)),
  );
  const names = [...data.toString("utf8").split("\n").slice(0, 6), units.join("")];
  for (const name of names) {
    const form = encodeText(name);
    expectSame(decodeText(form), name, "a name written and read again");
    expectThat(!/[\0-\x1f]/.test(form) && isWellFormed(form), "a name that a database changes", form);
    if (name !== "") expectSame(nameFrom(form), name, "a name of Redis");
  }
  const distinct = [...new Set(names)];
  expectSame(new Set(distinct.map(encodeText)).size, distinct.length, "the forms of different names");
  const keys = distinct.map((name) => keysOf("p:", name).mailbox);
  expectSame(new Set(keys).size, distinct.length, "the keys of different names");
  for (const key of keys) expectThat(/^p:\{[\w-]{22}\}$/.test(key), "a key", key);

  const entries = distinct.map((id, at) => ({ ...entryFrom(data, at, id), reason: names[at] as string }));
  const read = entriesFrom(entries.flatMap(fieldOf));
  expectSame(read, new Map(entries.map((entry) => [entry.id, entry])), "entries written and read again");
  const state = { lastRun: data.length, listing: names[0] as string };
  expectSame(stateFrom(JSON.stringify(state)), state, "a state written and read again");
  expectSame([stateFrom(""), nameFrom("")], [{}, undefined], "what is not stored");
}

export function parse(data: Buffer): void {
  decodeText(encodeText(data.toString("utf8")));
}
