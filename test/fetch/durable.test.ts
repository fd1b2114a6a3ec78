// Durable files and directories: what is synced, in which order, and what remains after a failure.
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import {
  isTemporaryOf,
  makeDirectory,
  replaceFile,
  syncDirectory,
  syncName,
} from "../../src/fetch/files/fsync.ts";
import { fileHandles, systemError } from "../support/file-handles.ts";
import { scratch } from "../support/scratch.ts";
import { until } from "../support/turns.ts";

/** A directory that was there before popwright: other users may enter it. */
async function olderDirectory(): Promise<string> {
  const directory = await scratch();
  await chmod(directory, 0o755);
  return directory;
}

/** Counts what is synced. */
async function countSyncs(): Promise<() => number> {
  const sync = vi.spyOn(await fileHandles(), "sync");
  return () => sync.mock.calls.length;
}

describe("replaceFile", () => {
  test("replaces a file completely; syncs the file, then its name, then resolves", async () => {
    const directory = await olderDirectory();
    const path = join(directory, "file");
    await writeFile(path, "old");
    const syncs = await countSyncs();
    await replaceFile(path, "new", {
      confirm: async () => {
        const [name, ...others] = (await readdir(directory)).filter((each) => each !== "file");
        expect(others).toEqual([]);
        expect(isTemporaryOf("file", name as string)).toBe(true);
        expect(await readFile(join(directory, name as string), "utf8")).toBe("new");
        expect(await readFile(path, "utf8")).toBe("old");
        expect(syncs()).toBe(1);
      },
    });
    expect(await readFile(path, "utf8")).toBe("new");
    expect(syncs()).toBe(2);
    expect(await readdir(directory)).toEqual(["file"]);
  });

  test("creates the file if it is missing, with the requested permissions", async () => {
    const directory = await scratch();
    await replaceFile(join(directory, "a"), Buffer.from([0, 255, 10]));
    await replaceFile(join(directory, "b"), "b", { mode: 0o640 });
    expect(await readFile(join(directory, "a"))).toEqual(Buffer.from([0, 255, 10]));
    expect((await stat(join(directory, "a"))).mode & 0o777).toBe(0o600);
    expect((await stat(join(directory, "b"))).mode & 0o777).toBe(0o640);
  });

  test("leaves only the old file if it fails", async () => {
    const directory = await scratch();
    const path = join(directory, "file");
    await writeFile(path, "old");
    const failure = systemError("ENOSPC");
    await expect(replaceFile(path, "new", { confirm: () => Promise.reject(failure) })).rejects.toBe(failure);
    for (const method of ["writeFile", "sync"] as const) {
      const spy = vi.spyOn(await fileHandles(), method).mockRejectedValue(failure);
      await expect(replaceFile(path, "new")).rejects.toBe(failure);
      spy.mockRestore();
    }
    expect(await readFile(path, "utf8")).toBe("old");
    expect(await readdir(directory)).toEqual(["file"]);
  });
});

