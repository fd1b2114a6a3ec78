// A message is taken in whole, from one piece or from a stream, and never beyond its bound.
import { Readable } from "node:stream";
import { types } from "node:util";
import { Pop3AbortError, Pop3Error } from "../errors.ts";
import type { MessageSource } from "./message.ts";

/** Collects the octets. A source that is too large, or whose reading is aborted, is left, which destroys a stream. */
export async function readOctets(
  source: MessageSource,
  max: number,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  if (types.isUint8Array(source)) {
    if (source.byteLength > max) throw tooLarge(max);
    return Buffer.from(source.buffer, source.byteOffset, source.byteLength);
  }
  if (!isAsyncIterable(source)) {
    throw new TypeError("source must be a Buffer, Uint8Array, Readable or other async iterable of octets");
  }
  const stop = (): void => {
    if (source instanceof Readable) source.destroy();
  };
  signal?.addEventListener("abort", stop, { once: true });
  try {
    return await collect(source, max, signal);
  } catch (error) {
    if (signal?.aborted === true) throw new Pop3AbortError(signal.reason);
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

async function collect(
  source: AsyncIterable<unknown>,
  max: number,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    signal?.throwIfAborted();
    if (!types.isUint8Array(chunk))
      throw new TypeError("the source must give octets, not strings or objects");
    size += chunk.byteLength;
    if (size > max) throw tooLarge(max);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

function tooLarge(max: number): Pop3Error {
  return new Pop3Error("POP3_MESSAGE_TOO_LARGE", `the message is larger than ${String(max)} octets`);
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}
