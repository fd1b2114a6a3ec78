// A Maildir as mail readers expect it, while readers are at work, and with more than one process that
// delivers.
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Maildir, Mbox } from "../../../src/fetch/index.ts";
import { fileHandlePrototype, methodOf } from "./broken-files.ts";
import { begun, deliver, delivery, keyOf } from "../../support/delivery.ts";
import { Folder } from "../../support/folder.ts";
import { entryFor } from "../../support/ledger.ts";

const ONE = Buffer.from("Subject: one\r\n\r\n1\r\n");

let folder: Folder;
let path: string;
let maildir: Maildir;
beforeEach(async () => {
  folder = await Folder.make();
  path = join(folder.path, "Mail");
  maildir = new Maildir(path);
});
afterEach(() => folder.remove());

/** What a reader does with what is new. */
async function read(name: string, flags = ":2,S"): Promise<void> {
  const file = `${keyOf(name)}.popwright`;
  await rename(join(path, "new", file), join(path, "cur", `${file}${flags}`));
}

test("has the three directories, and in new/ a name with the key", async () => {
  await deliver(maildir, "one", ONE);
  expect((await readdir(path)).sort()).toEqual(["cur", "new", "tmp"]);
  expect(await folder.files()).toEqual([`Mail/new/${keyOf("one")}.popwright`]);
});

test("writes in tmp/, and shows only complete messages in new/", async () => {
  const writer = await begun(maildir, "one");
  // A smaller message stays in memory until it is complete.
  for (let block = 0; block < 3; block++) await writer.write(Buffer.alloc(1024 * 1024));
  expect(await folder.files()).toEqual([expect.stringMatching(/^Mail\/tmp\/\.[0-9a-f]{64}\.popwright-/)]);
  await writer.commit(entryFor("a"));
  expect(await folder.files("Mail/tmp")).toEqual([]);
});

test("leaves the files of other programs as they are", async () => {
  for (const name of ["tmp", "new", "cur"]) await mkdir(join(path, name), { recursive: true });
  const theirs = [
    "Mail/cur/1700000000.M1P2.host:2,S",
    "Mail/new/1700000001.M1P2.host",
    "Mail/tmp/1700000002.M1P2.host",
  ];
  for (const file of theirs) await folder.write(file, "theirs");
  await deliver(maildir, "one", ONE);
  expect(await folder.files()).toEqual([...theirs, `Mail/new/${keyOf("one")}.popwright`].sort());
});

describe("recognises a message that a reader has moved to cur/", () => {
  test.each([":2,", ":2,S", ":2,FRS", "", ",S=20:2,S", ";2,S"])('as "%s"', async (flags) => {
    await deliver(maildir, "one", ONE);
    await read("one", flags);
    expect(await deliver(new Maildir(path), "one", ONE)).toBe("known");
    expect(await deliver(maildir, "one", ONE)).toBe("known");
    expect(await deliver(maildir, "two", ONE)).toBe("new");
  });

  test("while others arrive, at any time", async () => {
    for (let nth = 0; nth < 20; nth++) {
      const name = String(nth);
      expect(await deliver(maildir, name, ONE)).toBe("new");
      await read(name);
      expect(await deliver(maildir, name, ONE)).toBe("known");
    }
    expect(await readdir(join(path, "new"))).toEqual([]);
  });

  test("when two processes deliver it", async () => {
    const [first, second] = [await begun(maildir, "one"), await begun(new Maildir(path), "one")];
    await first.write(ONE);
    expect(await first.commit(entryFor("a"))).toBe("new");
    await read("one");
    await second.write(ONE);
    expect(await second.commit(entryFor("a"))).toBe("known");
    expect(await folder.files()).toEqual([`Mail/cur/${keyOf("one")}.popwright:2,S`]);
  });
});

test("does not overwrite a file that has the name", async () => {
  const writer = await begun(maildir, "one");
  await writer.write(ONE);
  await folder.write(`Mail/new/${keyOf("one")}.popwright`, "another's");
  expect(await writer.commit(entryFor("a"))).toBe("known");
  expect(await folder.read(`Mail/new/${keyOf("one")}.popwright`)).toEqual(Buffer.from("another's"));
});

test("syncs the file before it gets its name, and the directory after that", async () => {
  await deliver(maildir, "zero", ONE);
  const target = join(path, "new", `${keyOf("one")}.popwright`);
  const prototype = await fileHandlePrototype();
  const synced: string[] = [];
  for (const name of ["sync", "datasync"] as const) {
    const sync = methodOf(prototype, name);
    vi.spyOn(prototype, name).mockImplementation(async function (this: FileHandle) {
      const what = (await this.stat()).isFile() ? "file" : "directory";
      synced.push(`${what}, ${existsSync(target) ? "named" : "nameless"}`);
      await sync.call(this);
    });
  }
  await deliver(maildir, "one", ONE);
  // Windows syncs the file under its new name, see syncName().
  const named = `${process.platform === "win32" ? "file" : "directory"}, named`;
  expect(synced).toEqual(["file, nameless", named]);
  // Who made it may have died between the two.
  expect(await deliver(new Maildir(path), "one", ONE)).toBe("known");
  // new/ and cur/, unless the one file is synced.
  expect(synced.slice(2)).toEqual(process.platform === "win32" ? [named] : [named, named]);
});

test("uses the path that a function returns", async () => {
  const byMailbox = new Maildir(({ mailbox }) => join(path, mailbox.replace(/@.*/, "")));
  for (const mailbox of ["ann@pop.test:995", "bob@pop.test:995"]) {
    const writer = await byMailbox.begin(delivery("one", { mailbox }));
    if (writer !== "known") await writer.commit(entryFor("a"));
  }
  const file = `new/${keyOf("one")}.popwright`;
  expect(await folder.files("Mail")).toEqual([`ann/${file}`, `bob/${file}`]);
  const refusing = new Maildir(() => {
    throw new Error("whose?");
  });
  await expect(refusing.begin(delivery("one"))).rejects.toThrow("whose?");
});

test.each([
  ["an empty string", () => ""],
  ["undefined", () => undefined],
  ["5", () => 5],
  ["a promise", () => Promise.resolve("Mail")],
  ["a promise", () => Promise.reject(new Error("nothing else handles it"))],
])("a function that returns %s ends the run, and no message is blamed", async (got, returns) => {
  const choose = returns as () => string;
  for (const [what, destination] of [
    ["a Maildir", new Maildir(choose)],
    ["an Mbox", new Mbox(choose)],
  ] as const)
    await expect(destination.begin(delivery("one"))).rejects.toMatchObject({
      code: "POP3_DESTINATION",
      down: true,
      message: `the path of ${what} must be a non-empty string, but the function that chooses it has returned ${got}`,
    });
});

test("is created again after it was removed", async () => {
  await deliver(maildir, "one", ONE);
  await rm(path, { recursive: true });
  await expect(deliver(maildir, "two", ONE)).rejects.toMatchObject({ code: "ENOENT" });
  expect(await deliver(maildir, "two", ONE)).toBe("new");
});
