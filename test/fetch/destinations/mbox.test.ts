// An mbox that other programs read, write and lock, too.
import { spawnSync } from "node:child_process";
import { appendFile, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { processSpace } from "../../../src/fetch/files/process-space.ts";
import { Mbox } from "../../../src/fetch/index.ts";
import { breakFiles, fileHandlePrototype, methodOf } from "./broken-files.ts";
import { isDown } from "../../../src/fetch/destinations/destination-error.ts";
import { intercept, systemError } from "../../support/file-handles.ts";
import { begun, deliver, delivery, keyOf } from "../../support/delivery.ts";
import { Folder } from "../../support/folder.ts";
import { bodiesOf, mboxForm } from "../../support/mbox-form.ts";
import { entryFor } from "../../support/ledger.ts";

const ONE = Buffer.from("Subject: one\r\n\r\n1\r\n");
const TWO = Buffer.from("Subject: two\r\n\r\n2\r\n");
const THEIRS = "From ann@example.com Sat Nov 21 13:09:58 2026\nSubject: theirs\n\nHello\n";

let folder: Folder;
let path: string;
let mbox: Mbox;
beforeEach(async () => {
  folder = await Folder.make();
  path = join(folder.path, "inbox");
  mbox = new Mbox(path, { lockTimeout: 0 });
});
afterEach(() => folder.remove());

async function text(): Promise<string> {
  return (await folder.read("inbox")).toString("latin1");
}

function ours(name: string): unknown {
  return expect.stringMatching(
    new RegExp(`^From ${keyOf(name)}@popwright \\w{3} \\w{3} [ \\d]\\d [\\d:]{8} \\d{4}$`),
  );
}

test("has a line before each message, and a blank line after it", async () => {
  await deliver(mbox, "one", ONE);
  await deliver(mbox, "two", TWO);
  const lines = (await text()).split("\n");
  expect(lines).toEqual([
    ours("one"),
    "Subject: one",
    "",
    "1",
    "",
    ours("two"),
    "Subject: two",
    "",
    "2",
    "",
    "",
  ]);
});

test.each([
  ["a blank line", `${THEIRS}\n`, ""],
  ["a line end", THEIRS, "\n"],
  ["no line end", THEIRS.slice(0, -1), "\n\n"],
  ["nothing at all", "", ""],
])("appends to what another program has ended in %s", async (_, theirs, gap) => {
  await folder.write("inbox", theirs);
  await deliver(mbox, "one", ONE);
  const [before, after] = (await text()).split(/(?=From [0-9a-f]{64}@)/);
  expect([before, after].slice(theirs === "" ? 1 : 0)).toEqual(
    theirs === "" ? [undefined] : [theirs + gap, after],
  );
  expect(bodiesOf(await folder.read("inbox")).at(-1)).toEqual(mboxForm(ONE));
});

test("keeps the mode of an existing file", async () => {
  await folder.write("inbox", "");
  const { mode } = await stat(path);
  await deliver(mbox, "one", ONE);
  expect((await stat(path)).mode).toBe(mode);
});

test("removes its lock", async () => {
  await deliver(mbox, "one", ONE);
  expect(await folder.files()).toEqual(["inbox"]);
});

test("sweeps the leftovers of old locks and messages", async () => {
  const [old, young] = ["inbox.lock.0123456789abcdef.tmp", "inbox.lock.fedcba9876543210"];
  for (const name of [old, young]) await folder.write(name, "");
  const before = new Date(Date.now() - 6 * 60_000);
  await utimes(join(folder.path, old), before, before);
  await deliver(mbox, "one", ONE);
  expect(await folder.files()).toEqual(["inbox", young]);
});

test("uses the path that a function returns", async () => {
  const byMailbox = new Mbox(({ mailbox }) => join(folder.path, "Mail", mailbox.replace(/@.*/, "")));
  for (const mailbox of ["ann@pop.test:995", "bob@pop.test:995"]) {
    const writer = await byMailbox.begin(delivery("one", { mailbox }));
    if (writer !== "known") await writer.commit(entryFor("a"));
  }
  expect(await folder.files("Mail")).toEqual(["ann", "bob"]);
});

test.each([{ lockTimeout: -1 }, { lockTime: 1 }])("rejects the options %j", (options) => {
  expect(() => new Mbox("inbox", options as { lockTimeout: number })).toThrow(
    expect.objectContaining({ code: "POP3_CONFIG" }),
  );
});

describe("recognises a message", () => {
  test("that arrived while other programs appended", async () => {
    await deliver(mbox, "one", ONE);
    await appendFile(path, THEIRS);
    const another = new Mbox(path);
    await deliver(another, "two", TWO);
    await appendFile(path, THEIRS);
    for (const name of ["one", "two"]) {
      expect(await deliver(mbox, name, ONE)).toBe("known");
      expect(await deliver(another, name, ONE)).toBe("known");
    }
  });

  test("in a file with which another program has replaced it", async () => {
    await deliver(mbox, "one", ONE);
    const other = new Mbox(join(folder.path, "other"));
    for (const name of ["two", "three"]) await deliver(other, name, TWO);
    await rename(join(folder.path, "other"), path);
    expect(await deliver(mbox, "two", TWO)).toBe("known");
    // Its reader has deleted it.
    expect(await deliver(mbox, "one", ONE)).toBe("known");
    expect(await deliver(new Mbox(path), "one", ONE)).toBe("new");
  });

  test("while it arrives", async () => {
    const writer = await begun(mbox, "one");
    await writer.write(Buffer.from(ONE));
    await deliver(new Mbox(path), "one", ONE);
    expect(await writer.commit(entryFor("a"))).toBe("known");
    expect(bodiesOf(await folder.read("inbox"))).toHaveLength(1);
  });

  test("but not by the text of a message", async () => {
    await deliver(mbox, "one", Buffer.from(`From ${keyOf("two")}@popwright Thu Jan  1 00:00:00 1970\r\n`));
    expect(await deliver(new Mbox(path), "two", TWO)).toBe("new");
  });

  test("but not in a file that was removed", async () => {
    await deliver(mbox, "one", ONE);
    await rm(path);
    expect(await deliver(mbox, "two", ONE)).toBe("new");
    expect(await deliver(new Mbox(path), "one", ONE)).toBe("new");
  });
});

describe("a lock", () => {
  /** As our own programs write it. */
  async function lockOf(pid: number): Promise<string> {
    return JSON.stringify({ token: "0123456789abcdef", pid, host: await processSpace() });
  }
  const LOCKED = {
    code: "POP3_DESTINATION",
    down: true,
    message: expect.stringContaining("another program has locked") as unknown,
  };

  test.each(["", "4711\n"])("of another program keeps us out: %j", async (content) => {
    await folder.write("inbox.lock", content);
    await expect(deliver(mbox, "one", ONE)).rejects.toMatchObject(LOCKED);
    expect(await folder.files()).toEqual(["inbox.lock"]);
    expect(await folder.read("inbox.lock")).toEqual(Buffer.from(content));
  });

  test("that appears while a message arrives keeps us out", async () => {
    const writer = await begun(mbox, "one");
    await writer.write(Buffer.from(ONE));
    await folder.write("inbox.lock", "");
    await expect(writer.commit(entryFor("a"))).rejects.toMatchObject(LOCKED);
    expect(await folder.files()).toEqual(["inbox.lock"]);
  });

  test("is taken over if it was not touched for five minutes", async () => {
    await folder.write("inbox.lock", "4711\n");
    const touched = (minutes: number): Promise<void> =>
      utimes(join(folder.path, "inbox.lock"), new Date(), new Date(Date.now() - minutes * 60_000));
    await touched(4.5);
    await expect(deliver(mbox, "one", ONE)).rejects.toMatchObject(LOCKED);
    await touched(5.5);
    expect(await deliver(mbox, "one", ONE)).toBe("new");
    expect(await folder.files()).toEqual(["inbox"]);
  });

  test("is taken over from a dead process", async () => {
    await folder.write("inbox.lock", await lockOf(process.ppid));
    await expect(deliver(mbox, "one", ONE)).rejects.toMatchObject(LOCKED);
    await folder.write("inbox.lock", await lockOf(spawnSync(process.execPath, ["--version"]).pid));
    expect(await deliver(mbox, "one", ONE)).toBe("new");
    expect(await folder.files()).toEqual(["inbox"]);
  });

  test("is waited for", async () => {
    const patient = new Mbox(path);
    await folder.write("inbox.lock", "");
    const delivered = deliver(patient, "one", ONE);
    await folder.removeFile("inbox.lock");
    expect(await delivered).toBe("new");
  });

  test("is not waited for after an abort", async () => {
    const patient = new Mbox(path);
    await folder.write("inbox.lock", "");
    const controller = new AbortController();
    const begun = patient.begin(delivery("one"), controller.signal);
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(begun).rejects.toMatchObject({ code: "POP3_ABORTED", cause: reason });
  });

  test("that is lost during an append undoes the delivery", async () => {
    const prototype = await fileHandlePrototype();
    const datasync = methodOf(prototype, "datasync");
    const spy = vi.spyOn(prototype, "datasync").mockImplementation(async function (this: typeof prototype) {
      await folder.write("inbox.lock", await lockOf(process.ppid));
      await datasync.call(this);
    });
    await expect(deliver(mbox, "one", ONE)).rejects.toMatchObject({ later: true, down: false });
    spy.mockRestore();
    await folder.removeFile("inbox.lock");
    // It had been appended.
    expect(await deliver(mbox, "one", ONE)).toBe("known");
  });
});

test.each([0, 1])("removes a message if the disk is full at its end (%i)", async (nth) => {
  for (const before of [[], [mboxForm(ONE)]]) {
    const broken = await breakFiles("datasync", nth);
    await expect(deliver(mbox, "two", TWO)).rejects.toMatchObject({ code: "ENOSPC" });
    broken.repair();
    expect(bodiesOf(await folder.read("inbox"))).toEqual(before);
    expect(await folder.files()).toEqual(["inbox"]);
    await deliver(mbox, "one", ONE);
  }
});

test("is down if the disk fails while the lock is confirmed, and no message is blamed", async () => {
  const writer = await begun(mbox, "one");
  await writer.write(ONE);
  // Of an empty mbox, only its lock file is read.
  const lock = await intercept("read", () => {
    throw systemError("EIO");
  });
  const error: unknown = await writer.commit(entryFor("a")).catch((thrown: unknown) => thrown);
  lock.mockRestore();
  expect(error).toMatchObject({ code: "EIO" });
  expect(isDown(error)).toBe(true);
  await deliver(mbox, "one", ONE);
  expect(bodiesOf(await folder.read("inbox"))).toEqual([mboxForm(ONE)]);
});

test("is not used if something else has its path", async () => {
  const directory = new Mbox(folder.path);
  await expect(deliver(directory, "one", ONE)).rejects.toMatchObject({ down: true });
});
