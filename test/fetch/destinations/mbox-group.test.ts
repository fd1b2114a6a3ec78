// Messages that are appended to an mbox together: what it costs, in which order they are settled, and what fails alone.
import { appendFile as addToFile, stat, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Mbox, type DeliveryWriter } from "../../../src/fetch/index.ts";
import { isDown } from "../../../src/fetch/destinations/destination-error.ts";
import { begun, deliver, delivery, keyOf } from "../../support/delivery.ts";
import { systemError } from "../../support/file-handles.ts";
import { Folder } from "../../support/folder.ts";
import { Gate } from "../../support/gate.ts";
import { entryFor } from "../../support/ledger.ts";
import { bodiesOf, mboxForm } from "../../support/mbox-form.ts";
import { breakFiles, fileHandlePrototype, methodOf } from "./broken-files.ts";

const isWindows = process.platform === "win32";
const THREE = ["one", "two", "three"];
/** More than one block that is written, and more than what is kept in memory. */
const LARGE = "large ".repeat(250_000);

const files = await fileHandlePrototype();
let folder: Folder;
let path: string;
let mbox: Mbox;
beforeEach(async () => {
  folder = await Folder.make();
  path = join(folder.path, "inbox");
  mbox = new Mbox(path, { lockTimeout: 0 });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await folder.remove();
});

async function written(name: string, text = name, signal?: AbortSignal): Promise<DeliveryWriter> {
  const writer = await begun(mbox, name, signal);
  for (let at = 0; at < text.length; at += 10_000)
    await writer.write(Buffer.from(text.slice(at, at + 10_000)));
  return writer;
}

/** Commits all of them at once. Returns what became of each, in the order in which they are settled. */
async function commit(writers: readonly DeliveryWriter[]): Promise<string[]> {
  const settled: string[] = [];
  await Promise.all(
    writers.map(async (writer, nth) => {
      const outcome = await writer.commit(entryFor("m")).then(
        (committed) => committed as string,
        (error: unknown) => String((error as NodeJS.ErrnoException).code),
      );
      settled.push(`${String(nth)} ${outcome}`);
    }),
  );
  return settled;
}

async function commitAll(names: readonly string[]): Promise<string[]> {
  const writers = [];
  for (const name of names) writers.push(await written(name));
  return commit(writers);
}

async function bodies(): Promise<string[]> {
  return bodiesOf(await folder.read("inbox")).map((body) => body.toString());
}

const formOf = (text: string): string => mboxForm(Buffer.from(text)).toString();

/** Counts the calls of these methods, and what they are applied to. */
function countSteps(): string[] {
  const steps: string[] = [];
  for (const name of ["appendFile", "datasync", "sync"] as const) {
    const original = methodOf(files, name);
    vi.spyOn(files, name).mockImplementation(async function (this: FileHandle, ...args: unknown[]) {
      const stats = await this.stat();
      const isMbox = stats.ino === (await stat(path).catch(() => undefined))?.ino;
      steps.push(`${name} ${isMbox ? "mbox" : stats.isFile() ? "note" : "directory"}`);
      await original.apply(this, args);
    });
  }
  return steps;
}

test("a group is one note, one write and one sync of the mbox, and the commits resolve in order", async () => {
  await deliver(mbox, "zero", Buffer.from("zero"));
  const writers = [];
  for (const name of THREE) writers.push(await written(name));
  // Small messages need no file until they are complete.
  expect(await folder.files()).toEqual(["inbox"]);
  const steps = countSteps();
  expect(await commit(writers)).toEqual(["0 new", "1 new", "2 new"]);
  expect(steps).toEqual([
    ...["sync note", isWindows ? "sync note" : "sync directory"],
    ...["appendFile mbox", "datasync mbox", "datasync note"],
  ]);
  expect(await bodies()).toEqual(["zero", ...THREE].map(formOf));
  expect(await folder.files()).toEqual(["inbox"]);
  for (const name of THREE) expect(await new Mbox(path).begin(delivery(name))).toBe("known");
});

