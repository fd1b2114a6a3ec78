// The journal of an ImapAppend: what it says after a crash at any octet, after damage, and after 50,000 messages.
import { describe, expect, test } from "vitest";
import {
  decodeAppends,
  encodeAppends,
  KEPT,
  textOf,
  type AppendContents,
} from "../../../../src/fetch/destinations/imap/append-state.ts";
import { encodeLine } from "../../../../src/fetch/ledger/journal-line.ts";

const TARGET = "ann@imap.example.com:993/Käse";
const decode = (octets: Buffer | string): AppendContents =>
  decodeAppends("/state/a.journal", TARGET, Buffer.from(octets));
const EMPTY = encodeAppends(TARGET, decode(""));
const LINES = [
  textOf({ validity: "7" }),
  textOf({ begun: "a", from: 5, digest: "da" }),
  textOf({ done: "a", uid: 5 }),
  textOf({ begun: "b", from: 6, digest: "db" }),
  textOf({ begun: "c", from: 6, digest: "dc" }),
  textOf({ dropped: "c" }),
].map((text) => encodeLine(text, true));
const JOURNAL = EMPTY + LINES.join("");

describe("a journal", () => {
  test("says what is in the folder", () => {
    const { state, lines, length } = decode(JOURNAL);
    expect([...state.entries]).toEqual([
      ["a", { isDone: true, uid: 5, from: 5, digest: "da" }],
      ["b", { isDone: false, uid: undefined, from: 6, digest: "db" }],
    ]);
    expect([state.validity, state.next, lines, length]).toEqual(["7", 6, LINES.length + 1, JOURNAL.length]);
  });

  test("is the same after it was written again", () => {
    const before = decode(JOURNAL);
    const after = decode(encodeAppends(TARGET, before));
    expect([...after.state.entries]).toEqual([...before.state.entries]);
    expect(after.state.validity).toBe("7");
    expect(after.lines).toBe(2 + after.entries.size);
  });

  test("that is cut at any octet says what was written before", () => {
    for (let cut = 0; cut <= JOURNAL.length; cut++) {
      const { state, length } = decode(JOURNAL.slice(0, cut));
      const whole = LINES.filter((_, at) => EMPTY.length + LINES.slice(0, at + 1).join("").length <= cut);
      const expected = decode(EMPTY + whole.join(""));
      expect([...state.entries]).toEqual([...expected.state.entries]);
      expect(length).toBe(cut < EMPTY.length ? 0 : expected.length);
      // A power loss may leave zeros.
      expect(decode(JOURNAL.slice(0, cut) + "\0".repeat(20)).length).toBe(length);
    }
  });

  test.each([
    ["damage in the middle", JOURNAL.replace('"da"', '"xa"'), /line 3 is damaged/],
    ["an unknown line", EMPTY + encodeLine('{"later":1}', true), /line 2 is damaged/],
    [
      "another folder",
      encodeAppends("bea@imap.example.com:993/INBOX", decode("")),
      /belongs to another folder/,
    ],
    [
      "a newer version",
      encodeLine(`{"popwright":"imap-append","version":2,"target":"x"}`, true),
      /newer version/,
    ],
    ["another file", "Subject: mail\r\n\r\n", /line 1 is damaged/],
    ["a ledger", encodeLine('{"popwright":"ledger","version":1,"mailbox":"x"}', true), /line 1 is damaged/],
  ])("with %s is not used", (_, text, message) => {
    expect(() => decode(text)).toThrow(message);
    expect(() => decode(text)).toThrow(expect.objectContaining({ down: true }));
  });

  test("remembers the last 50,000 messages", () => {
    const { state } = decode("");
    for (let at = 0; at < KEPT + 10; at++)
      state.apply({ done: `key ${at}`, uid: at + 1, from: 1, digest: "" });
    state.trim();
    expect([...state.entries.keys()].slice(0, 1)).toEqual(["key 10"]);
    expect(state.entries.size).toBe(KEPT);
  });
});

describe("UIDs", () => {
  test("of messages that are known are claimed", () => {
    const { state } = decode(JOURNAL);
    expect([...state.claimed(5)]).toEqual([5]);
    expect([...state.claimed(6)]).toEqual([]);
  });

  test("say nothing any more when UIDVALIDITY has changed", () => {
    const { state } = decode(JOURNAL + encodeLine(textOf({ validity: "8" }), true));
    expect([...state.entries.values()]).toEqual([
      { isDone: true, uid: undefined, from: 1, digest: "da" },
      { isDone: false, uid: undefined, from: 1, digest: "db" },
    ]);
    expect([state.next, state.unnumbered("da", 1), state.unnumbered("db", 1)]).toEqual([1, 1, 0]);
  });

  test("that are not known are counted from the first possible one on", () => {
    const { state } = decode("");
    state.apply({ begun: "a", from: 5, digest: "d" });
    state.apply({ done: "a" });
    expect([state.unnumbered("d", 5), state.unnumbered("d", 6), state.unnumbered("e", 5)]).toEqual([1, 0, 0]);
  });
});
