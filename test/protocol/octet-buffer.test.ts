// Octets in pieces of any size, in memory of the order of what has come.
import { describe, expect, test, vi } from "vitest";
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

describe("the room that is taken", () => {
  /** The rooms, in octets, that are asked for while `total` octets come in pieces of `piece`. */
  function rooms(announced: number | undefined, total: number, piece: number): number[] {
    const taken = vi.spyOn(Buffer, "allocUnsafe");
    try {
      const buffer = new OctetBuffer(announced);
      for (let size = 0; size < total; size += piece)
        buffer.append(LARGE.subarray(0, Math.min(piece, total - size)));
      return taken.mock.calls.map(([size]) => size);
    } finally {
      taken.mockRestore();
    }
  }

  test.each([
    ["nothing announced: the first piece's, then it doubles", undefined, 900, 100, [100, 400, 1000]],
    ["announced rightly: once", 900, 900, 100, [900]],
    ["less than came: as far as it goes, then it doubles", 500, 900, 100, [500, 1200]],
    ["less than the first piece", 10, 900, 450, [450, 1800]],
    ["announced, and all of it in one piece", 900, 900, 900, [900]],
    ["not a MiB until a MiB has come: then all that is announced", 3 * MIB, 2 * MIB, MIB / 2, [MIB, 3 * MIB]],
    ["a MiB is believed", MIB, 10, 10, [MIB]],
    ["one octet more is not, yet", MIB + 1, 10, 10, [MIB]],
    ["64 MiB at the most, whatever is announced", 2 ** 40, MIB + 1, MIB, [MIB, 64 * MIB]],
  ])("%s", (_, announced, total, piece, expected) => {
    expect(rooms(announced, total, piece)).toEqual(expected);
  });

  test("is given out as it is where half of it is full, and copied where less is", () => {
    // All of them larger than what shares a pool.
    const buffer = new OctetBuffer(200_000);
    buffer.append(LARGE.subarray(0, 99_999));
    expect(buffer.join().buffer.byteLength).toBe(99_999);
    buffer.append(LARGE.subarray(99_999, 100_000));
    expect(buffer.join().buffer.byteLength).toBe(200_000);
    buffer.append(LARGE.subarray(100_000, 200_000));
    expect(buffer.join()).toBe(buffer.join());
    expect(buffer.join().equals(LARGE.subarray(0, 200_000))).toBe(true);
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
    // A small Buffer may share a pool: of 8 KiB, from Node 24 on of 64, and with Node 26 of a little more than poolSize.
    const pool = Buffer.allocUnsafe(1).buffer.byteLength;
    expect(joined.buffer.byteLength).toBeLessThanOrEqual(Math.max(2000, pool));
  },
);
