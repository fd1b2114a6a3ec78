// Simulates files on a full disk: the next time that an operation is applied to a file, half of it is carried
// out, and it fails.
import { open, type FileHandle } from "node:fs/promises";
import { vi } from "vitest";

/** What is done to a file. */
export type FileStep = "write" | "appendFile" | "sync" | "datasync";

/** Makes `step` fail, after `nth` times that succeed. */
export async function breakFiles(step: FileStep, nth = 0): Promise<{ readonly repair: () => void }> {
  const prototype = await fileHandlePrototype();
  const original = methodOf(prototype, step);
  let times = 0;
  const spy = vi.spyOn(prototype, step).mockImplementation(async function (
    this: FileHandle,
    ...args: unknown[]
  ) {
    if (times++ !== nth) return original.apply(this, args);
    const [data] = args;
    if (data instanceof Buffer && data.length > 1)
      await original.call(this, data.subarray(0, data.length / 2));
    throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
  } as never);
  return { repair: () => spy.mockRestore() };
}

/** What all open files have in common. */
export async function fileHandlePrototype(): Promise<FileHandle> {
  const file = await open(import.meta.filename);
  await file.close();
  return Object.getPrototypeOf(file) as FileHandle;
}

/** A method as such, to be called with its file. */
export function methodOf(
  prototype: FileHandle,
  name: string,
): (this: FileHandle, ...args: unknown[]) => Promise<unknown> {
  return Reflect.get(prototype, name) as ReturnType<typeof methodOf>;
}
