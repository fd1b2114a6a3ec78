// Reads a part of a file completely. A single read may return less, on a network or after a signal, and what looks
// torn then is whole.
import type { FileHandle } from "node:fs/promises";

/** Reads `length` octets from the offset `at`. Resolves with fewer only if the file ends before. */
export async function readPart(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const octets = Buffer.allocUnsafe(length);
  let end = 0;
  while (end < length) {
    const { bytesRead } = await file.read(octets, end, length - end, at + end);
    if (bytesRead === 0) break;
    end += bytesRead;
  }
  return octets.subarray(0, end);
}
