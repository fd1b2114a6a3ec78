import fc from "../support/fast-check.ts";
import { describe, expect, it } from "vitest";
import { blockPieces, blockSize } from "../../src/protocol/block-pieces.ts";
import { encodeBlock } from "../../src/protocol/dot-encoder.ts";

const SAMPLES = [
  "",
  ".",
  ".\r\n",
  "\r\n.",
  "\r\n.\r\n",
  "a\r\n..b\r\n.c",
  "a\n.b\r.c",
  "a\r\n\r\n.\r",
  "\r",
  "...\r\n",
];
// What matters is rare in random text: an alphabet of nothing else.
const hot = fc
  .array(fc.constantFrom("\r", "\n", ".", "a"), { maxLength: 40 })
  .map((octets) => octets.join(""));

describe("blockPieces", () => {
  it("gives the octets of encodeBlock, wherever the message is cut", () => {
    for (const sample of SAMPLES) {
      const message = Buffer.from(sample);
      for (let size = 1; size <= message.length + 1; size++) {
        expect(Buffer.concat([...blockPieces(message, size)])).toEqual(encodeBlock(message));
      }
    }
    fc.assert(
      fc.property(hot, fc.integer({ min: 1, max: 9 }), (text, size) => {
        const message = Buffer.from(text);
        expect(Buffer.concat([...blockPieces(message, size)])).toEqual(encodeBlock(message));
      }),
      { seed: 1939, numRuns: 1000 },
    );
  });

  it("copies nothing if no dot must be doubled", () => {
    const message = Buffer.alloc(200_000, "x");
    const pieces = [...blockPieces(message)];
    expect(pieces.map((piece) => piece.length)).toEqual([65_536, 65_536, 65_536, 3_392, 2, 3]);
    expect(pieces.slice(0, 4).every((piece) => piece.buffer === message.buffer)).toBe(true);
  });

  it("gives no empty piece", () => {
    const sizes = (message: string): number[] =>
      [...blockPieces(Buffer.from(message), 4)].map((piece) => piece.length);
    expect(sizes("")).toEqual([3]);
    expect(sizes("ab\r\n")).toEqual([4, 3]);
    expect(sizes("abcdefgh")).toEqual([4, 4, 2, 3]);
  });
});

describe("blockSize", () => {
  it("counts the CRLF that is missing at the end", () => {
    expect(SAMPLES.map((sample) => blockSize(Buffer.from(sample)) - sample.length)).toEqual([
      0, 2, 0, 2, 0, 2, 2, 2, 2, 0,
    ]);
  });
});
