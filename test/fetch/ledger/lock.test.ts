// Locks have one holder at a time, even after a crash or a long silence, and if several processes want the
// lock at the same moment.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { lstat, lutimes, open, readdir, readFile, rm, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Lock } from "../../../src/fetch/files/lock.ts";
import { isClaim } from "../../../src/fetch/files/lock-file.ts";
import { turns, until } from "../../support/turns.ts";
import { fileHandles, intercept, systemError } from "../../support/file-handles.ts";
import { deadPid, lockText, silence, type LockFields } from "../../support/holders.ts";
import { obstacles, place } from "../../support/obstacles.ts";
import { scratch } from "../../support/scratch.ts";

vi.mock("node:fs/promises", { spy: true });

const root = join(import.meta.dirname, "../../..");
const tsx = pathToFileURL(join(root, "node_modules/tsx/dist/esm/index.mjs")).href;
const TIMES = { heartbeat: 10_000, stale: 60_000 };
const TOKEN = "0123456789abcdef";

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await scratch();
  path = join(directory, "ann.lock");
});

afterEach(() => void vi.useRealTimers());

class LostError extends Error {}
const OPTIONS = { ...TIMES, lostError: (message: string) => new LostError(message) };

const take = (): Promise<Lock | undefined> => Lock.take(path, OPTIONS);

async function taken(): Promise<Lock> {
  const lock = await take();
  if (lock === undefined) throw new Error("another holds it");
  return lock;
}

/** A lock file as another has left it. */
async function leave(fields: LockFields, at: string = path): Promise<void> {
  await writeFile(at, await lockText({ token: TOKEN, ...fields }));
}

const takenOver = (): Error => new LostError(`the lock was taken over by another run: ${path}`);

