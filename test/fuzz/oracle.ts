// What the targets have in common: ways to cut an input, and checks that say what is wrong.
import { inspect, isDeepStrictEqual } from "node:util";
import { Pop3Error } from "../../src/errors.ts";

export const octets = (text: string): Buffer => Buffer.from(text, "latin1");

export const text = (data: Buffer): string => data.toString("latin1");

/** Throws if the two differ. `what`: the check, in words without a colon. */
export function expectSame(actual: unknown, expected: unknown, what: string): void {
  if (actual === expected || isDeepStrictEqual(actual, expected)) return;
  throw new Error(`${what}: got ${shown(actual)}, expected ${shown(expected)}`);
}

/** Throws if `holds` is not true. `what`: the check, in words without a colon. `value`: what it is about. */
export function expectThat(holds: boolean, what: string, value?: unknown): asserts holds {
  if (!holds) throw new Error(`${what}: ${shown(value)}`);
}

function shown(value: unknown): string {
  return inspect(value, { depth: 6, breakLength: Infinity, maxStringLength: 2000 });
}

/** The most octets of an input that is cut into single octets. */
const SINGLY = 256;

/**
 * Yields the input in pieces: in two halves, in single octets if it is short, and in two ways that depend on its content.
 * The pieces are copies, because a parser may decode in place.
 */
export function* cuts(data: Buffer): Generator<Buffer[], void> {
  const half = data.length >> 1;
  yield pieces(data, () => Math.max(half, 1));
  if (data.length <= SINGLY) yield pieces(data, () => 1);
  let random = hashOf(data);
  for (const largest of [7, 64]) {
    yield pieces(data, () => {
      random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
      return 1 + ((random >>> 16) % largest);
    });
  }
}

function pieces(data: Buffer, next: () => number): Buffer[] {
  const list: Buffer[] = [];
  for (let at = 0; at < data.length;) {
    const size = next();
    list.push(Buffer.from(data.subarray(at, at + size)));
    at += size;
  }
  return list;
}

function hashOf(data: Buffer): number {
  let hash = 0x811c9dc5;
  for (const octet of data) hash = Math.imul(hash ^ octet, 0x01000193);
  return hash >>> 0;
}

/** A value, or the code of the error that was thrown in its place. */
export type Outcome<T> = { readonly value: T } | { readonly code: string };

/** Returns the outcome of a call. Only an error of the library with one of these codes is one. */
export function outcomeOf<T>(codes: readonly string[], call: () => T): Outcome<T> {
  try {
    return { value: call() };
  } catch (error) {
    return { code: codeOf(codes, error) };
  }
}

/** As {@link outcomeOf}, for a call that returns a promise. */
export async function settledOutcome<T>(
  codes: readonly string[],
  call: () => Promise<T>,
): Promise<Outcome<T>> {
  try {
    return { value: await call() };
  } catch (error) {
    return { code: codeOf(codes, error) };
  }
}

function codeOf(codes: readonly string[], error: unknown): string {
  if (!Pop3Error.is(error)) throw error;
  expectThat(codes.includes(error.code), "an error that is not documented", `${error.code} ${error.message}`);
  expectThat(isOneLine(error.message), "an error that cannot be printed", error.message);
  return error.code;
}

/** Whether an error can be printed: the server's text in it is escaped. */
export function isOneLine(message: string): boolean {
  return !/[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/.test(message);
}

/** Whether a text has no half of a surrogate pair. */
export function isWellFormed(said: string): boolean {
  return !/\p{Surrogate}/u.test(said);
}

/** A part of the input that says how the rest is used: `fromFirst(data, 4)` is a number from 0 to 3, and the rest. */
export function fromFirst(data: Buffer, below: number): [number: number, rest: Buffer] {
  return [(data[0] ?? 0) % below, data.subarray(1)];
}
