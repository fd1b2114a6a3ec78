// The other side of the dot rule: what a server sends for a message.
import { expect, test } from "vitest";
import { encodeBlock } from "../../src/protocol/dot-encoder.ts";
import { always, octets, text, wireOf } from "./octets.ts";

test.each([
  ["an empty message", "", ".\r\n"],
  ["a line", "a\r\n", "a\r\n.\r\n"],
  ["a line that is not finished", "a", "a\r\n.\r\n"],
  ["a message that ends in CR", "a\r", "a\r\r\n.\r\n"],
  ["a message that ends in LF", "a\n", "a\n\r\n.\r\n"],
  ["a lone LF", "\n", "\n\r\n.\r\n"],
  ["an empty line", "\r\n", "\r\n.\r\n"],
  ["a dot", ".", "..\r\n.\r\n"],
  ["a line of one dot", ".\r\n", "..\r\n.\r\n"],
  ["lines of dots", ".\r\n..\r\n...\r\n", "..\r\n...\r\n....\r\n.\r\n"],
  ["what would be the end", "a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"],
  ["dots that start no line", "a.\n.\r.b\r\n", "a.\n.\r.b\r\n.\r\n"],
])("%s", (_, message, block) => {
  expect(text(encodeBlock(octets(message)))).toBe(block);
});

test("the end of the block stands at its end and nowhere else", () => {
  always(wireOf(), (message) => {
    // A block begins behind the CRLF of its status line.
    const wire = `\r\n${text(encodeBlock(message))}`;
    expect(wire.indexOf("\r\n.\r\n")).toBe(wire.length - 5);
  });
});