test("the limits of a group", async () => {
  for (const [group, writes] of [
    [{ messages: 2 }, 2],
    // What becomes complete while the first one is stored is the next group.
    [{ bytes: 1 }, 2],
    [{}, 1],
  ] as const) {
    mbox = new Mbox(path, { group });
    await folder.removeFile("inbox").catch(() => undefined);
    const appendFile = vi.spyOn(files, "appendFile");
    expect(await commitAll(THREE)).toEqual(["0 new", "1 new", "2 new"]);
    expect(appendFile.mock.calls.length).toBe(writes);
    appendFile.mockRestore();
    expect(await bodies()).toEqual(THREE.map(formOf));
  }
  expect(mbox.group).toEqual({ messages: 128, bytes: 16 * 1024 * 1024 });
  expect(new Mbox(path, { group: false }).group).toBeUndefined();
});

test("a large message is in a file while it arrives, and in its place in the end", async () => {
  const writers = [await written("one"), await written("large", LARGE), await written("two")];
  expect(await folder.files()).toEqual([expect.stringContaining(keyOf("large"))]);
  expect(await commit(writers)).toEqual(["0 new", "1 new", "2 new"]);
  expect(await bodies()).toEqual(["one", LARGE, "two"].map(formOf));
  expect(await folder.files()).toEqual(["inbox"]);
});

test("a message whose file cannot be written fails alone", async () => {
  const writers = [await written("one")];
  const write = vi.spyOn(files, "write").mockRejectedValueOnce(systemError("EFBIG"));
  writers.push(await written("large", LARGE), await written("two"));
  expect(await commit(writers)).toEqual(["0 new", "1 EFBIG", "2 new"]);
  write.mockRestore();
  expect(await bodies()).toEqual(["one", "two"].map(formOf));
  expect(await folder.files()).toEqual(["inbox"]);
  expect(await deliver(mbox, "large", Buffer.from(LARGE))).toBe("new");
});

test("after a group has failed, each of its messages is tried alone", async () => {
  const broken = await breakFiles("appendFile");
  expect(await commitAll(THREE)).toEqual(["0 new", "1 new", "2 new"]);
  broken.repair();
  expect(await bodies()).toEqual(THREE.map(formOf));
  expect(await folder.files()).toEqual(["inbox"]);
});

test("a message that is at fault fails alone", async () => {
  const appendFile = methodOf(files, "appendFile");
  vi.spyOn(files, "appendFile").mockImplementation(async function (this: FileHandle, ...args: unknown[]) {
    const [block] = args as [Buffer];
    await appendFile.call(this, block.subarray(0, block.length / 2));
    if (block.includes("\ntwo\n")) throw systemError("EFBIG");
    await appendFile.call(this, block.subarray(block.length / 2));
  });
  expect(await commitAll(THREE)).toEqual(["0 new", "1 EFBIG", "2 new"]);
  expect(await bodies()).toEqual(["one", "three"].map(formOf));
});

test.each([
  // Together, and one alone.
  ["appendFile", 2],
  // The mbox, its note, and once more the note, because the next one with the lock removes it.
  ["datasync", 3],
  ["sync", 2],
] as const)("if the disk stays full (%s), all fail, and nothing is left", async (step, count) => {
  await deliver(mbox, "zero", Buffer.from("zero"));
  const original = methodOf(files, step);
  let tries = 0;
  vi.spyOn(files, step).mockImplementation(async function (this: FileHandle, ...args: unknown[]) {
    // What is undone is synced, too.
    const isMbox = (await this.stat()).ino === (await stat(path)).ino;
    if (step === "sync" && isMbox) return original.apply(this, args);
    tries++;
    if (step === "appendFile") await original.call(this, (args[0] as Buffer).subarray(0, 200));
    throw systemError("ENOSPC");
  } as never);
  const writers = [];
  for (const name of THREE) writers.push(await written(name));
  const errors = await Promise.all(
    writers.map((writer) => writer.commit(entryFor("m")).catch((error: unknown) => error)),
  );
  expect(errors.map(isDown)).toEqual([true, true, true]);
  expect(tries).toBe(count);
  vi.restoreAllMocks();
  // If the note could not be emptied, the next process that has the lock removes it.
  await deliver(mbox, "last", Buffer.from("last"));
  expect(await bodies()).toEqual(["zero", "last"].map(formOf));
  expect(await folder.files()).toEqual(["inbox"]);
});

