// Makes files and names survive a crash: bytes survive once their file is synced, a name once its directory
// is synced.
import { randomBytes } from "node:crypto";
import { mkdir, stat, type FileHandle } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { printable } from "../../protocol/printable.ts";
import { open, rename, rm } from "./patient-fs.ts";

/** For each directory the sync that runs, and the one that begins after it. */
const running: Map<string, Promise<void>> = new Map();
const coming: Map<string, Promise<void>> = new Map();

/**
 * Makes the names in a directory durable (created, renamed, removed): they survive a crash once this
 * resolves. Calls that arrive during a sync share the next one. Windows has no call for that. There
 * {@link syncName} makes the name of a file durable.
 */
export function syncDirectory(path: string): Promise<void> {
  let sync = coming.get(path);
  if (sync === undefined) {
    sync = syncAfter(running.get(path), path);
    coming.set(path, sync);
  }
  return sync;
}

async function syncAfter(before: Promise<void> | undefined, path: string): Promise<void> {
  await before?.catch(() => undefined);
  const sync = syncNow(path);
  running.set(path, sync);
  coming.delete(path);
  try {
    await sync;
  } finally {
    if (running.get(path) === sync) running.delete(path);
  }
}

async function syncNow(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await syncOpenDirectory(directory);
  } finally {
    await directory.close();
  }
}

/** Makes the names in an open directory durable, see {@link syncDirectory}. */
export async function syncOpenDirectory(directory: FileHandle): Promise<void> {
  try {
    await directory.sync();
  } catch (error) {
    // CIFS and some FUSE file systems cannot sync a directory. Windows never can, and reports EPERM.
    if (process.platform === "win32" && isSystemError(error, "EPERM")) return;
    if (!isSystemError(error, "EINVAL") && !isSystemError(error, "ENOTSUP")) throw error;
  }
}

/** Makes the name of an existing file durable: it survives a crash once this resolves. */
export async function syncName(path: string): Promise<void> {
  if (process.platform !== "win32") return syncDirectory(dirname(path));
  // On Windows, flushing a file also writes its metadata, which includes its names. That requires a handle
  // with write access.
  try {
    const file = await open(path, "r+");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    // A mail reader may have moved it already.
    if (!isSystemError(error, "ENOENT")) throw error;
  }
}

/**
 * Truncates a file that is open for appending. On Windows this needs a second handle, because a handle for
 * appending cannot write elsewhere. `path` is the name of the file. If another file has that name by now,
 * nothing is changed.
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

/** The directories whose names will survive a crash, as far as this process knows. */
const lasting: Set<string> = new Set();

/**
 * Creates a directory and its missing parents, accessible for this user only. Their names will survive a crash, even if
 * a process created them before, and died before it synced them or could not sync them.
 */
export async function makeDirectory(path: string): Promise<void> {
  const directory = resolve(path);
  const above = dirname(directory);
  const made = await make(directory).catch(async (error: unknown) => {
    const isAbove = isSystemError(error, "ENOENT") || isSystemError(error, "ENOTDIR");
    if (!isAbove || above === directory) throw error;
    // `recursive` would loop for ever in a directory that accepts no sub-directories (/proc).
    await makeDirectory(above);
    return make(directory);
  });
  if (made) {
    lasting.delete(directory);
    await syncDirectory(above);
    await keepDirectory(above);
    lasting.add(directory);
  } else await keepDirectory(directory);
}

/**
 * Makes the names of an existing directory and of those above it durable, once in the life of the process. Ends at a
 * directory that other users may enter: {@link makeDirectory} creates none, so it was there before.
 */
async function keepDirectory(directory: string): Promise<void> {
  if (lasting.has(directory)) return;
  const above = dirname(directory);
  // Windows shows such permissions for every directory, and cannot sync one.
  if (above !== directory && ((await stat(directory)).mode & 0o077) === 0) {
    await syncDirectory(above).catch((error: unknown) => {
      // A home directory may be in one that its owner may not read. This process has not created it.
      if (!isSystemError(error, "EACCES") && !isSystemError(error, "EPERM")) throw error;
    });
    await keepDirectory(above);
  }
  lasting.add(directory);
}

/** Creates one directory. Returns `false` if it was already there. */
async function make(directory: string): Promise<boolean> {
  try {
    await mkdir(directory, { mode: 0o700 });
    return true;
  } catch (error) {
    // Usually EEXIST. For a root directory, or one that cannot be written to, systems report other codes.
    const found = await stat(directory).catch((failure: unknown) => {
      // What is there cannot be seen. That it exists would be no reason.
      if (isSystemError(error, "EEXIST") && !isSystemError(failure, "ENOENT")) throw failure;
      return undefined;
    });
    if (found === undefined) throw error;
    if (!found.isDirectory()) throw notDirectory(directory, error);
    return false;
  }
}

/** Node's own error says that a file exists, or names a path below it. */
function notDirectory(path: string, cause: unknown): NodeJS.ErrnoException {
  const error = new Error(`${printable(path)} is not a directory`, { cause });
  return Object.assign(error, { code: "ENOTDIR", syscall: "mkdir", path });
}

export interface ReplaceFileOptions {
  /** The permissions of the file. @default 0o600 */
  readonly mode?: number;
  /** Called when everything but the name is written. If it rejects, the old file stays. */
  readonly confirm?: () => Promise<void>;
}

/**
 * Creates or replaces a file in one step: a reader sees the old file or the new one, complete, even after a
 * crash. A crash may leave a temporary file in the same directory, see {@link isTemporaryOf}.
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
  await keepDirectory(dirname(resolve(path)));
}

/**
 * Tells whether `file` is a temporary file that was written to become `name`. Both are names without a
 * directory.
 */
export function isTemporaryOf(name: string, file: string): boolean {
  return file.startsWith(`${name}.`) && /^[0-9a-f]{16}\.tmp$/.test(file.slice(name.length + 1));
}

/** Tells whether `error` is a system error with this code, for example `ENOENT`. */
export function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}
