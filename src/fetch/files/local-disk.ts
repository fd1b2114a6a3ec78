// Tells whether a directory is on a disk of this host alone. There a mere look at a name shows what it is now. Over a
// network it may show what it was a while ago, and only an open file is compared with the server.
import { statfs } from "node:fs/promises";

/** The types of file systems, as Linux numbers them. */
const LOCAL: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // XFS
  0x9123683e, // Btrfs
  0xf2f52010, // F2FS
  0x2fc12fc1, // ZFS
  0x01021994, // tmpfs
  0x794c7630, // OverlayFS
]);

/** Resolves with `undefined` if the directory does not exist, or cannot be asked. Never rejects. */
export async function isOnLocalDisk(directory: string): Promise<boolean | undefined> {
  if (process.platform !== "linux") return false;
  try {
    return LOCAL.has((await statfs(directory)).type);
  } catch {
    return undefined;
  }
}
