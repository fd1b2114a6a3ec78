// Reads files completely. `readFile` of Node takes a read that returns less for the end of the file, and on a network, or
// after a signal, any read may return less: a journal would lose its entries, and a password its end.
import { open, type FileHandle } from "node:fs/promises";

/** How much is read at a time; octets. */
const PIECE = 64 * 1024;

/** Reads an open file, from its position to its end. `size`: how much is expected; octets. */
export async function readWhole(file: FileHandle, size: number = PIECE): Promise<Buffer> {
  const pieces: Buffer[] = [];
  // One octet more, so that the read that finds the end needs no other piece.
  let piece = Buffer.allocUnsafe(size + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(piece, length, piece.length - length, null);
    length += bytesRead;
    if (bytesRead === 0) {
      const last = piece.subarray(0, length);
      return pieces.length === 0 ? last : Buffer.concat([...pieces, last]);
    }
    if (length < piece.length) continue;
    pieces.push(piece);
    piece = Buffer.allocUnsafe(PIECE);
    length = 0;
  }
}

/** Opens, reads and closes a file. */
export async function readFile(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    return await readWhole(file);
  } finally {
    await file.close();
  }
}
