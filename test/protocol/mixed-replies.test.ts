// The reply to another command inside a message: found wherever it stands, and only if the size is wrong as well.
import fc from "../support/fast-check.ts";
import { expect, test } from "vitest";
import { MixedReplies } from "../../src/protocol/mixed-replies.ts";
import { always, octets } from "../support/octets.ts";

interface Given {
  readonly line?: string;
  readonly listed?: number | "unknown";
}

function isFound(
  text: string | readonly string[],
  { line = "+OK 104 octets", listed = 1 }: Given = {},
): boolean {
  const mixed = new MixedReplies(octets(line), listed === "unknown" ? undefined : listed);
  for (const piece of typeof text === "string" ? [text] : text) mixed.look(octets(piece));
  return mixed.found;
}

const inPieces = (text: string, size: number): string[] =>
  Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
    text.slice(index * size, (index + 1) * size),
  );

const OTHER = "+OK 83 octets\r\n";

test.each([
  ["at its end", `Subject: a\r\n\r\nworld\r\n${OTHER}`],
  ["at its end, after a line without an end", `world${OTHER}\r\n`],
  ["in the middle of it", `one\r\n${OTHER}two\r\n`],
  ["in the middle of a line", `one${OTHER}two\r\n`],
  ["at its beginning", `${OTHER}two\r\n`],
  ["after what only begins like it", `+OK +OK8 ${OTHER}two\r\n`],
  ["a refusal at its end", "one\r\n-ERR no such message\r\n"],
  ["a refusal alone", "-ERR\r\n"],
  ["another form at its end", "one\r\n+OK message follows\r\n"],
])("it is found: %s", (_, text) => {
  expect(isFound(text)).toBe(true);
  // The message is as large as LIST said, or the reply itself.
  expect(isFound(text, { listed: text.length })).toBe(false);
  expect(isFound(text, { line: `+OK ${text.length} octets` })).toBe(false);
});

test.each([
  ["a refusal in the middle of it", "one\r\n", "-ERR [SYS/TEMP] not now\r\n", "two\r\n"],
  ["a refusal in the middle of a line", "one", "-ERR\r\n", " two\r\n"],
  ["a refusal at its beginning", "", "-ERR no such message\r\n", "Subject: two\r\n"],
  ["another form in the middle of it", "one\r\n", "+OK message follows\r\n", "two\r\n"],
])("it is found by the size of the message without it: %s", (_, before, line, after) => {
  const text = before + line + after;
  const listed = before.length + after.length;
  for (const given of [{ listed }, { line: `+OK ${String(listed)} octets` }]) {
    expect(isFound(text, given)).toBe(true);
    for (let cut = 0; cut <= text.length; cut++)
      expect(isFound([text.slice(0, cut), text.slice(cut)], given)).toBe(true);
  }
  for (const other of [listed - 1, listed + 1]) expect(isFound(text, { listed: other })).toBe(false);
});

test.each([
  ["no such line", "one\r\ntwo\r\n"],
  ["another form in the middle of it", "one\r\n+OK message follows\r\ntwo\r\n"],
  ["quoted", "one\r\n> -ERR no such message\r\n"],
  ["a longer word", "one\r\n+OKAY\r\n"],
  ["no end of the line", "one\r\n+OK 83 octets"],
  ["a line that is too long for a reply", `one\r\n+OK ${"8".repeat(600)} octets\r\ntwo\r\n`],
  ["a line without the number", "one\r\n+OK  octets\r\ntwo\r\n"],
  ["nothing at all", ""],
])("it is not found: %s", (_, text) => {
  expect(isFound(text)).toBe(false);
  for (const size of [1, 4, 100, 600]) expect(isFound(inPieces(text, size))).toBe(false);
});

test("it is found far from the start of a piece", () => {
  const text = `${"x".repeat(600)}${OTHER}${"y".repeat(600)}`;
  expect(isFound(text)).toBe(true);
  expect(isFound(["one\r\n", text])).toBe(true);
});

test("it is found between two long pieces, and at the end of a long one", () => {
  const long = "x".repeat(600);
  for (let cut = 0; cut <= OTHER.length; cut++)
    expect(isFound([`${long}${OTHER.slice(0, cut)}`, `${OTHER.slice(cut)}${long}`])).toBe(true);
  expect(isFound(["one\r\n", `${long}\r\n+OK message follows\r\n`])).toBe(true);
  expect(isFound([long, "\r\n-ERR no", " such message\r\n"])).toBe(true);
});

test("the longest status line has 512 octets", () => {
  const line = (number: string, length: number): string =>
    `+OK ${number} ${"x".repeat(length - 5 - number.length)}`;
  for (const [length, found] of [
    [511, true],
    [512, true],
    [513, false],
  ] as const)
    expect(isFound(`${line("83", length)}\r\ntwo\r\n`, { line: line("85", length) })).toBe(found);
});

test("without any size, nothing is wrong", () => {
  expect(isFound(`one\r\n${OTHER}`, { line: "+OK", listed: "unknown" })).toBe(false);
  expect(isFound(`one\r\n${OTHER}`, { listed: "unknown" })).toBe(true);
  expect(new MixedReplies(octets("+OK follows"), undefined).isExpected(5)).toBe(true);
  expect(new MixedReplies(octets("+OK 6 octets"), 5).isExpected(5)).toBe(true);
});

test("a reply without a number is looked for at the end only", () => {
  for (const line of ["+OK", "+OK message follows"]) {
    expect(isFound(`one\r\n${line}\r\n`, { line })).toBe(true);
    expect(isFound(`one\r\n${line}\r\ntwo\r\n`, { line })).toBe(false);
  }
});

test("it is found across the pieces of a stream, however they are cut", () => {
  const around = fc.string({ unit: fc.constantFrom("a", "+", "O", "K", "\r\n", " ", "8"), maxLength: 1200 });
  always(
    fc.tuple(around, around, fc.array(fc.nat({ max: 2500 }), { maxLength: 8 })),
    ([before, after, cuts]) => {
      const text = `${before}x${OTHER}${after}`;
      const places = [0, ...cuts.map((cut) => cut % text.length).sort((a, b) => a - b), text.length];
      const pieces = places.slice(1).map((to, index) => text.slice(places[index], to));
      expect(pieces.join("")).toBe(text);
      expect(isFound(pieces)).toBe(true);
    },
    500,
  );
});
