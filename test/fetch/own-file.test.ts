// Opens our files safely: does not follow, wait for or trust what other users have put at their paths.
import { constants } from "node:fs";
import { chmod, link, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { ForeignFileError, openOwn, openRegular, removeName } from "../../src/fetch/files/own-file.ts";
import { scratch } from "../support/scratch.ts";
import { OBSTACLES, obstacles, place } from "../support/obstacles.ts";

vi.mock("node:fs/promises", { spy: true });

const WAYS = {
  reading: constants.O_RDONLY,
  writing: constants.O_WRONLY,
  both: constants.O_RDWR,
  appending: constants.O_WRONLY | constants.O_APPEND,
};

describe.each(Object.entries(WAYS))("for %s", (_, flags) => {
  test.each(obstacles.filter((each) => each !== "a hard link" && each !== "an empty file"))(
    "%s is not opened",
    async (obstacle) => {
      const path = join(await scratch(), "name");
      const look = await place(obstacle, path);
      const kind = obstacle.replace("dangling ", "");
      const refusal = expect(openRegular(path, flags)).rejects;
      await refusal.toThrow(new ForeignFileError(path, `is ${kind}, not a regular file`));
      expect(await look()).toEqual({ isUntouched: true });
    },
  );

  test.each(["a FIFO", "a symbolic link", "a directory"] as const)(
    "%s that replaces the file at the last moment is not opened",
    async (obstacle) => {
      const directory = await scratch();
      const path = join(directory, "name");
      await writeFile(path, "");
      const { open } = await import("node:fs/promises");
      const { open: openAsEver } =
        await vi.importActual<typeof import("node:fs/promises")>("node:fs/promises");
      vi.mocked(open).mockImplementationOnce(async (...args) => {
        await removeName(path);
        await OBSTACLES[obstacle](path, join(directory, "other"));
        return openAsEver(...args);
      });
      await writeFile(join(directory, "other"), "theirs");
      await expect(openRegular(path, flags)).rejects.toBeInstanceOf(ForeignFileError);
      expect(await readFile(join(directory, "other"), "utf8")).toBe("theirs");
    },
  );
});

test("reports the error of the system if the file does not exist", async () => {
  await expect(openRegular(join(await scratch(), "name"), WAYS.reading)).rejects.toMatchObject({
    code: "ENOENT",
  });
});

describe("a file of ours", () => {
  async function made(): Promise<{ directory: string; path: string }> {
    const directory = await scratch();
    const path = join(directory, "name");
    await writeFile(path, "ours", { mode: 0o600 });
    return { directory, path };
  }

  test("is opened", async () => {
    const { path } = await made();
    const file = await openOwn(path, WAYS.both, await stat(path));
    expect(await file.readFile("utf8")).toBe("ours");
    await file.close();
  });

  test("must not belong to another user", async () => {
    const { path } = await made();
    const { uid, mode } = await stat(path);
    await expect(openOwn(path, WAYS.both, { uid: uid + 1, mode })).rejects.toThrow(
      `${path} belongs to another user. Remove or rename it`,
    );
  });

  test.each([0o620, 0o602, 0o666])("must not be writable by others: %o", async (mode) => {
    const { path } = await made();
    const ours = await stat(path);
    await chmod(path, mode);
    await expect(openOwn(path, WAYS.both, ours)).rejects.toThrow("can be written to by other users");
    // A file system that shows every file like that says nothing by it.
    const file = await openOwn(path, WAYS.both, { uid: ours.uid, mode: 0o666 });
    await file.close();
  });

  test("must not have a second name", async () => {
    const { directory, path } = await made();
    const ours = await stat(path);
    await link(path, join(directory, "other"));
    await expect(openOwn(path, WAYS.both, ours)).rejects.toThrow("is one of 2 names (hard links) of a file");
  });
});

test("removes a name, and never the target of a link", async () => {
  const directory = await scratch();
  await writeFile(join(directory, "other"), "theirs");
  await symlink("other", join(directory, "name"));
  await removeName(join(directory, "name"));
  await removeName(join(directory, "name"));
  expect(await readdir(directory)).toEqual(["other"]);
  await removeName(directory);
  expect(await readFile(join(directory, "other"), "utf8")).toBe("theirs");
});
