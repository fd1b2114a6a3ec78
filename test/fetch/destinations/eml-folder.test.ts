// An EmlFolder: the names of its files and of its sub-folders.
import { mkdir, readdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { EmlFolder } from "../../../src/fetch/index.ts";
import { deliver, delivery, keyOf } from "../../support/delivery.ts";
import { Folder } from "../../support/folder.ts";
import { entryFor } from "../../support/ledger.ts";

const ONE = Buffer.from("Subject: one\r\n\r\n1\r\n");

let folder: Folder;
beforeEach(async () => {
  folder = await Folder.make();
});
afterEach(() => folder.remove());

test("names a file after its key", async () => {
  await deliver(new EmlFolder(folder.path), "one", ONE);
  expect(await folder.files()).toEqual([`${keyOf("one")}.eml`]);
});

test("does not overwrite a file that has the name", async () => {
  const writer = await new EmlFolder(folder.path).begin(delivery("one"));
  await folder.write(`${keyOf("one")}.eml`, "another's");
  expect(writer !== "known" && (await writer.commit(entryFor("a")))).toBe("known");
  expect(await folder.read(`${keyOf("one")}.eml`)).toEqual(Buffer.from("another's"));
});

test("puts files into the sub-folder that a function returns, and recognises them there", async () => {
  const byMailbox = new EmlFolder(folder.path, { subfolder: ({ mailbox }) => join("by-mailbox", mailbox) });
  expect(await deliver(byMailbox, "one", ONE)).toBe("new");
  expect(await deliver(byMailbox, "one", ONE)).toBe("known");
  expect(await folder.files()).toEqual([`by-mailbox/ann@pop.test:995/${keyOf("one")}.eml`]);
  expect(await deliver(new EmlFolder(folder.path), "one", ONE)).toBe("new");
});

test.each(["", ".", "..a", "a/..", "a/../b"])('accepts the sub-folder "%s"', async (name) => {
  const destination = new EmlFolder(folder.path, { subfolder: () => name });
  expect(await deliver(destination, "one", ONE)).toBe("new");
  expect(await folder.files()).toHaveLength(1);
});

test.each(["..", "../other", "a/../../b"])('rejects the sub-folder "%s"', async (name) => {
  const destination = new EmlFolder(join(folder.path, "mail"), { subfolder: () => name });
  await expect(deliver(destination, "one", ONE)).rejects.toMatchObject({
    code: "POP3_DESTINATION",
    down: false,
    message: "the sub-folder of the message must be inside the folder",
  });
  expect(await folder.files()).toEqual([]);
});

test.each(["link", "link/below", "a/link"])(
  "refuses the symbolic link in the sub-folder %s",
  async (name) => {
    const outside = join(folder.path, "outside");
    await mkdir(outside);
    await mkdir(join(folder.path, "mail", "a"), { recursive: true });
    await symlink(outside, join(folder.path, "mail", name.startsWith("a/") ? name : "link"), "junction");
    const destination = new EmlFolder(join(folder.path, "mail"), { subfolder: () => name });
    await expect(deliver(destination, "one", ONE)).rejects.toMatchObject({
      code: "POP3_DESTINATION",
      down: false,
      later: true,
      message: expect.stringContaining("link is a symbolic link, which may lead out of the folder") as string,
    });
    expect(await readdir(outside)).toEqual([]);
  },
);

test("refuses a symbolic link that replaces a sub-folder after its first message", async () => {
  const destination = new EmlFolder(join(folder.path, "mail"), { subfolder: () => "a" });
  expect(await deliver(destination, "one", ONE)).toBe("new");
  const outside = join(folder.path, "outside");
  await mkdir(outside);
  await rm(join(folder.path, "mail", "a"), { recursive: true });
  await symlink(outside, join(folder.path, "mail", "a"), "junction");
  await expect(deliver(destination, "two", ONE)).rejects.toMatchObject({ code: "POP3_DESTINATION" });
  expect(await readdir(outside)).toEqual([]);
});

test("the folder itself may be a symbolic link: the caller has named it", async () => {
  await mkdir(join(folder.path, "real"));
  await symlink(join(folder.path, "real"), join(folder.path, "mail"), "junction");
  const destination = new EmlFolder(join(folder.path, "mail"), { subfolder: () => "a" });
  expect(await deliver(destination, "one", ONE)).toBe("new");
  expect(await folder.files("real")).toEqual([`a/${keyOf("one")}.eml`]);
});