test("a lock that another program holds fails all of them, after one wait", async () => {
  const writers = [];
  for (const name of THREE) writers.push(await written(name));
  await folder.write("inbox.lock", "");
  const errors = await Promise.all(
    writers.map((writer) => writer.commit(entryFor("m")).catch((error: unknown) => error)),
  );
  const [first] = errors;
  expect(first).toMatchObject({ down: true, message: expect.stringContaining("has locked") as unknown });
  expect(errors).toEqual([first, first, first]);
  expect(new Set(errors).size).toBe(1);
});

test("an abort while the lock is waited for concerns its message alone", async () => {
  mbox = new Mbox(path);
  const controller = new AbortController();
  const writers = [await written("one"), await written("two", "two", controller.signal)];
  await folder.write("inbox.lock", "");
  const one = writers[0]?.commit(entryFor("m"));
  const two = writers[1]?.commit(entryFor("m"));
  controller.abort(new Error("enough"));
  await folder.removeFile("inbox.lock");
  await expect(two).rejects.toMatchObject({ code: "POP3_ABORTED" });
  expect(await one).toBe("new");
  expect(await bodies()).toEqual([formOf("one")]);
});

test("if another program writes into a group, its whole messages stay, and are known when they come again", async () => {
  const theirs = "From ann@example.com Sat Nov 21 13:09:58 2026\nSubject: theirs\n\nHello\n\n";
  const appendFile = methodOf(files, "appendFile");
  vi.spyOn(files, "appendFile").mockImplementationOnce(async function (this: FileHandle, ...args: unknown[]) {
    await appendFile.apply(this, args);
    await addToFile(path, `\n\n${theirs}`);
  });
  const writers = [await written("one"), await written("large", LARGE), await written("two")];
  expect(await commit(writers)).toEqual(Array.from(writers, (_, nth) => `${String(nth)} POP3_DESTINATION`));
  for (const [name, text, outcome] of [
    ["one", "one", "known"],
    ["large", LARGE, "new"],
    ["two", "two", "new"],
  ] as const)
    expect(await deliver(new Mbox(path), name, Buffer.from(text))).toBe(outcome);
  const all = await bodies();
  for (const text of ["one", LARGE, "two"])
    expect(all.filter((body) => body === formOf(text))).toHaveLength(1);
  expect(all.filter((body) => body === "Subject: theirs\n\nHello\n\n")).toHaveLength(1);
  // What was there of the large one has no key.
  expect(all).toHaveLength(5);
});

test("of equal messages in a group one is new", async () => {
  expect(await commitAll(["one", "two", "one"])).toEqual(["0 new", "1 new", "2 known"]);
  expect(await bodies()).toEqual(["one", "two"].map(formOf));
});

test("a message that another process has delivered meanwhile is known, and the others are new", async () => {
  const writers = [];
  for (const name of THREE) writers.push(await written(name));
  await deliver(new Mbox(path), "two", Buffer.from("two"));
  expect(await commit(writers)).toEqual(["0 new", "1 known", "2 new"]);
  expect(await bodies()).toEqual(["two", "one", "three"].map(formOf));
});

test("the next group arrives while one is stored, and its commits come later", async () => {
  mbox = new Mbox(path, { group: { messages: 2 } });
  const gate = new Gate();
  const datasync = methodOf(files, "datasync");
  let reached: () => void = () => undefined;
  const syncing = new Promise<void>((resolve) => (reached = resolve));
  vi.spyOn(files, "datasync").mockImplementationOnce(async function (this: FileHandle) {
    reached();
    await gate.opened;
    await datasync.call(this);
  });
  const first = commitAll(["one", "two"]);
  await syncing;
  const settled: string[] = [];
  const next = written("three")
    .then((writer) => writer.commit(entryFor("m")))
    .then(() => settled.push("three"));
  const known = await mbox.begin(delivery("zero"), undefined);
  if (known !== "known") await known.abort();
  expect(settled).toEqual([]);
  gate.open();
  expect(await first).toEqual(["0 new", "1 new"]);
  await next;
  expect(await bodies()).toEqual(THREE.map(formOf));
});

test("a directory that has vanished is created again for the next messages", async () => {
  await deliver(mbox, "one", Buffer.from("one"));
  const writer = await written("two");
  await folder.remove();
  await expect(writer.commit(entryFor("m"))).rejects.toMatchObject({ code: "ENOENT" });
  expect(await deliver(mbox, "two", Buffer.from("two"))).toBe("new");
  expect(await bodies()).toEqual([formOf("two")]);
});
