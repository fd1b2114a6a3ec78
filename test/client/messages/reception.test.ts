// A message that is taken as one Buffer. The announced size decides how memory is allocated, never what is read.
import { constants } from "node:buffer";
import fc from "../../support/fast-check.ts";
import { describe, expect, test, vi } from "vitest";
import { largestMessage, messageKnownTooLarge } from "../../../src/session/message-size.ts";
import type { Reception } from "../../../src/session/reception.ts";
import { receptionOf } from "../../support/receptions.ts";
import { everyCut, inPieces, octets, singly, text } from "../../support/octets.ts";

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

/** A message that was taken as one Buffer before its first octet came. It was requested ahead: then it may be announced as too large. */
function taken(limit: number, announced: number): { body: Reception; message: Promise<Buffer> } {
  const body = receptionOf({ limit, announced });
  body.request();
  return { body, message: body.buffer() };
}

async function collect(chunks: readonly Buffer[], limit: number, announced: number): Promise<Buffer> {
  const { body, message } = taken(limit, announced);
  const more = chunks.map((chunk) => body.octets(chunk));
  expect(more).not.toContain(false);
  body.end();
  return message;
}

test("collects a small message, at every cut", async () => {
  for (const chunks of everyCut(octets("Subject: a\r\n\r\n\0\xff"))) {
    expect(text(await collect(chunks, 100, 16))).toBe("Subject: a\r\n\r\n\0\xff");
  }
});

test("collects an empty message", async () => {
  expect(await collect([], 100, 0)).toHaveLength(0);
  expect(await collect([], 0, 1000)).toHaveLength(0);
});

const LARGE = pattern(3 * MIB + 17);

test.each([
  ["unknown", 0],
  ["too small", 1000],
  ["exact", LARGE.length],
  ["one octet too small", LARGE.length - 1],
  ["one octet too large", LARGE.length + 1],
  ["far too large", Number.MAX_SAFE_INTEGER],
])("collects a large message if the announced size is %s", async (_, announced) => {
  for (const size of [5000, 64 * 1024, MIB - 1, MIB, MIB + 1, LARGE.length]) {
    const message = await collect(inPieces(LARGE, size), 16 * MIB, announced);
    expect(message.equals(LARGE)).toBe(true);
  }
});

test.each([MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + 1])("collects a message of %i octets", async (size) => {
  const message = LARGE.subarray(0, size);
  for (const piece of [4096, 333_333, size]) {
    expect((await collect(inPieces(message, piece), 4 * MIB, 0)).equals(message)).toBe(true);
    expect((await collect(inPieces(message, piece), size, size)).equals(message)).toBe(true);
  }
});

// Without a limit of its own, the client may believe only what has arrived.
test.each([
  ["no limit", Infinity, Number.MAX_SAFE_INTEGER],
  ["a limit beyond what one Buffer holds", 2 ** 50, 2 ** 50],
])("allocates little memory for an announcement of petabytes, with %s", async (_, limit, announced) => {
  expect((await collect(inPieces(LARGE, 64 * 1024), limit, announced)).equals(LARGE)).toBe(true);
});

describe("the limit", () => {
  test.each([0, 1, 10, 1000, MIB - 1, MIB, MIB + 1, 2 * MIB])(
    "of %i octets accepts a message of that size, and rejects one octet more",
    async (limit) => {
      for (const announced of [0, limit, 16 * MIB]) {
        const message = LARGE.subarray(0, limit);
        expect((await collect(inPieces(message, 50_000), limit, announced)).equals(message)).toBe(true);
        const { body } = taken(limit, announced);
        for (const chunk of inPieces(message, 50_000)) body.octets(chunk);
        expect(() => body.octets(octets("x"))).toThrow(tooLarge);
      }
    },
  );

  test("is applied in the middle of a chunk, too", () => {
    expect(() => taken(10, 0).body.octets(octets("01234567890"))).toThrow(tooLarge);
    expect(() => taken(2 * MIB, 0).body.octets(LARGE)).toThrow(tooLarge);
  });

  test("applies to the octets that arrive, not to the announced size", async () => {
    expect(text(await collect([octets("0123456789")], 10, 1000))).toBe("0123456789");
  });
});

test("names the limit, the remedy and the command that was not sent in its error", () => {
  const message =
    "the message is larger than the limit of 10 bytes; read it as a stream, or raise limits.message";
  expect(() => taken(10, 0).body.octets(Buffer.alloc(11))).toThrow(expect.objectContaining({ message }));
  expect(messageKnownTooLarge(10, "RETR 1")).toMatchObject({
    name: "Pop3Error",
    code: "POP3_MESSAGE_TOO_LARGE",
    message,
    command: "RETR 1",
  });
});

test.each([
  [50_000, 200_000],
  [200_000, 50_000],
])("allocates the smaller of a limit of %i octets and an announcement of %i", (limit, announced) => {
  const allocated = vi.spyOn(Buffer, "allocUnsafeSlow");
  taken(limit, announced).body.octets(octets("x"));
  expect(allocated.mock.calls).toEqual([[50_000]]);
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
  async (size) => {
    for (const announced of [0, 1000, size, 3 * size, Number.MAX_SAFE_INTEGER]) {
      const message = await collect(inPieces(LARGE.subarray(0, size), 64 * 1024), Infinity, announced);
      expect(message.buffer.byteLength).toBeLessThanOrEqual(2 * size);
    }
  },
);

test("does not keep the chunks of a small message alive", async () => {
  const chunk = Buffer.alloc(64 * 1024, "a");
  const message = await collect([chunk.subarray(10, 20)], 100, 0);
  chunk.fill("b");
  expect(text(message)).toBe("a".repeat(10));
  expect(message.buffer).not.toBe(chunk.buffer);
});

test("collects the message that arrives, whatever was announced", async () => {
  const input = fc.record({
    size: fc.integer({ min: 0, max: 3 * MIB }),
    piece: fc.integer({ min: 1000, max: 2 * MIB }),
    announced: fc.oneof(fc.nat({ max: 4 * MIB }), fc.maxSafeNat()),
  });
  const property = fc.asyncProperty(input, async ({ size, piece, announced }) => {
    const message = LARGE.subarray(0, size);
    expect((await collect(inPieces(message, piece), 3 * MIB, announced)).equals(message)).toBe(true);
  });
  await fc.assert(property, { seed: 1939, numRuns: 60 });
});

test("collects 100,000 octets one by one", async () => {
  expect((await collect(singly(LARGE.subarray(0, 100_000)), MIB, 0)).equals(LARGE.subarray(0, 100_000))).toBe(
    true,
  );
});
