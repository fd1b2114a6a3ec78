// Reads a whole message into memory, from a Buffer or a stream, up to a maximum size.
import { Readable } from "node:stream";
import { types } from "node:util";
import { Pop3AbortError, Pop3Error } from "../errors.ts";
import type { MessageSource } from "./message.ts";

/**
 * Reads all bytes of the source. If it is too large or the signal aborts, stops reading and destroys a
 * stream.
 */
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
    throw new TypeError("source must be a Buffer, Uint8Array, Readable or other async iterable of bytes");
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
      throw new TypeError("source must yield Buffers or Uint8Arrays, not strings or objects");
    size += chunk.byteLength;
    if (size > max) throw tooLarge(max);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
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
