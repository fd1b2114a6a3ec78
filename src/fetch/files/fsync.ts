// What outlasts a crash: octets once their file is synced, a name once its directory is.
import { randomBytes } from "node:crypto";
import { mkdir, stat, type FileHandle } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { open, rename, rm } from "./patient-fs.ts";

/**
 * Resolves when the names in a directory (made, renamed, removed) will outlast a crash. Windows has no call for that;
 * there it is {@link syncName} that makes the name of a file durable.
 */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } catch (error) {
    // CIFS and some of FUSE cannot sync a directory; Windows never can, and calls that EPERM.
    if (process.platform === "win32" && isSystemError(error, "EPERM")) return;
    if (!isSystemError(error, "EINVAL") && !isSystemError(error, "ENOTSUP")) throw error;
  } finally {
    await directory.close();
  }
}

/** Resolves when a file that is there has its name for good: after a crash, too. */
export async function syncName(path: string): Promise<void> {
  if (process.platform !== "win32") return syncDirectory(dirname(path));
  // To flush a file on Windows writes all changes of its metadata, of which its names are a part. That takes a handle
  // with the right to write.
  try {
    const file = await open(path, "r+");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    // A reader of the mail may have moved it already.
    if (!isSystemError(error, "ENOENT")) throw error;
  }
}

/**
 * Cuts a file that is open for appending. On Windows that takes another handle: one for appending has no
 * right to write elsewhere. `path` is its name; nothing is done if another file has that name by now.
 */
export async function cutAppended(file: FileHandle, path: string, length: number): Promise<void> {
  if (process.platform !== "win32") return file.truncate(length);
  const writable = await open(path, "r+");
  try {
    const [{ ino, dev }, named] = await Promise.all([
      file.stat({ bigint: true }),
      writable.stat({ bigint: true }),
    ]);
    if (ino === named.ino && dev === named.dev) await writable.truncate(length);
  } finally {
    await writable.close();
  }
}

/** Makes a directory, and those above it, where they are missing; for nobody but us. */
export async function makeDirectory(path: string): Promise<void> {
  const directory = resolve(path);
  const above = dirname(directory);
  const made = await make(directory).catch(async (error: unknown) => {
    if (!isSystemError(error, "ENOENT") || above === directory) throw error;
    // Not by `recursive`, which goes round and round where a directory takes no others (/proc).
    await makeDirectory(above);
    return make(directory);
  });
  if (made) await syncDirectory(above);
}

/** Returns whether it was missing. */
async function make(directory: string): Promise<boolean> {
  try {
    await mkdir(directory, { mode: 0o700 });
    return true;
  } catch (error) {
    // EEXIST, mostly; of a root, or what cannot be written anyway, systems say other things.
    const found = await stat(directory).catch(() => undefined);
    if (found?.isDirectory() !== true) throw error;
    return false;
  }
}

export interface ReplaceFileOptions {
  /** The permissions of the file. @default 0o600 */
  readonly mode?: number;
  /** Waited for when all is written but the name: where it rejects, the old file stays. */
  readonly confirm?: () => Promise<void>;
}

/**
 * Puts a file in the place of another, or of none, at once: whoever reads it, and whatever crashes, there is the old
 * or the new one, whole. What a crash may leave is a temporary file beside it, see {@link isTemporaryOf}.
 */
export async function replaceFile(
  path: string,
  data: string | Uint8Array,
  { mode = 0o600, confirm }: ReplaceFileOptions = {},
): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString("hex")}.tmp`;
  try {
    const file = await open(temporary, "wx", mode);
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await confirm?.();
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
  await syncName(path);
}

/** Whether a file of this name was to become `name`: without its directory, both. */
export function isTemporaryOf(name: string, file: string): boolean {
  return file.startsWith(`${name}.`) && /^[0-9a-f]{16}\.tmp$/.test(file.slice(name.length + 1));
}

/** Whether an error of the system has this code: `ENOENT`. */
export function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}
