/** Octets for the tests, every way to cut them, and random inputs that are the same in each run. */
import fc from "./fast-check.ts";

/** One character, one octet. */
export const octets = (text: string): Buffer => Buffer.from(text, "latin1");

export const text = (wire: Buffer): string => wire.toString("latin1");

export const whole = (wire: Buffer): Buffer[] => [wire];

/** One octet in each chunk. */
export const singly = (wire: Buffer): Buffer[] => Array.from(wire, (octet) => Buffer.of(octet));

/** In pieces of `size` octets. */
export function inPieces(wire: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < wire.length; at += size) chunks.push(wire.subarray(at, at + size));
  return chunks;
}

/** Whole, octet by octet, and cut at each place and at each two places. An empty chunk is among them. */
export function* everyCut(wire: Buffer): Generator<Buffer[], void> {
  yield whole(wire);
  yield singly(wire);
  for (let first = 0; first <= wire.length; first++) {
    for (let second = first; second <= wire.length; second++) {
      yield [wire.subarray(0, first), wire.subarray(first, second), wire.subarray(second)];
    }
  }
}

/** What POP3 has a meaning for, alone and together: random text would not come across it. */
const HOT: readonly string[] = [
  ...[".", "\r", "\n", "+", "-", "\0", "\xff", "a", " ", "1"],
  ...["\r\n", "\r\n.", "\r\n..", ".\r\n", "\r\n.\r\n", "\n.\n", "+OK\r\n", "-ERR no\r\n"],
];

/** A wire full of what matters, and how it is cut: sizes of chunks, over and over. */
export interface CutWire {
  readonly wire: Buffer;
  readonly sizes: readonly number[];
}

const sizes: fc.Arbitrary<number[]> = fc.array(fc.integer({ min: 1, max: 12 }), {
  minLength: 1,
  maxLength: 8,
});

/** `pieces`: what the wire is made of. */
export function cutWire(pieces: readonly string[] = HOT, maxLength = 40): fc.Arbitrary<CutWire> {
  return fc.record({ wire: wireOf(pieces, maxLength), sizes });
}

export function wireOf(pieces: readonly string[] = HOT, maxLength = 40): fc.Arbitrary<Buffer> {
  return fc.array(fc.constantFrom(...pieces), { maxLength }).map((parts) => octets(parts.join("")));
}

export function cut({ wire, sizes }: CutWire): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, turn = 0; at < wire.length; turn++) {
    const size = sizes[turn % sizes.length] as number;
    chunks.push(wire.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

/** How often a test goes through the same again: less often in `npm run test:mutation`, which does so for each mutant. */
export const times = (usual: number): number => Math.ceil(usual * Number(process.env["TEST_SHARE"] ?? "1"));

/** Holds for every input drawn; the seed is fixed. */
export function always<T>(inputs: fc.Arbitrary<T>, holds: (input: T) => void, numRuns = 1000): void {
  fc.assert(fc.property(inputs, holds), { seed: 1939, numRuns: times(numRuns) });
}
