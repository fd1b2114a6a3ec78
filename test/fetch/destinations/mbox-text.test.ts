// The text of a message in an mbox, for all ways to cut the message into pieces.
import fc from "../../support/fast-check.ts";
import { expect, test } from "vitest";
import { MboxText } from "../../../src/fetch/destinations/mbox-text.ts";
import { mboxForm } from "../../support/mbox-form.ts";

function textOf(...pieces: readonly string[]): string {
  const text = new MboxText();
  const octets = pieces.map((piece) => text.push(Buffer.from(piece, "latin1")));
  return Buffer.concat([...octets, text.end()]).toString("latin1");
}

test.each([
  ["", "\n"],
  ["a\r\n", "a\n\n"],
  ["a", "a\n\n"],
  ["From me\r\n", ">From me\n\n"],
  ["a\r\nFrom me", "a\n>From me\n\n"],
  ["a\nFrom me", "a\n>From me\n\n"],
  [">From me\r\n>>From me\r\n", ">>From me\n>>>From me\n\n"],
  ["From\r\nfrom me\r\n From me\r\n>FFrom me\r\n", "From\nfrom me\n From me\n>FFrom me\n\n"],
  ["From: me\r\nFFrom me\r\nF>rom \r\n", "From: me\nFFrom me\nF>rom \n\n"],
  ["From From From ", ">From From From \n\n"],
  ["Fro", "Fro\n\n"],
  [">", ">\n\n"],
  ["a\rFrom me\r\n", "a\rFrom me\n\n"],
  ["a\r\r\n\r", "a\r\n\r\n\n"],
  ["\r\n\r\n", "\n\n\n"],
  ["\0\xff\r\n", "\0\xff\n\n"],
])("%j becomes %j", (message, text) => {
  expect(textOf(message)).toBe(text);
  expect(textOf(...message)).toBe(text);
});

test("is the same for every message, however it is cut", () => {
  const tokens = ["\r", "\n", "\r\n", "\nFrom ", "From ", "F", "ro", "m ", ">", " ", "a", "\0", "\xe4"];
  const pieces = fc.array(fc.array(fc.constantFrom(...tokens)).map((some) => some.join("")));
  fc.assert(
    fc.property(pieces, (some) => {
      const expected = mboxForm(Buffer.from(some.join(""), "latin1")).toString("latin1");
      expect(textOf(...some)).toBe(expected);
    }),
    { seed: 4155, numRuns: 2000 },
  );
});

test("a reader gets the original message from it, except for the line ends", () => {
  const message = ">>From a\r\nFrom b\r\n\r\n>c\r\n";
  const read = textOf(message)
    .replace(/\n$/, "")
    .replace(/^>(>*From )/gm, "$1");
  expect(read).toBe(message.replaceAll("\r\n", "\n"));
});
