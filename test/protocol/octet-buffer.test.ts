// Octets in pieces of any size, in memory of the order of what has come.
import { describe, expect, test } from "vitest";
import { OctetBuffer } from "../../src/protocol/octet-buffer.ts";
import { inPieces } from "./octets.ts";

const MIB = 1024 * 1024;

/** Octets that show when they are out of place. */
function pattern(size: number): Buffer {
  const message = Buffer.alloc(size);
  for (let at = 0; at < size; at++) message[at] = (at * 31 + (at >> 8) * 7) & 0xff;
  return message;
}

const LARGE = pattern(3 * MIB + 17);

test("says how much has come", () => {
  const buffer = new OctetBuffer();
  const sizes = inPieces(LARGE, MIB).map((chunk) => {
    buffer.append(chunk);
    return buffer.size;
  });
  expect(sizes).toEqual([MIB, 2 * MIB, 3 * MIB, 3 * MIB + 17]);
});

describe("taken halfway", () => {
  test.each([0, 1, 1000, MIB - 1, MIB, 3 * MIB])("%i octets come out, and are gone", (size) => {
    const buffer = new OctetBuffer(2 * MIB);
    const part = LARGE.subarray(0, size);
    for (const chunk of inPieces(part, 70_000)) buffer.append(chunk);
    expect(buffer.take().equals(part)).toBe(true);
    expect(buffer.size).toBe(0);
    expect(buffer.take()).toHaveLength(0);
    expect(buffer.join()).toHaveLength(0);
  });

  test("what was taken is not written to by what comes later", () => {
    const buffer = new OctetBuffer(8 * MIB);
    buffer.append(LARGE);
    const taken = buffer.take();
    buffer.append(Buffer.alloc(LARGE.length, "x"));
    expect(taken.equals(LARGE)).toBe(true);
  });
});

test("a million single octets take memory of their order, not a Buffer each", () => {
  const buffer = new OctetBuffer();
  const octet = Buffer.from("x");
  globalThis.gc?.();
  const before = process.memoryUsage();
  for (let at = 0; at < MIB; at++) buffer.append(octet.subarray(0));
  const after = process.memoryUsage();
  expect(buffer.join().equals(Buffer.alloc(MIB, "x"))).toBe(true);
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(16 * MIB);
});

test("what is appended may be written to again at once", () => {
  const buffer = new OctetBuffer();
  const chunk = Buffer.from("as it came");
  buffer.append(chunk);
  chunk.fill("x");
  expect(buffer.join().toString("latin1")).toBe("as it came");
});

test.each([0, 900, 1000, 5000, 3 * MIB, 2 ** 40])(
  "announced as %i octets, a thousand keep no more than twice their room",
  (announced) => {
    const buffer = new OctetBuffer(announced);
    buffer.append(LARGE.subarray(0, 600));
    buffer.append(LARGE.subarray(600, 1000));
    const joined = buffer.join();
    expect(joined.equals(LARGE.subarray(0, 1000))).toBe(true);
    // Below 4 KiB a Buffer shares Node's pool.
    expect(joined.buffer.byteLength).toBeLessThanOrEqual(Buffer.poolSize);
  },
);
