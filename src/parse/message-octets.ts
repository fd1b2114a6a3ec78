// Reads a whole message into memory, from a Buffer or a stream, up to a maximum size, without copying it whole.
import { Readable } from "node:stream";
import { types } from "node:util";
import { Pop3AbortError, Pop3Error } from "../errors.ts";
import { onAbort } from "../net/abort.ts";
import { argumentError, shown } from "../options/checks.ts";
import type { MessageSource } from "./message.ts";
import { TURN_OCTETS } from "./turns.ts";

/**
 * Reads all bytes of the source, in pieces. If it is too large or the signal aborts, stops reading and destroys a
 * stream.
 */
export async function readOctets(
  source: MessageSource,
  max: number,
  signal: AbortSignal | undefined,
): Promise<Buffer[]> {
  if (types.isUint8Array(source)) {
    if (source.byteLength > max) throw tooLarge(max);
    return [view(source)];
  }
  if (!isAsyncIterable(source)) {
    throw argumentError(
      `source must be a Buffer, Uint8Array, Readable or other async iterable of bytes (got ${shown(source)})`,
    );
  }
  const unsubscribe = onAbort(signal, () => {
    if (source instanceof Readable) source.destroy();
  });
  try {
    return await collect(source, max, signal);
  } catch (error) {
    if (signal?.aborted === true) throw new Pop3AbortError(signal.reason);
    throw error;
  } finally {
    unsubscribe();
  }
}

async function collect(
  source: AsyncIterable<unknown>,
  max: number,
  signal: AbortSignal | undefined,
): Promise<Buffer[]> {
  const pieces: Buffer[] = [];
  let small: Uint8Array[] = [];
  let smallSize = 0;
  let size = 0;
  for await (const chunk of source) {
    signal?.throwIfAborted();
    if (!types.isUint8Array(chunk))
      throw argumentError(`source must yield Buffers or Uint8Arrays (got ${shown(chunk)})`);
    size += chunk.byteLength;
    if (size > max) throw tooLarge(max);
    small.push(chunk);
    smallSize += chunk.byteLength;
    // Single bytes would take a hundred times their size.
    if (smallSize < TURN_OCTETS) continue;
    pieces.push(small.length === 1 ? view(chunk) : Buffer.concat(small));
    small = [];
    smallSize = 0;
  }
  return [...pieces, Buffer.concat(small)];
}

/** Returns the first bytes of the pieces in one piece. */
export function firstOctets(pieces: readonly Buffer[], size: number): Buffer {
  const [first = Buffer.alloc(0)] = pieces;
  if (pieces.length === 1 || first.length >= size) return first.subarray(0, size);
  let length = 0;
  const count = pieces.findIndex((piece) => (length += piece.length) >= size);
  return Buffer.concat(count < 0 ? pieces : pieces.slice(0, count + 1)).subarray(0, size);
}

/** Returns the pieces without their first bytes. */
export function afterOctets(pieces: readonly Buffer[], size: number): Buffer[] {
  let left = size;
  return pieces
    .map((piece) => {
      const skipped = Math.min(left, piece.length);
      left -= skipped;
      return piece.subarray(skipped);
    })
    .filter((piece) => piece.length > 0);
}

function view(octets: Uint8Array): Buffer {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
}

function tooLarge(max: number): Pop3Error {
  return new Pop3Error(
    "POP3_MESSAGE_TOO_LARGE",
    `the message is larger than maxMessageSize (${String(max)} bytes)`,
  );
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}
