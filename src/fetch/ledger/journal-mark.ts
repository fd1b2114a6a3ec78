// Tells whether a journal is still the one that was read or written: by its size, its inode, and the time of its last
// change.
import type { BigIntStats } from "node:fs";
import { isSystemError } from "../files/fsync.ts";
import { ForeignFileError, openStated } from "../files/own-file.ts";
import { constants, lstatExactly } from "../files/patient-fs.ts";

/** A journal at a moment at which its contents were known. */
export interface JournalMark {
  /** Where the last complete record ends; octets. 0: there is no journal. */
  readonly size: number;
  /** When the journal was last changed; nanoseconds since 1970. */
  readonly modified: bigint;
  readonly inode: bigint;
  /** The number of its lines. */
  readonly lines: number;
  /** The number of entries when all of it was last read. */
  readonly entries: number;
}

/** Returns the mark of a journal from what the system says about the file. */
export function markFrom(
  { mtimeNs: modified, ino: inode }: Pick<BigIntStats, "mtimeNs" | "ino">,
  counts: Pick<JournalMark, "size" | "lines" | "entries">,
): JournalMark {
  return { ...counts, modified, inode };
}

/** Tells whether the journal is the marked one, unchanged. */
export function isMarked(mark: JournalMark, { size, mtimeNs, ino }: BigIntStats): boolean {
  return BigInt(mark.size) === size && mark.modified === mtimeNs && mark.inode === ino;
}

/**
 * Looks at a journal without reading it. Resolves with `undefined` if it does not exist, or is not a regular file.
 * `isLocal`: see {@link isOnLocalDisk}. Rejects with other system errors.
 */
export async function lookAt(path: string, isLocal = false): Promise<BigIntStats | undefined> {
  try {
    if (isLocal) return await lstatExactly(path);
    const { file, stats } = await openStated(path, constants.O_RDONLY);
    await file.close();
    return stats;
  } catch (error) {
    if (isSystemError(error, "ENOENT") || error instanceof ForeignFileError) return undefined;
    throw error;
  }
}
