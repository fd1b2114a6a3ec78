// A claim, which becomes a lock, is removed by another process on the way, or becomes one although that is said to
// have failed.
import { link, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { Lock } from "../../../src/fetch/files/lock.ts";
import { systemError } from "../../support/file-handles.ts";
import { scratch } from "../../support/scratch.ts";

vi.mock("node:fs/promises", { spy: true });

test("a claim that another process mistook for a leftover is created again", async () => {
  const directory = await scratch();
  const { link: linkAsEver } = await vi.importActual<typeof import("node:fs/promises")>("node:fs/promises");
  vi.mocked(link).mockImplementationOnce(async (claim, path) => {
    await rm(claim);
    await linkAsEver(claim, path);
  });
  const lock = await Lock.take(join(directory, "ann.lock"), { heartbeat: 10_000, stale: 60_000 });
  await lock?.confirm();
  expect(link).toHaveBeenCalledTimes(2);
  expect(await readdir(directory)).toEqual(["ann.lock"]);
  await lock?.release();
  expect(await readdir(directory)).toEqual([]);
});

test.each(["EEXIST", "EIO"])("the lock was taken, and the system reports %s", async (code) => {
  const directory = await scratch();
  const { link: linkAsEver } = await vi.importActual<typeof import("node:fs/promises")>("node:fs/promises");
  vi.mocked(link).mockImplementationOnce(async (claim, path) => {
    await linkAsEver(claim, path);
    throw systemError(code);
  });
  const lock = await Lock.take(join(directory, "ann.lock"), { heartbeat: 10_000, stale: 60_000 });
  await lock?.confirm();
  expect(lock).toMatchObject({ takenOver: false });
  expect(await readdir(directory)).toEqual(["ann.lock"]);
  await lock?.release();
  expect(await readdir(directory)).toEqual([]);
});
