// A directory that stays open between syncs: it is closed when it is idle, and opened again if it was replaced.
import { mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { KeptDirectory } from "../../src/fetch/files/kept-directory.ts";
import type * as patient from "../../src/fetch/files/patient-fs.ts";
import { fileHandles, systemError } from "../support/file-handles.ts";
import { scratch } from "../support/scratch.ts";

/** What was done with the directory. */
let log: string[] = [];

vi.mock("../../src/fetch/files/patient-fs.ts", async (importOriginal) => {
  const original = await importOriginal<typeof patient>();
  const open = async (path: string, flags: string): Promise<unknown> => {
    const file = await original.open(path, flags);
    log.push("open");
    const [sync, close] = [file.sync.bind(file), file.close.bind(file)];
    return Object.assign(file, {
      sync: () => (log.push("sync"), sync()),
      close: () => (log.push("close"), close()),
    });
  };
  return { ...original, open };
});

let path: string;
let directory: KeptDirectory;
beforeEach(async () => {
  path = join(await scratch(), "directory");
  await mkdir(path);
  directory = new KeptDirectory(path);
  log = [];
});
afterEach(async () => {
  vi.useRealTimers();
  await directory.close();
});

test("it is opened once, and closed after a second without a sync", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  await directory.sync();
  vi.advanceTimersByTime(999);
  await directory.sync();
  vi.advanceTimersByTime(999);
  await directory.sync();
  expect(log).toEqual(["open", "sync", "sync", "sync"]);
  vi.advanceTimersByTime(1000);
  expect(log.slice(4)).toEqual(["close"]);
  await directory.sync();
  expect(log.slice(5)).toEqual(["open", "sync"]);
});

test("it is opened again if another directory has its name", async () => {
  const link = `${path}.link`;
  directory = new KeptDirectory(link);
  await symlink(path, link, "junction");
  await directory.sync();
  await rm(link);
  await expect(directory.sync()).rejects.toMatchObject({ code: "ENOENT" });
  await mkdir(`${path}.other`);
  await symlink(`${path}.other`, link, "junction");
  await directory.sync();
  expect(log).toEqual(["open", "sync", "close", "open", "sync"]);
});

test("an error of a sync is that of the call, and it stays usable", async () => {
  await directory.sync();
  await directory.close();
  vi.spyOn(await fileHandles(), "sync").mockRejectedValueOnce(systemError("EIO"));
  await expect(directory.sync()).rejects.toMatchObject({ code: "EIO" });
  await directory.sync();
  expect(log).toEqual(["open", "sync", "close", "open", "sync", "sync"]);
});

test("it does not keep the process alive", async () => {
  const timers = vi.spyOn(globalThis, "setTimeout");
  await directory.sync();
  const idle = timers.mock.results.map(({ value }) => value as NodeJS.Timeout);
  expect(idle.map((timer) => timer.hasRef())).toEqual([false]);
});
