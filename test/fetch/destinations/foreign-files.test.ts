// Other users, backups and mistakes can put something else under the names of a message. It is not followed,
// waited for, emptied, or mistaken for the message.
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EmlFolder, Maildir, type Destination } from "../../../src/fetch/index.ts";
import { isDown, isLater } from "../../../src/fetch/destinations/destination-error.ts";
import { obstacles, place, type Obstacle } from "../../support/obstacles.ts";
import { begun, deliver, keyOf } from "../../support/delivery.ts";
import { Folder } from "../../support/folder.ts";
import { entryFor } from "../../support/ledger.ts";

const ONE = Buffer.from("Subject: one\r\n\r\n1\r\n");
const EMPTY = Buffer.alloc(0);
const SPOOL = `.${keyOf("other")}.popwright-1-0123456789abcdef-0123456789abcdef`;
const OLD = 40 * 60 * 60_000;

/** A hard link to a file of the user is a file that is not empty: it cannot be told from a message. */
const inTheWay = obstacles.filter((each) => each !== "an empty file" && each !== "a hard link");

let folder: Folder;
beforeEach(async () => {
  folder = await Folder.make();
  for (const name of ["new", "cur", "tmp"]) await mkdir(join(folder.path, name));
});
afterEach(() => folder.remove());

describe.each<[name: string, make: () => Destination, file: string, spool: string]>([
  ["Maildir", () => new Maildir(folder.path), `new/${keyOf("one")}.popwright`, `tmp/${SPOOL}`],
  ["EmlFolder", () => new EmlFolder(folder.path), `${keyOf("one")}.eml`, SPOOL],
])("%s", (_, make, name, spool) => {
  const file = (): string => join(folder.path, name);

  async function expectRefusal(delivered: Promise<unknown>, obstacle: Obstacle): Promise<void> {
    const refusal: unknown = await delivered.catch((error: unknown) => error);
    const kind = obstacle.replace("dangling ", "");
    expect(refusal).toMatchObject({
      code: "POP3_DESTINATION",
      message: `${file()} is ${kind}, not a regular file. Remove or rename it`,
    });
    // Tried again for ever, and other messages are delivered.
    expect([isDown(refusal), isLater(refusal)]).toEqual([false, true]);
  }

  test.each(inTheWay)("does not mistake %s for the message", async (obstacle) => {
    const look = await place(obstacle, file());
    await expectRefusal(deliver(make(), "one", ONE), obstacle);
    expect(await look()).toEqual({ isUntouched: true });
    expect(await deliver(make(), "two", ONE)).toBe("new");
  });

  test.each(inTheWay)(
    "does not mistake %s for the message if it appears during delivery",
    async (obstacle) => {
      for (const message of [ONE, EMPTY]) {
        const writer = await begun(make(), "one");
        await writer.write(Buffer.from(message));
        const look = await place(obstacle, file());
        await expectRefusal(writer.commit(entryFor("a")), obstacle);
        expect(await look()).toEqual({ isUntouched: true });
        await folder.removeAll(name);
      }
    },
  );

  test("replaces an empty file, whenever it appeared", async () => {
    await place("an empty file", file());
    expect(await deliver(make(), "one", ONE)).toBe("new");
    expect(await folder.read(name)).toEqual(ONE);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    await folder.removeAll(name);
    const writer = await begun(make(), "one");
    await writer.write(Buffer.from(ONE));
    await place("an empty file", file());
    expect(await writer.commit(entryFor("a"))).toBe("new");
    expect(await folder.read(name)).toEqual(ONE);
    expect(await deliver(make(), "one", ONE)).toBe("known");
  });

  test("delivers an empty message once", async () => {
    expect(await deliver(make(), "one", EMPTY)).toBe("new");
    expect(await deliver(make(), "one", EMPTY)).toBe("known");
    expect(await folder.read(name)).toEqual(EMPTY);
  });

  test.each(obstacles)("sweeps only names, and changes no contents: %s", async (obstacle) => {
    const look = await place(obstacle, join(folder.path, spool), OLD);
    expect(await deliver(make(), "one", ONE)).toBe("new");
    expect(await look()).toEqual({ isUntouched: true });
    const left = await readdir(join(folder.path, spool, ".."));
    expect(left.includes(SPOOL)).toBe(obstacle === "a directory");
  });
});

describe("Maildir, in cur/", () => {
  const name = `cur/${keyOf("one")}.popwright:2,S`;

  test.each(inTheWay)("does not mistake %s for the message", async (obstacle) => {
    const look = await place(obstacle, join(folder.path, name));
    await expect(deliver(new Maildir(folder.path), "one", ONE)).rejects.toMatchObject({ later: true });
    expect(await look()).toEqual({ isUntouched: true });
  });

  test("does not mistake an empty file for the message", async () => {
    await place("an empty file", join(folder.path, name));
    const maildir = new Maildir(folder.path);
    expect(await deliver(maildir, "one", ONE)).toBe("new");
    expect(await readFile(join(folder.path, `new/${keyOf("one")}.popwright`))).toEqual(ONE);
    expect(await deliver(maildir, "one", ONE)).toBe("known");
    expect(await deliver(new Maildir(folder.path), "one", ONE)).toBe("known");
  });
});
