// Each read of a file returns one byte, as a network may do after a signal: nothing that is whole looks torn.
import { open, writeFile, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { readFile, readWhole } from "../../src/fetch/files/read-whole.ts";
import { Lock } from "../../src/fetch/files/lock.ts";
import { FileLedger, Mbox } from "../../src/fetch/index.ts";
import { deliver } from "../support/delivery.ts";
import { fileHandles, systemError } from "../support/file-handles.ts";
import { entryFor } from "../support/ledger.ts";
import { bodiesOf, mboxForm } from "../support/mbox-form.ts";
import { OBSTACLES } from "../support/obstacles.ts";
import { scratch } from "../support/scratch.ts";

const LOCK = { heartbeat: 10_000, stale: 60_000 };

/** Whatever is asked for, a read gives one byte, which `readFile` of Node takes for the whole of a file. */
async function readByteByByte(): Promise<void> {
  const handles = await fileHandles();
  const original = Reflect.get(handles, "read") as (...args: unknown[]) => Promise<{ bytesRead: number }>;
  vi.spyOn(handles, "read").mockImplementation(async function (this: FileHandle, ...args: unknown[]) {
    const [octets, at, length, position] = args;
    return original.call(this, octets, at, Math.min(1, length as number), position);
  } as never);
  vi.spyOn(handles, "readFile").mockImplementation(async function (this: FileHandle) {
    const octets = Buffer.alloc(1);
    await original.call(this, octets, 0, 1, null);
    return octets;
  });
}

test("a lock stays ours", async () => {
  const lock = await Lock.take(join(await scratch(), "ann.lock"), LOCK);
  await readByteByByte();
  await lock?.confirm();
  expect(lock?.failure).toBeUndefined();
  await lock?.release();
});

test("a ledger is listed, opened and read", async () => {
  const ledger = new FileLedger(await scratch());
  await readByteByByte();
  for (const id of ["a", "b"]) {
    const held = await ledger.open("ann");
    await held.record({ entries: [entryFor(id)] });
    await held.close({ state: { lastRun: 1 } });
  }
  expect([...(await ledger.read("ann")).entries.keys()]).toEqual(["a", "b"]);
  const mailboxes = [];
  for await (const { mailbox, state } of ledger.mailboxes()) mailboxes.push([mailbox, state.lastRun]);
  expect(mailboxes).toEqual([["ann", 1]]);
});

test("a file is read, also if it has more than was expected, and a FIFO", async () => {
  const directory = await scratch();
  const [file, fifo] = [join(directory, "file"), join(directory, "fifo")];
  await writeFile(file, "a secret\n");
  OBSTACLES["a FIFO"](fifo, "");
  await readByteByByte();
  await using opened = await open(file);
  expect((await readWhole(opened, 3)).toString()).toBe("a secret\n");
  const [whole, passed] = await Promise.all([readFile(file), readFile(fifo), writeFile(fifo, "b\n")]);
  expect([whole, passed].map(String)).toEqual(["a secret\n", "b\n"]);
});

test("an mbox gets a second message, and loses one that was not finished", async () => {
  const path = join(await scratch(), "inbox");
  const [one, two] = ["Subject: one\r\n\r\n1\r\n", "Subject: two\r\n\r\n2\r\n"].map((text) =>
    Buffer.from(text),
  );
  await readByteByByte();
  await deliver(new Mbox(path), "one", one as Buffer);
  const sync = vi.spyOn(await fileHandles(), "datasync").mockRejectedValueOnce(systemError("EIO"));
  await expect(deliver(new Mbox(path), "two", two as Buffer)).rejects.toMatchObject({ code: "EIO" });
  sync.mockRestore();
  await deliver(new Mbox(path), "two", two as Buffer);
  expect(bodiesOf(await readFile(path))).toEqual([mboxForm(one as Buffer), mboxForm(two as Buffer)]);
});
