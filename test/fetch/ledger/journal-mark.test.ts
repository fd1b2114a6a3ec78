// The mark of a journal: whether the file is the one that was read or written, unchanged.
import { appendFile, copyFile, mkdir, rename, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { isMarked, lookAt, markFrom, type JournalMark } from "../../../src/fetch/ledger/journal-mark.ts";
import { scratch } from "../../support/scratch.ts";

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await scratch();
  path = join(directory, "journal");
  await writeFile(path, "0123456789");
});

async function markNow(): Promise<JournalMark> {
  return markFrom(await stat(path, { bigint: true }), { size: 10, lines: 3, entries: 1 });
}

const isSame = async (mark: JournalMark): Promise<boolean> =>
  isMarked(mark, await stat(path, { bigint: true }));

describe("a journal is the marked one", () => {
  test("if nothing has changed", async () => {
    const mark = await markNow();
    const { mtimeNs, ino } = await stat(path, { bigint: true });
    expect(mark).toEqual({ size: 10, lines: 3, entries: 1, modified: mtimeNs, inode: ino });
    expect(await isSame(mark)).toBe(true);
  });

  test("but not with another size, time or file", async () => {
    await utimes(path, 1, 1);
    const mark = await markNow();
    await appendFile(path, "x");
    await utimes(path, 1, 1);
    expect(await isSame(mark), "size").toBe(false);
    await writeFile(path, "0123456789");
    await utimes(path, 1, 2);
    expect(await isSame(mark), "time").toBe(false);
    await utimes(path, 1, 1);
    expect(await isSame(mark)).toBe(true);
    await copyFile(path, `${path}.new`);
    await rename(`${path}.new`, path);
    await utimes(path, 1, 1);
    expect(await isSame(mark), "file").toBe(false);
  });
});

describe.each([false, true])("a look at a journal (on a local disk: %s)", (isLocal) => {
  test("tells its size and its inode", async () => {
    const { size, ino } = await stat(path, { bigint: true });
    expect(await lookAt(path, isLocal)).toMatchObject({ size, ino });
  });

  test("tells that there is no file", async () => {
    expect(await lookAt(join(directory, "none"), isLocal)).toBeUndefined();
  });

  test("rejects if the system cannot tell", async () => {
    await expect(lookAt(join(path, "none"), isLocal)).rejects.toMatchObject({ code: "ENOTDIR" });
  });

  test("does not take a link or a directory for a journal", async () => {
    const link = join(directory, "link");
    await symlink(path, link);
    await mkdir(join(directory, "folder"));
    for (const other of [link, join(directory, "folder")])
      expect((await lookAt(other, isLocal))?.isFile() ?? false).toBe(false);
  });
});
