// Other users, backups and mistakes can put something else under the names of an mbox. A delivery succeeds,
// or reports what is in the way. Nothing is followed, waited for, emptied or removed.
import { link, lutimes, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Mbox } from "../../../src/fetch/index.ts";
import { obstacles, place, type Obstacle } from "../../support/obstacles.ts";
import { fileHandlePrototype, methodOf } from "./broken-files.ts";
import { deliver, keyOf } from "../../support/delivery.ts";
import { Folder } from "../../support/folder.ts";
import { bodiesOf, mboxForm } from "../../support/mbox-form.ts";

const [ONE, TWO] = [Buffer.from("Subject: one\r\n\r\n1\r\n"), Buffer.from("Subject: two\r\n\r\n2\r\n")];
const HEX = "0123456789abcdef";
const OLD = 40 * 60 * 60_000;

let folder: Folder;
let path: string;
let mbox: Mbox;
beforeEach(async () => {
  folder = await Folder.make();
  path = join(folder.path, "inbox");
  mbox = new Mbox(path, { lockTimeout: 0 });
});
afterEach(() => folder.remove());

const refusal = (name: string, what: string): unknown =>
  expect.objectContaining({
    code: "POP3_DESTINATION",
    down: true,
    message: `${join(folder.path, name)} ${what}. Remove or rename it`,
  });

describe("the mbox itself", () => {
  const REFUSED: Readonly<Partial<Record<Obstacle, string>>> = {
    "a FIFO": "is a FIFO, not a regular file",
    "a dangling symbolic link": "is a symbolic link that leads to no file",
    "a hard link": "is one of 2 names (hard links) of a file",
    "a directory": "is a directory, not a regular file",
  };

  test.each(Object.entries(REFUSED))("is not %s", async (obstacle, what) => {
    const look = await place(obstacle as Obstacle, path);
    await expect(deliver(mbox, "one", ONE)).rejects.toEqual(refusal("inbox", what));
    expect(await look()).toEqual({ isUntouched: true });
  });

  test("may be an empty file, or a link of our own to an mbox", async () => {
    await place("an empty file", path);
    expect(await deliver(mbox, "one", ONE)).toBe("new");
    expect(bodiesOf(await folder.read("inbox"))).toEqual([mboxForm(ONE)]);
    await rm(path);
    await place("a symbolic link", path);
    await writeFile(join(folder.path, "precious"), "");
    expect(await deliver(mbox, "two", TWO)).toBe("new");
    expect(bodiesOf(await folder.read("precious"))).toEqual([mboxForm(TWO)]);
  });
});

describe("next to the mbox", () => {
  /**
   * All names that we use there, except that of the lock. The last two are those of older versions, and of a
   * copy.
   */
  const NAMES = [
    `.${keyOf("other")}.popwright-1-${HEX}-${HEX}`,
    `inbox.lock.${HEX}`,
    `inbox.lock.${HEX}.tmp`,
    `.inbox.popwright-1-${HEX}-${HEX}`,
    `.inbox.popwright-1-${HEX}-${HEX}.new`,
    ".inbox.popwright",
  ];
  /** It is told by its content alone; that could be a note that we need. */
  const isOurs = (name: string, obstacle: Obstacle): boolean =>
    obstacle === "a hard link" && /^\.inbox\.popwright(?:-.*[0-9a-f])?$/.test(name) && !name.endsWith(".new");

  test.each(NAMES.flatMap((name) => obstacles.map((obstacle) => [name, obstacle] as const)))(
    "%s is %s",
    async (name, obstacle) => {
      await deliver(mbox, "one", ONE);
      const look = await place(obstacle, join(folder.path, name), OLD);
      for (const message of ["two", "three"]) {
        const delivered = deliver(new Mbox(path, { lockTimeout: 0 }), message, TWO);
        if (isOurs(name, obstacle))
          await expect(delivered).rejects.toEqual(refusal(name, "is one of 2 names (hard links) of a file"));
        else expect(await delivered).toBe("new");
      }
      expect(await look()).toEqual({ isUntouched: true });
      const expected = isOurs(name, obstacle) ? [ONE] : [ONE, TWO, TWO];
      expect(bodiesOf(await folder.read("inbox"))).toEqual(expected.map(mboxForm));
    },
  );

  test.each(obstacles)("the lock is %s", async (obstacle) => {
    const look = await place(obstacle, `${path}.lock`);
    await expect(deliver(mbox, "one", ONE)).rejects.toMatchObject({ down: true });
    expect(await look()).toEqual({ isUntouched: true });
    await lutimes(`${path}.lock`, 0, 0);
    const delivered = deliver(mbox, "one", ONE);
    if (obstacle === "a directory")
      await expect(delivered).rejects.toEqual(
        refusal("inbox.lock", "is an abandoned lock that this user cannot replace"),
      );
    else expect(await delivered).toBe("new");
    expect(await look()).toEqual({ isUntouched: true });
  });
});

test("a note that was removed is empty under a second name, too", async () => {
  const prototype = await fileHandlePrototype();
  const datasync = methodOf(prototype, "datasync");
  vi.spyOn(prototype, "datasync").mockImplementation(async function (this: typeof prototype) {
    const [note = ""] = (await folder.files()).filter((name) => name.startsWith(".inbox.popwright-"));
    await link(join(folder.path, note), join(folder.path, "kept")).catch(() => undefined);
    await datasync.call(this);
  });
  expect(await deliver(mbox, "one", ONE)).toBe("new");
  expect(await folder.files()).toEqual(["inbox", "kept"]);
  expect(await folder.read("kept")).toHaveLength(0);
});
