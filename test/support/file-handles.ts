// Watches all operations on open files, and makes them fail.
import { open, type FileHandle } from "node:fs/promises";

/** What every `FileHandle` inherits. */
export async function fileHandles(): Promise<FileHandle> {
  const file = await open(import.meta.filename, "r");
  await file.close();
  return Object.getPrototypeOf(file) as FileHandle;
}

/** As the system reports it. */
export function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: it is said to have happened`), { code });
}