describe("makeDirectory", () => {
  test("rejects if the directory cannot be created", async () => {
    await expect(makeDirectory("/proc/popwright/state")).rejects.toThrow(/mkdir/);
  });

  test.each(["", "below", "below/further"])(
    "says which part of the path is a file: file/%s",
    async (below) => {
      const path = join(await scratch(), "file");
      await writeFile(path, "");
      await expect(makeDirectory(join(path, below))).rejects.toMatchObject({
        code: "ENOTDIR",
        syscall: "mkdir",
        message: `${path} is not a directory`,
      });
    },
  );

  test("creates missing directories, accessible to the owner only, and syncs the name of each", async () => {
    const directory = await olderDirectory();
    const syncs = await countSyncs();
    await makeDirectory(join(directory, "a", "b", "c"));
    expect(syncs()).toBe(3);
    for (const path of ["a", "a/b", "a/b/c"])
      expect((await stat(join(directory, path))).mode & 0o777, path).toBe(0o700);
    await makeDirectory(join(directory, "a", "b", "c"));
    expect(syncs()).toBe(3);
    await makeDirectory(join(directory, "a", "b", "..", "d/"));
    expect(syncs()).toBe(4);
  });

  test("syncs the names of directories that were created by a process that may have died", async () => {
    const directory = await olderDirectory();
    await mkdir(join(directory, "a", "b"), { recursive: true, mode: 0o700 });
    const syncs = await countSyncs();
    await makeDirectory(join(directory, "a", "b"));
    expect(syncs()).toBe(2);
    await makeDirectory(join(directory, "a", "b"));
    await makeDirectory(join(directory, "a"));
    expect(syncs()).toBe(2);
    await mkdir(join(directory, "c"), { mode: 0o700 });
    await makeDirectory(join(directory, "c", "d"));
    expect(syncs()).toBe(4);
  });

  test("syncs a name again if that has failed", async () => {
    const directory = join(await olderDirectory(), "a");
    const failing = vi.spyOn(await fileHandles(), "sync").mockRejectedValueOnce(systemError("EIO"));
    await expect(makeDirectory(directory)).rejects.toMatchObject({ code: "EIO" });
    expect(failing).toHaveBeenCalledTimes(1);
    await makeDirectory(directory);
    expect(failing).toHaveBeenCalledTimes(2);
    await makeDirectory(directory);
    expect(failing).toHaveBeenCalledTimes(2);
  });
});

describe("syncDirectory", () => {
  test("syncs a directory, and rejects if it does not exist", async () => {
    const directory = await scratch();
    const syncs = await countSyncs();
    await syncDirectory(directory);
    expect(syncs()).toBe(1);
    await expect(syncDirectory(join(directory, "none"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("is shared by calls that arrive during a sync: none resolves before a sync that began after it", async () => {
    const directory = await scratch();
    const held: ((error?: Error) => void)[] = [];
    const sync = vi
      .spyOn(await fileHandles(), "sync")
      .mockImplementation(
        () => new Promise((resolve, reject) => held.push((error) => (error ? reject(error) : resolve()))),
      );
    const settled: string[] = [];
    const call = (name: string, path = directory): void => {
      syncDirectory(path).then(
        () => settled.push(name),
        () => settled.push(`${name} fails`),
      );
    };
    for (const name of ["a", "b"]) call(name);
    await until(() => held.length === 1);
    for (const name of ["c", "d", "e"]) call(name);
    call("other", join(directory, ".."));
    await until(() => held.length === 2);
    held[0]?.();
    await until(() => settled.length === 2);
    expect(settled).toEqual(["a", "b"]);
    await until(() => held.length === 3);
    call("f");
    held[2]?.(systemError("EIO"));
    await until(() => held.length === 4);
    held[3]?.();
    held[1]?.();
    await until(() => settled.length === 7);
    expect([...settled].sort()).toEqual(["a", "b", "c fails", "d fails", "e fails", "f", "other"]);
    expect(sync).toHaveBeenCalledTimes(4);
  });

  test("rejects if the sync fails, except on file systems that do not support it", async () => {
    const directory = await scratch();
    const sync = vi.spyOn(await fileHandles(), "sync");
    for (const code of ["EINVAL", "ENOTSUP"]) {
      sync.mockRejectedValueOnce(systemError(code));
      await syncDirectory(directory);
    }
    sync.mockRejectedValueOnce(systemError("EIO"));
    await expect(syncDirectory(directory)).rejects.toMatchObject({ code: "EIO" });
  });

  test("ignores EPERM on Windows, where every directory fails with it, and rejects elsewhere", async () => {
    const directory = await scratch();
    vi.spyOn(await fileHandles(), "sync").mockRejectedValueOnce(systemError("EPERM"));
    if (process.platform === "win32") await syncDirectory(directory);
    else await expect(syncDirectory(directory)).rejects.toMatchObject({ code: "EPERM" });
  });
});

describe("syncName", () => {
  test("syncs a path once, and rejects if that fails", async () => {
    const path = join(await scratch(), "file");
    await writeFile(path, "");
    const syncs = await countSyncs();
    await syncName(path);
    expect(syncs()).toBe(1);
    vi.spyOn(await fileHandles(), "sync").mockRejectedValueOnce(systemError("EIO"));
    await expect(syncName(path)).rejects.toMatchObject({ code: "EIO" });
  });
});