describe("a lock", () => {
  test("names its holder, is readable for its owner only, and is removed on release", async () => {
    const lock = await taken();
    expect(lock.takenOver).toBe(false);
    expect(JSON.parse(await readFile(path, "utf8"))).toEqual({
      token: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      pid: process.pid,
      host: expect.any(String) as string,
      fence: String(lock.fence),
      since: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
    });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await lock.confirm();
    await lock.release();
    expect(await readdir(directory)).toEqual([]);
    await (await taken()).release();
  });

  test("has one holder", async () => {
    const lock = await taken();
    expect(await take()).toBeUndefined();
    const locks = await Promise.all(Array.from({ length: 10 }, take));
    expect(locks).toEqual(Array.from({ length: 10 }));
    await lock.confirm();
    expect(await readdir(directory)).toEqual(["ann.lock"]);
    await lock.release();
  });

  test("is not given to any of many while it is held, and no name gets too long for them", async () => {
    const lock = await taken();
    expect(await Promise.all(Array.from({ length: 60 }, take))).toEqual(Array.from({ length: 60 }));
    await lock.release();
    const locks = (await Promise.all(Array.from({ length: 60 }, take))).filter((each) => each !== undefined);
    expect(locks.length).toBe(1);
    await locks[0]?.release();
    expect(await readdir(directory)).toEqual([]);
  });

  test("is given to one of several that want it at once", async () => {
    for (let round = 0; round < 10; round++) {
      const locks = (await Promise.all(Array.from({ length: 10 }, take))).filter(
        (lock) => lock !== undefined,
      );
      expect(locks.length).toBe(1);
      expect(locks[0]?.takenOver).toBe(false);
      await locks[0]?.release();
    }
  });

  test("that cannot be written is not created", async () => {
    const cause = systemError("ENOSPC");
    for (const method of ["writeFile", "stat"] as const) {
      const failing = vi.spyOn(await fileHandles(), method).mockRejectedValue(cause);
      await expect(take()).rejects.toBe(cause);
      failing.mockRestore();
      expect(await readdir(directory)).toEqual([]);
    }
  });

  test("that is written only in part, on a full disk, is not created", () => {
    // A limit on the size of a file: the first write is short, as on a full disk, and the next one fails.
    const script = `
      import { Lock } from "${pathToFileURL(join(root, "src/fetch/files/lock.ts")).href}";
      const lock = await Lock.take(process.argv[1], { heartbeat: 10000, stale: 60000 }).catch(({ code }) => code);
      process.exit(lock === "EFBIG" ? 7 : 8);
    `;
    const node = [process.execPath, "--import", tsx, "--input-type=module", "-e", script, path];
    const limited = spawnSync("prlimit", ["--fsize=20", ...node], { cwd: root, encoding: "utf8" });
    expect([limited.status, limited.stderr]).toEqual([7, ""]);
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe("a lock that cannot be removed on release", () => {
  const EIO = systemError("EIO");

  test("is marked as free, for this process and for others", async () => {
    const lock = await taken();
    vi.mocked(unlink).mockRejectedValueOnce(EIO);
    await lock.release();
    // Its process lives, and it is young: nothing else tells.
    expect(await readFile(path, "utf8")).toMatch(
      new RegExp(`^-"token":"[0-9a-f]{16}","pid":${process.pid},`),
    );
    const next = await taken();
    expect(next.takenOver).toBe(true);
    await next.confirm();
    await next.release();
    expect(await readdir(directory)).toEqual([]);
  });

  test("is marked as free even if it is renewed at the same moment", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const lock = await taken();
    vi.mocked(unlink).mockRejectedValueOnce(EIO);
    vi.advanceTimersByTime(TIMES.heartbeat);
    await lock.release();
    await (await taken()).release();
    expect(await readdir(directory)).toEqual([]);
  });

  test("is free even if its holder cannot read it", async () => {
    const lock = await taken();
    const read = vi.spyOn(await fileHandles(), "read").mockRejectedValueOnce(EIO);
    await lock.release();
    read.mockRestore();
    expect((await readFile(path, "utf8"))[0]).toBe("-");
    await (await taken()).release();
    expect(await readdir(directory)).toEqual([]);
  });

  test("is held even if its claim cannot be removed", async () => {
    vi.mocked(unlink).mockRejectedValueOnce(EIO);
    const lock = await taken();
    await lock.confirm();
    await lock.release();
    const [left = "", ...others] = await readdir(directory);
    expect([isClaim(left), others]).toEqual([true, []]);
  });

  test.each([1, 2])("does not stop the process that takes over, at its %i. removal", async (nth) => {
    await leave({});
    for (let before = 1; before < nth; before++) vi.mocked(unlink).mockResolvedValueOnce();
    vi.mocked(unlink).mockRejectedValueOnce(EIO);
    expect(await take()).toBeUndefined();
    await silence(path, 61_000);
    const lock = await taken();
    await lock.confirm();
    await lock.release();
  });
});

describe("a path that is not a lock file", () => {
  const YOUNG = 0;
  const OLD = 61_000;

  test.each(obstacles)("%s is respected while it is young", async (obstacle) => {
    const look = await place(obstacle, path, YOUNG);
    expect(await take()).toBeUndefined();
    expect(await look()).toEqual({ isUntouched: true });
    expect((await readdir(directory)).sort()).toEqual(["ann.lock", "precious"]);
  });

  test.each(obstacles.filter((each) => each !== "a directory"))(
    "%s is replaced when it is old, and nothing else changes",
    async (obstacle) => {
      const look = await place(obstacle, path, OLD);
      const lock = await taken();
      await lock.confirm();
      await lock.release();
      expect(await look()).toEqual({ isUntouched: true });
      expect(await readdir(directory)).toEqual(["precious"]);
    },
  );

  test("an old directory is named in the error", async () => {
    await place("a directory", path, OLD);
    await expect(take()).rejects.toThrow(
      `${path} is an abandoned lock that this user cannot replace. Remove or rename it`,
    );
    expect((await readdir(directory)).sort()).toEqual(["ann.lock", "precious"]);
  });

  test.each(obstacles)("%s under the name of a successor is judged like a lock", async (obstacle) => {
    await leave({ pid: deadPid() });
    const successor = `${path}.${TOKEN}`;
    const look = await place(obstacle, successor, YOUNG);
    expect(await take()).toBeUndefined();
    if (obstacle === "a directory") return;
    await lutimes(successor, 0, 0);
    const lock = await taken();
    await lock.release();
    expect(await look()).toEqual({ isUntouched: true });
  });
});

test("a lock that we may not read is respected while it is young", async () => {
  await leave({ pid: deadPid() });
  vi.mocked(open).mockImplementation(async (...args) => {
    if (args[0] === path) throw systemError("EACCES");
    const { open: openAsEver } = await vi.importActual<typeof import("node:fs/promises")>("node:fs/promises");
    return openAsEver(...args);
  });
  expect(await take()).toBeUndefined();
  vi.mocked(open).mockReset();
});

test("our own lock is not lost if we may not read it any more", async () => {
  const lock = await taken();
  vi.mocked(open).mockImplementation(async () => {
    throw systemError("EACCES");
  });
  await expect(lock.confirm()).rejects.toMatchObject({ code: "EACCES" });
  expect(lock.failure).toBeUndefined();
  vi.mocked(open).mockReset();
  await lock.confirm();
  await lock.release();
});

describe("a lock that was left", () => {
  test.each<[whose: string, fields: LockFields, age: number, takenOver: boolean]>([
    ["a process that has ended", { pid: 0 }, 0, true],
    ["a living process", {}, 50_000, false],
    ["a living process that is silent", {}, 61_000, true],
    ["a living process, and the clock was put back", {}, -61_000, true],
    ["a process on another host", { pid: 0, host: "elsewhere" }, 50_000, false],
    ["a process on another host that is silent", { pid: 0, host: "elsewhere" }, 61_000, true],
    ["a process whose id is negative", { pid: -1 }, 0, false],
    ["a process whose id is not a number", { pid: "1" }, 61_000, true],
  ])("by %s", async (_whose, fields, age, takenOver) => {
    await leave(fields.pid === 0 ? { ...fields, pid: deadPid() } : fields);
    await silence(path, age);
    const lock = await take();
    expect(lock?.takenOver).toBe(takenOver ? true : undefined);
    expect(await readdir(directory)).toEqual(["ann.lock"]);
    await lock?.confirm();
    await lock?.release();
  });

  test.each(["", "{", "null", "[]", '{"token":"../../x"}', '{"token":7}', "\xff\0"])(
    "half written (%j) is judged by its age",
    async (text) => {
      await writeFile(path, text);
      expect(await take()).toBeUndefined();
      await silence(path, 61_000);
      const lock = await taken();
      expect(lock.takenOver).toBe(true);
      await lock.release();
      expect(await readdir(directory)).toEqual([]);
    },
  );

  test("is taken over by one of several that want it at once", async () => {
    for (let round = 0; round < 20; round++) {
      await leave({});
      await silence(path, 61_000);
      const locks = (await Promise.all(Array.from({ length: 10 }, take))).filter(
        (lock) => lock !== undefined,
      );
      expect(locks.length).toBe(1);
      expect(locks[0]?.takenOver).toBe(true);
      await locks[0]?.confirm();
      expect(await readdir(directory)).toEqual(["ann.lock"]);
      await locks[0]?.release();
    }
  });

  test("is not taken over while another process is taking it over", async () => {
    await leave({});
    await silence(path, 61_000);
    await leave({ token: "fedcba9876543210" }, `${path}.${TOKEN}`);
    expect(await take()).toBeUndefined();
  });

  test("is taken over from a process that died while it took it over", async () => {
    const pid = deadPid();
    await leave({ pid });
    await leave({ pid, token: "fedcba9876543210" }, `${path}.${TOKEN}`);
    await leave({ pid, token: "aaaaaaaaaaaaaaaa" }, `${path}.${TOKEN}.fedcba9876543210`);
    const lock = await taken();
    expect(await readdir(directory)).toEqual(["ann.lock"]);
    await lock.confirm();
    await lock.release();
  });

  test("tells leftovers next to it from files of processes that want it now", async () => {
    const lock = await taken();
    const { token } = JSON.parse(await readFile(path, "utf8")) as { token: string };
    const names = [`ann.lock.${TOKEN}`, `ann.lock.${TOKEN}.${TOKEN}`, "ann.lock.unknown"];
    for (const name of names) expect(lock.isLeftover(name), name).toBe(true);
    const others = ["ann.lock", `ann.lock.${token}`, `ann.lock.${token}.${TOKEN}`, `bea.lock.${TOKEN}`];
    for (const name of others) expect(lock.isLeftover(name), name).toBe(false);
    await lock.release();
  });
});

test("a lock that cannot be looked at is an error, and not asked for again and again", async () => {
  const lock = await taken();
  vi.mocked(lstat).mockRejectedValue(systemError("EIO"));
  await expect(take()).rejects.toMatchObject({ code: "EIO" });
  vi.mocked(lstat).mockReset();
  await lock.release();
  expect(await readdir(directory)).toEqual([]);
});

test("a lock whose file stays is free at once, although the disk refuses every write", async () => {
  const lock = await taken();
  lock.leavesFile = true;
  const spy = await intercept("write", () => Promise.reject(systemError("ENOSPC")));
  await lock.release();
  spy.mockRestore();
  const next = await taken();
  expect(next.takenOver).toBe(true);
  await next.release();
});

describe("a holder", () => {
  const seen = async (): Promise<number> => (await stat(path)).mtimeMs;

  test("renews its lock", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const lock = await taken();
    const text = await readFile(path, "utf8");
    for (let beat = 0; beat < 3; beat++) {
      await silence(path, 61_000);
      const before = await seen();
      vi.advanceTimersByTime(TIMES.heartbeat);
      while ((await seen()) === before) await turns(1);
      expect(await take()).toBeUndefined();
    }
    expect(await readFile(path, "utf8")).toBe(text);
    await lock.release();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("does not keep its process alive", async () => {
    const unref = vi.fn();
    const started = vi
      .spyOn(globalThis, "setInterval")
      .mockReturnValue({ unref } as unknown as NodeJS.Timeout);
    await (await taken()).release();
    expect(started).toHaveBeenCalledOnce();
    expect(unref).toHaveBeenCalledOnce();
  });

  test("learns of a take-over when it confirms, and leaves the lock to the new holder", async () => {
    const former = await taken();
    await silence(path, 61_000);
    const lock = await taken();
    expect(former.failure).toBeUndefined();
    await expect(former.confirm()).rejects.toEqual(takenOver());
    expect(former.failure).toEqual(takenOver());
    await expect(former.confirm()).rejects.toBe(former.failure);
    await former.release();
    await lock.confirm();
    await lock.release();
  });

  test("learns of a take-over by itself, and does not renew the lock of the new holder", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const former = await taken();
    // Taken over by one who is now as silent.
    await silence(path, 61_000);
    const lock = await Lock.take(path, { ...TIMES, heartbeat: 0x7fff_ffff });
    await silence(path, 59_000);
    const before = await seen();
    vi.advanceTimersByTime(TIMES.heartbeat);
    await until(() => former.failure !== undefined);
    expect(former.failure).toEqual(takenOver());
    expect(await seen()).toBe(before);
    await former.release();
    await lock?.confirm();
    await lock?.release();
  });

  test("knows its lock by the contents if the file system changes the numbers of files", async () => {
    const lock = await taken();
    const copy = await readFile(path);
    await rm(path);
    await writeFile(path, copy);
    await lock.confirm();
    await writeFile(path, copy.toString().replace(String(lock.fence), String(lock.fence + 1n)));
    await expect(lock.confirm()).rejects.toEqual(takenOver());
    await lock.release();
    expect((await readFile(path, "utf8"))[0], "it is the lock of another").toBe("{");
  });

  test("on a local disk learns of all that by a look", async () => {
    const local = async (): Promise<Lock> => (await Lock.take(path, { ...OPTIONS, isLocal: true })) as Lock;
    const former = await local();
    await former.confirm();
    await silence(path, 61_000);
    const next = await local();
    await expect(former.confirm()).rejects.toEqual(takenOver());
    await former.release();
    await writeFile(path, await lockText());
    await expect(next.confirm(), "it was written to").rejects.toEqual(takenOver());
    await next.release();
    await rm(path);
    const last = await local();
    await rm(path);
    await expect(last.confirm(), "it was removed").rejects.toEqual(takenOver());
    await last.release();
    expect(await readdir(directory)).toEqual([]);
  });

  test("whose lock was removed has lost it", async () => {
    const former = await taken();
    await rm(path);
    const lock = await taken();
    await expect(former.confirm()).rejects.toEqual(takenOver());
    await former.release();
    await lock.confirm();
    await lock.release();
  });
});
