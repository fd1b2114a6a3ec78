// Lines end only in CRLF, have a limit, and are the same for any chunking.
import { describe, expect, test } from "vitest";
import { Pop3ProtocolError } from "../../src/errors.ts";
import { LineReader } from "../../src/protocol/line-reader.ts";
import { always, cut, cutWire, everyCut, octets, singly, text, whole } from "../support/octets.ts";

/** The lines of `chunks`, followed by the code of the error if one was thrown. */
function read(chunks: readonly Buffer[], limit = 512, reader = new LineReader(limit)): string[] {
  const lines: string[] = [];
  try {
    for (const chunk of chunks) {
      for (let at = reader.read(chunk, 0); at !== -1; at = reader.read(chunk, at))
        lines.push(text(reader.line));
    }
  } catch (error) {
    if (!(error instanceof Pop3ProtocolError)) throw error;
    lines.push(error.code);
  }
  return lines;
}

/** What comes of `wire` at every cut, each outcome once. */
const outcomes = (wire: string, limit?: number): string[][] => {
  const all = Array.from(everyCut(octets(wire)), (chunks) => JSON.stringify(read(chunks, limit)));
  return [...new Set(all)].map((outcome) => JSON.parse(outcome) as string[]);
};

test.each([
  ["one line", "+OK\r\n", ["+OK"]],
  ["an empty line", "\r\n", [""]],
  ["several lines", "+OK a\r\n-ERR b\r\n+ \r\n", ["+OK a", "-ERR b", "+ "]],
  ["a line without its end", "+OK a\r\n+OK", ["+OK a"]],
  ["a line without its LF", "+OK\r", []],
  ["a lone CR", "+OK a\rb\r\n", ["+OK a\rb"]],
  ["CR CRLF", "+OK\r\r\n", ["+OK\r"]],
  ["8-bit", "+OK \x80\xff\r\n", ["+OK \x80\xff"]],
  ["an LF without its CR", "+OK\n+OK\r\n", ["POP3_PROTOCOL"]],
  ["an LF alone", "\n", ["POP3_PROTOCOL"]],
  ["LF CR", "+OK\n\r", ["POP3_PROTOCOL"]],
  ["an LF after a line", "+OK\r\n\n", ["+OK", "POP3_PROTOCOL"]],
  ["a NUL", "+OK a\0b\r\n", ["POP3_PROTOCOL"]],
  ["a NUL alone", "\0", ["POP3_PROTOCOL"]],
  ["a NUL in the second line", "+OK\r\n\0+OK\r\n", ["+OK", "POP3_PROTOCOL"]],
])("reads %s, at every cut", (_, wire, expected) => {
  expect(outcomes(wire)).toEqual([expected]);
});

describe("the limit", () => {
  const LIMIT = 16;

  test("accepts a line of the limit, CRLF included, at every cut", () => {
    const line = "+OK".padEnd(LIMIT - 2, "x");
    expect(outcomes(`${line}\r\n`, LIMIT)).toEqual([[line]]);
  });

  test("rejects a line one octet longer, at every cut", () => {
    expect(outcomes(`${"+OK".padEnd(LIMIT - 1, "x")}\r\n`, LIMIT)).toEqual([["POP3_LINE_TOO_LONG"]]);
  });

  test("rejects a line without an end at the first octet beyond it", () => {
    const reader = new LineReader(LIMIT);
    for (const octet of singly(Buffer.alloc(LIMIT, "x"))) expect(reader.read(octet, 0)).toBe(-1);
    expect(() => reader.read(octets("x"), 0)).toThrow(
      expect.objectContaining({ code: "POP3_LINE_TOO_LONG" }) as Error,
    );
  });

  test("applies to each line alone", () => {
    const line = "y".repeat(LIMIT - 2);
    expect(outcomes(`${line}\r\n${line}\r\n${line}\r\n`, LIMIT)).toEqual([[line, line, line]]);
  });

  test("does not count the octets after a line in its chunk", () => {
    expect(read(whole(octets(`+OK\r\n${"x".repeat(100)}`)), LIMIT)).toEqual(["+OK", "POP3_LINE_TOO_LONG"]);
    const reader = new LineReader(LIMIT);
    expect(reader.read(octets(`+OK\r\n${"x".repeat(100)}\0\n`), 0)).toBe(5);
  });
});

test("returns the offset after the CRLF, and reads from the given offset", () => {
  const reader = new LineReader(512);
  const chunk = octets("\n\0+OK a\r\n+OK b\r\n");
  expect(reader.read(chunk, 2)).toBe(9);
  expect(text(reader.line)).toBe("+OK a");
  expect(reader.read(chunk, 9)).toBe(16);
  expect(text(reader.line)).toBe("+OK b");
  expect(reader.read(chunk, 16)).toBe(-1);
});

test("does not join a CR before the offset and an LF at it to a CRLF", () => {
  expect(() => new LineReader(512).read(octets("\r\n"), 1)).toThrow(
    expect.objectContaining({ code: "POP3_PROTOCOL" }) as Error,
  );
});

test("copies no line that is whole in its chunk, even after an empty chunk", () => {
  const reader = new LineReader(512);
  const chunk = octets("+OK a\r\n+OK b\r\n");
  expect(reader.read(chunk, 0)).toBe(7);
  expect([reader.line.buffer === chunk.buffer, reader.line.byteOffset]).toEqual([true, chunk.byteOffset]);
  expect(reader.read(Buffer.alloc(0), 0)).toBe(-1);
  expect(reader.read(chunk, 7)).toBe(14);
  expect([reader.line.buffer === chunk.buffer, reader.line.byteOffset]).toEqual([true, chunk.byteOffset + 7]);
});

test.each([
  ["a NUL", "+OK\0\r\n", "the server sent a line that contains NUL"],
  ["an LF", "+OK\n", "the server sent a line that ends with LF without CR"],
  ["its length", "+OK too long\r\n", "the server sent a line longer than the limit of 10 bytes"],
])("the error says what is wrong with a line: %s", (_, wire, message) => {
  expect(() => new LineReader(10).read(octets(wire), 0)).toThrow(
    expect.objectContaining({ name: "Pop3ProtocolError", message }) as Error,
  );
});

test("keeps the octets of a line when it reads the next one", () => {
  const reader = new LineReader(512);
  reader.read(octets("+OK fi"), 0);
  reader.read(octets("rst\r\n"), 0);
  const { line } = reader;
  reader.read(octets("-ERR second\r\n"), 0);
  expect(text(line)).toBe("+OK first");
});

test("reads the same lines, and fails at the same place, for any chunking", () => {
  const limit = 24;
  always(
    cutWire(),
    (input) => {
      // Where two things are wrong with a line, the cut decides which of them is met first.
      const blurred = (lines: string[]): string[] =>
        lines.map((line) => (line.startsWith("POP3_") ? "POP3_" : line));
      const expected = blurred(read(whole(input.wire), limit));
      expect(blurred(read(cut(input), limit))).toEqual(expected);
      expect(blurred(read(singly(input.wire), limit))).toEqual(expected);
    },
    1500,
  );
});
