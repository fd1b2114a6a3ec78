// Collects octets in pieces of any size, in memory proportional to the octets that have arrived.
import { describe, expect, test, vi } from "vitest";
import { OctetBuffer } from "../../src/protocol/octet-buffer.ts";
import { inPieces } from "../support/octets.ts";

const MIB = 1024 * 1024;

/** Octets that show when they are out of place. */
function pattern(size: number): Buffer {
  const message = Buffer.alloc(size);
  for (let at = 0; at < size; at++) message[at] = (at * 31 + (at >> 8) * 7) & 0xff;
  return message;
}

const LARGE = pattern(3 * MIB + 17);

test("counts the octets", () => {
  const buffer = new OctetBuffer();
  const sizes = inPieces(LARGE, MIB).map((chunk) => {
    buffer.append(chunk);
    return buffer.size;
  });
  expect(sizes).toEqual([MIB, 2 * MIB, 3 * MIB, 3 * MIB + 17]);
});

describe("take() halfway", () => {
  test.each([0, 1, 1000, MIB - 1, MIB, 3 * MIB])("returns %i octets, and removes them", (size) => {
    const buffer = new OctetBuffer(2 * MIB);
    const part = LARGE.subarray(0, size);
    for (const chunk of inPieces(part, 70_000)) buffer.append(chunk);
    expect(buffer.take().equals(part)).toBe(true);
    expect(buffer.size).toBe(0);
    expect(buffer.take()).toHaveLength(0);
    expect(buffer.join()).toHaveLength(0);
  });

  test("returns octets that later ones do not overwrite", () => {
    const buffer = new OctetBuffer(8 * MIB);
    buffer.append(LARGE);
    const taken = buffer.take();
    buffer.append(Buffer.alloc(LARGE.length, "x"));
    expect(taken.equals(LARGE)).toBe(true);
  });
});

describe("allocates memory", () => {
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
    ["with nothing announced: for the first piece, then doubles", undefined, 900, 100, [100, 400, 1000]],
    ["with the exact size announced: once", 900, 900, 100, [900]],
    ["with too small a size announced: that size, then doubles", 500, 900, 100, [500, 1200]],
    [
      "with less than the first piece announced: for the first piece, then doubles",
      10,
      900,
      450,
      [450, 1800],
    ],
    ["with the exact size announced and one piece: once", 900, 900, 900, [900]],
    [
      "with more than a MiB announced: a MiB, and the rest after a MiB has arrived",
      3 * MIB,
      2 * MIB,
      MIB / 2,
      [MIB, 3 * MIB],
    ],
    ["with a MiB announced: a MiB at once", MIB, 10, 10, [MIB]],
    ["with one octet more than a MiB announced: only a MiB at first", MIB + 1, 10, 10, [MIB]],
    ["of at most 64 MiB, whatever is announced", 2 ** 40, MIB + 1, MIB, [MIB, 64 * MIB]],
  ])("%s", (_, announced, total, piece, expected) => {
    expect(rooms(announced, total, piece)).toEqual(expected);
  });

  test("and returns it without a copy if half of it is full", () => {
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

test("needs memory for a million single octets, not for a million Buffers", () => {
  const buffer = new OctetBuffer();
  const octet = Buffer.from("x");
  globalThis.gc?.();
  const before = process.memoryUsage();
  for (let at = 0; at < MIB; at++) buffer.append(octet.subarray(0));
  const after = process.memoryUsage();
  expect(buffer.join().equals(Buffer.alloc(MIB, "x"))).toBe(true);
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(16 * MIB);
});

test("copies what is appended, so that the caller can reuse its chunk", () => {
  const buffer = new OctetBuffer();
  const chunk = Buffer.from("as it came");
  buffer.append(chunk);
  chunk.fill("x");
  expect(buffer.join().toString("latin1")).toBe("as it came");
});

test.each([0, 900, 1000, 5000, 3 * MIB, 2 ** 40])(
  "with %i octets announced, keeps at most twice the memory of a thousand",
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
