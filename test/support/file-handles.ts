// Watches all operations on open files, and makes them fail.
import { open, type FileHandle } from "node:fs/promises";
import { vi, type MockInstance } from "vitest";

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

type Method = "read" | "write" | "appendFile";

/** Puts `step` around the calls of `method` on all open files: it decides when and whether the call is made. */
export async function intercept(
  method: Method,
  step: (call: () => Promise<unknown>) => unknown,
): Promise<MockInstance> {
  const handles = await fileHandles();
  const original = Reflect.get(handles, method) as (...args: unknown[]) => Promise<unknown>;
  const spy = vi.spyOn(handles, method as "appendFile");
  return spy.mockImplementation(async function (this: FileHandle, ...args: unknown[]) {
    return (await step(() => original.apply(this, args))) as never;
  });
}
