// Memory of small messages: each has its own part, and none keeps much more than itself.
import { expect, test } from "vitest";
import { allocate, SLAB } from "../../src/net/slab.ts";

test("parts do not overlap, whatever their sizes", () => {
  const parts = Array.from({ length: 500 }, (_, at) => allocate((at * 37) % SLAB).fill(at));
  for (const [at, part] of parts.entries()) expect(part.equals(Buffer.alloc(part.length, at))).toBe(true);
  expect(parts.map(({ length }) => length)).toEqual(parts.map((_, at) => (at * 37) % SLAB));
});

test("a small part keeps at most one slab in memory, a large one only itself", () => {
  expect(allocate(1).buffer.byteLength).toBeLessThanOrEqual(SLAB);
  expect(allocate(SLAB / 2).buffer.byteLength).toBeLessThanOrEqual(SLAB);
  expect(allocate(SLAB / 2 + 1).buffer.byteLength).toBe(SLAB / 2 + 1);
});

test("parts start where typed arrays of any kind may start", () => {
  const offsets = Array.from({ length: 30 }, () => allocate(5001).byteOffset % 8);
  expect(offsets).toEqual(offsets.map(() => 0));
});

test("a part that is transferred does not take the others with it", () => {
  const [one, ...others] = Array.from({ length: 10 }, () => allocate(10).fill("x")) as [Buffer, ...Buffer[]];
  try {
    structuredClone(one, { transfer: [one.buffer as ArrayBuffer] });
  } catch {
    // Node refuses to transfer a part of a slab.
  }
  expect(others.map(String)).toEqual(others.map(() => "x".repeat(10)));
});
