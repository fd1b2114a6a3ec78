// The encoder of the dot rule: the wire form of a message, as a server sends it.
import { expect, test } from "vitest";
import { encodeBlock } from "../../src/protocol/dot-encoder.ts";
import { always, octets, text, wireOf } from "../support/octets.ts";

test.each([
  ["an empty message", "", ".\r\n"],
  ["a line", "a\r\n", "a\r\n.\r\n"],
  ["a line without an end", "a", "a\r\n.\r\n"],
  ["a message that ends in CR", "a\r", "a\r\r\n.\r\n"],
  ["a message that ends in LF", "a\n", "a\n\r\n.\r\n"],
  ["a lone LF", "\n", "\n\r\n.\r\n"],
  ["an empty line", "\r\n", "\r\n.\r\n"],
  ["a dot", ".", "..\r\n.\r\n"],
  ["a line of one dot", ".\r\n", "..\r\n.\r\n"],
  ["lines of dots", ".\r\n..\r\n...\r\n", "..\r\n...\r\n....\r\n.\r\n"],
  ["text that looks like the end of a block", "a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"],
  ["dots inside a line", "a.\n.\r.b\r\n", "a.\n.\r.b\r\n.\r\n"],
])("encodes %s", (_, message, block) => {
  expect(text(encodeBlock(octets(message)))).toBe(block);
});

test("puts the end of the block at its end and nowhere else", () => {
  always(wireOf(), (message) => {
    // A block begins behind the CRLF of its status line.
    const wire = `\r\n${text(encodeBlock(message))}`;
    expect(wire.indexOf("\r\n.\r\n")).toBe(wire.length - 5);
  });
});
