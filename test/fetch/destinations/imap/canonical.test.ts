// The canonical form: equal for a message and for what servers make of it, different for other messages.
import { expect, test } from "vitest";
import { canonicalOf } from "../../../../src/fetch/destinations/imap/canonical.ts";

const of = (text: string) => canonicalOf(Buffer.from(text, "latin1"));

test.each([
  ["bare line feeds become CRLF", "a: b\n\nc\n", "a: b\r\n\r\nc\r\n"],
  ["a CR before a line end is dropped", "a\r\r\nb", "a\r\nb"],
  ["all but one of them", "a\r\r\r\nb", "a\r\r\nb"],
  ["a final CR is dropped", "a\r", "a"],
  ["a line end is added", "a", "a\r\n"],
  ["octets above 127 become X", "k\xe4se\r\n", "kXse\r\n"],
  ["NUL is shown as 0x80", "a\0b", "a\x80b"],
])("is the same if %s", (_, sent, stored) => {
  expect(of(stored).digest).toBe(of(sent).digest);
  const { least, most } = of(sent);
  expect(stored.length).toBeGreaterThanOrEqual(least);
  expect(stored.length).toBeLessThanOrEqual(most);
});

test.each([
  ["a\r\nb", "a\r\n\r\nb"],
  ["a\rb", "ab"],
  ["a\rb", "a\r\nb"],
  ["a b", "a  b"],
  ["\r\na", "a"],
  ["a\x80", "a"],
  ["a\x80", "b\x80"],
])("of %j is another one than of %j", (one, other) => {
  expect(of(one).digest).not.toBe(of(other).digest);
});

test("is the same however long the message is", () => {
  const lines = Array.from({ length: 40_000 }, (_, at) => `line ${at}`);
  expect(of(lines.join("\n")).digest).toBe(of(lines.join("\r\n")).digest);
  expect(of(lines.join("\n")).digest).not.toBe(of(`${lines.join("\n")}x`).digest);
});
