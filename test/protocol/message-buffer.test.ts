// Collects one message in one Buffer. The announced size decides how memory is allocated, never what is read.
import { constants } from "node:buffer";
import fc from "../support/fast-check.ts";
import { describe, expect, test, vi } from "vitest";
import {
  MessageBuffer,
  largestMessage,
  messageKnownTooLarge,
  messageTooLarge,
} from "../../src/protocol/message-buffer.ts";
import { always, everyCut, inPieces, octets, singly, text } from "../support/octets.ts";

const MIB = 1024 * 1024;
const tooLarge = expect.objectContaining({
  name: "Pop3ProtocolError",
  code: "POP3_MESSAGE_TOO_LARGE",
}) as Error;

/** Octets that show when they are out of place. */
function pattern(size: number): Buffer {
  const message = Buffer.alloc(size);
  for (let at = 0; at < size; at++) message[at] = (at * 31 + (at >> 8) * 7) & 0xff;
  return message;
}

function collect(chunks: readonly Buffer[], limit: number, announced: number): Buffer {
  const buffer = new MessageBuffer(limit, announced);
  const more = chunks.map((chunk) => buffer.octets(chunk));
  expect(more).not.toContain(false);
  return buffer.end();
}

test("collects a small message, at every cut", () => {
  for (const chunks of everyCut(octets("Subject: a\r\n\r\n\0\xff"))) {
    expect(text(collect(chunks, 100, 16))).toBe("Subject: a\r\n\r\n\0\xff");
  }
});

test("collects an empty message", () => {
  expect(collect([], 100, 0)).toHaveLength(0);
  expect(collect([], 0, 1000)).toHaveLength(0);
});

const LARGE = pattern(3 * MIB + 17);

test.each([
  ["unknown", 0],
  ["too small", 1000],
  ["exact", LARGE.length],
  ["one octet too small", LARGE.length - 1],
  ["one octet too large", LARGE.length + 1],
  ["far too large", Number.MAX_SAFE_INTEGER],
])("collects a large message if the announced size is %s", (_, announced) => {
  for (const size of [5000, 64 * 1024, MIB - 1, MIB, MIB + 1, LARGE.length]) {
    const message = collect(inPieces(LARGE, size), 16 * MIB, announced);
    expect(message.equals(LARGE)).toBe(true);
  }
});

test.each([MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + 1])("collects a message of %i octets", (size) => {
  const message = LARGE.subarray(0, size);
  for (const piece of [4096, 333_333, size]) {
    expect(collect(inPieces(message, piece), 4 * MIB, 0).equals(message)).toBe(true);
    expect(collect(inPieces(message, piece), size, size).equals(message)).toBe(true);
  }
});

// Without a bound of one's own, only what has come may be believed.
test.each([
  ["no limit", Infinity, Number.MAX_SAFE_INTEGER],
  ["a limit beyond what one Buffer holds", 2 ** 50, 2 ** 50],
])("allocates little memory for an announcement of petabytes, with %s", (_, limit, announced) => {
  expect(collect(inPieces(LARGE, 64 * 1024), limit, announced).equals(LARGE)).toBe(true);
});

describe("the limit", () => {
  test.each([0, 1, 10, 1000, MIB - 1, MIB, MIB + 1, 2 * MIB])(
    "of %i octets accepts a message of that size, and rejects one octet more",
    (limit) => {
      for (const announced of [0, limit, 16 * MIB]) {
        const message = LARGE.subarray(0, limit);
        expect(collect(inPieces(message, 50_000), limit, announced).equals(message)).toBe(true);
        const buffer = new MessageBuffer(limit, announced);
        for (const chunk of inPieces(message, 50_000)) buffer.octets(chunk);
        expect(() => buffer.octets(octets("x"))).toThrow(tooLarge);
      }
    },
  );

  test("is applied in the middle of a chunk, too", () => {
    expect(() => new MessageBuffer(10, 0).octets(octets("01234567890"))).toThrow(tooLarge);
    expect(() => new MessageBuffer(2 * MIB, 0).octets(LARGE)).toThrow(tooLarge);
  });

  test("applies to the octets that arrive, not to the announced size", () => {
    const buffer = new MessageBuffer(10, 1000);
    buffer.octets(octets("0123456789"));
    expect(text(buffer.end())).toBe("0123456789");
  });
});

test("names the limit, the remedy and the command that was not sent in its error", () => {
  const message =
    "the message is larger than the limit of 10 bytes; read it as a stream, or raise limits.message";
  expect(messageTooLarge(10)).toMatchObject({
    name: "Pop3ProtocolError",
    code: "POP3_MESSAGE_TOO_LARGE",
    message,
  });
  expect(messageKnownTooLarge(10, "RETR 1")).toMatchObject({
    name: "Pop3Error",
    code: "POP3_MESSAGE_TOO_LARGE",
    message,
    command: "RETR 1",
  });
});

test.each([
  [5000, 20_000],
  [20_000, 5000],
])("allocates the smaller of a limit of %i octets and an announcement of %i", (limit, announced) => {
  const taken = vi.spyOn(Buffer, "allocUnsafe");
  new MessageBuffer(limit, announced).octets(octets("x"));
  expect(taken.mock.calls).toEqual([[5000]]);
});

test("limits the size to what one Buffer can hold", () => {
  expect([largestMessage(10), largestMessage(Infinity)]).toEqual([10, constants.MAX_LENGTH]);
  expect([largestMessage(constants.MAX_LENGTH), largestMessage(constants.MAX_LENGTH + 1)]).toEqual([
    constants.MAX_LENGTH,
    constants.MAX_LENGTH,
  ]);
});

test.each([MIB, 2 * MIB, 3 * MIB])(
  "keeps at most twice the memory of %i octets, whatever was announced",
  (size) => {
    for (const announced of [0, 1000, size, 3 * size, Number.MAX_SAFE_INTEGER]) {
      const message = collect(inPieces(LARGE.subarray(0, size), 64 * 1024), Infinity, announced);
      expect(message.buffer.byteLength).toBeLessThanOrEqual(2 * size);
    }
  },
);

test("does not keep the chunks of a small message alive", () => {
  const chunk = Buffer.alloc(64 * 1024, "a");
  const message = collect([chunk.subarray(10, 20)], 100, 0);
  chunk.fill("b");
  expect(text(message)).toBe("a".repeat(10));
  expect(message.buffer).not.toBe(chunk.buffer);
});

test("collects the message that arrives, whatever was announced", () => {
  const input = fc.record({
    size: fc.integer({ min: 0, max: 3 * MIB }),
    piece: fc.integer({ min: 1000, max: 2 * MIB }),
    announced: fc.oneof(fc.nat({ max: 4 * MIB }), fc.maxSafeNat()),
  });
  always(
    input,
    ({ size, piece, announced }) => {
      const message = LARGE.subarray(0, size);
      expect(collect(inPieces(message, piece), 3 * MIB, announced).equals(message)).toBe(true);
    },
    60,
  );
});

test("collects 100,000 octets one by one", () => {
  expect(collect(singly(LARGE.subarray(0, 100_000)), MIB, 0).equals(LARGE.subarray(0, 100_000))).toBe(true);
});
