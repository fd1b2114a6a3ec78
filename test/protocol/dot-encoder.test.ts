// The encoder of the dot rule: the wire form of a message, as a server sends it.
import fc from "../support/fast-check.ts";
import { describe, expect, test } from "vitest";
import { blockPieces, blockSize, encodeBlock } from "../../src/protocol/dot-encoder.ts";
import { always, octets, text, wireOf } from "../support/octets.ts";

const SAMPLES: readonly (readonly [what: string, message: string, block: string])[] = [
  ["an empty message", "", ".\r\n"],
  ["a line", "a\r\n", "a\r\n.\r\n"],
  ["a line without an end", "a", "a\r\n.\r\n"],
  ["a message that ends in CR", "a\r", "a\r\r\n.\r\n"],
  ["a lone CR", "\r", "\r\r\n.\r\n"],
  ["a message that ends in LF", "a\n", "a\n\r\n.\r\n"],
  ["a lone LF", "\n", "\n\r\n.\r\n"],
  ["an empty line", "\r\n", "\r\n.\r\n"],
  ["a dot", ".", "..\r\n.\r\n"],
  ["a dot after an empty line", "\r\n.", "\r\n..\r\n.\r\n"],
  ["a dot and CR at the end", "a\r\n\r\n.\r", "a\r\n\r\n..\r\r\n.\r\n"],
  ["a line of one dot", ".\r\n", "..\r\n.\r\n"],
  ["lines of dots", ".\r\n..\r\n...\r\n", "..\r\n...\r\n....\r\n.\r\n"],
  ["text that looks like the end of a block", "a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"],
  ["dots inside a line", "a.\n.\r.b\r\n", "a.\n.\r.b\r\n.\r\n"],
];

/** The rule of RFC 1939 section 3, as text. */
const blockOf = (message: string): string => {
  const lines = message.replace(/^\.|(?<=\r\n)\./g, "..");
  return `${lines}${message === "" || message.endsWith("\r\n") ? "" : "\r\n"}.\r\n`;
};

const inPieces = (message: string, size: number): string =>
  text(Buffer.concat([...blockPieces(octets(message), size)]));

test.each(SAMPLES)("encodes %s, wherever the message is cut", (_, message, block) => {
  expect(text(encodeBlock(octets(message)))).toBe(block);
  for (let size = 1; size <= message.length + 1; size++) expect(inPieces(message, size)).toBe(block);
});

test("encodes any text of CR, LF and dots, wherever it is cut", () => {
  // What matters is rare in random text: an alphabet of nothing else.
  const hot = fc.array(fc.constantFrom("\r", "\n", ".", "a"), { maxLength: 40 });
  fc.assert(
    fc.property(hot, fc.integer({ min: 1, max: 9 }), (characters, size) => {
      const message = characters.join("");
      expect(inPieces(message, size)).toBe(blockOf(message));
    }),
    { seed: 1939, numRuns: 1000 },
  );
});

test("puts the end of the block at its end and nowhere else", () => {
  always(wireOf(), (message) => {
    // A block begins after the CRLF of its status line.
    const wire = `\r\n${text(encodeBlock(message))}`;
    expect(wire.indexOf("\r\n.\r\n")).toBe(wire.length - 5);
  });
});

describe("the pieces", () => {
  test("copy nothing if no dot must be doubled", () => {
    const message = Buffer.alloc(200_000, "x");
    const pieces = [...blockPieces(message)];
    expect(pieces.map((piece) => piece.length)).toEqual([65_536, 65_536, 65_536, 3_392, 2, 3]);
    expect(pieces.slice(0, 4).every((piece) => piece.buffer === message.buffer)).toBe(true);
  });

  test("are never empty", () => {
    const sizes = (message: string): number[] =>
      [...blockPieces(Buffer.from(message), 4)].map((piece) => piece.length);
    expect(sizes("")).toEqual([3]);
    expect(sizes("ab\r\n")).toEqual([4, 3]);
    expect(sizes("abcdefgh")).toEqual([4, 4, 2, 3]);
  });
});

test.each(SAMPLES)("the size counts the CRLF that is missing at the end: %s", (_, message) => {
  const missing = message === "" || message.endsWith("\r\n") ? 0 : 2;
  expect(blockSize(octets(message))).toBe(message.length + missing);
});
