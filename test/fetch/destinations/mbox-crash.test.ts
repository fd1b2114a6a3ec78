// A crash in the middle of an append, at each octet, and what other programs may have done to the file since.
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Mbox } from "../../../src/fetch/index.ts";
import { fileHandlePrototype, methodOf } from "./broken-files.ts";
import { begun, deliver, delivery } from "./delivery.ts";
import { Folder } from "./folder.ts";
import { bodiesOf, mboxForm } from "./mbox-form.ts";

const ONE = Buffer.from("Subject: one\r\n\r\n1\r\n");
const TWO = Buffer.from("Subject: two\r\n\r\nFrom me\r\n2\r\n");
const [FIRST, SECOND] = [mboxForm(ONE), mboxForm(TWO)];
const THEIRS = Buffer.from("From ann@example.com Sat Nov 21 13:09:58 2026\nSubject: theirs\n\nHello\n\n");
const NOTE = ".inbox.popwright";

let folder: Folder;
let path: string;
/** The file before the second message, and with it. */
let before: Buffer;
let after: Buffer;
/** What was noted of it. */
let note: Buffer;
beforeEach(async () => {
  folder = await Folder.make();
  path = join(folder.path, "inbox");
  await deliver(new Mbox(path), "one", ONE);
  before = await folder.read("inbox");
  const prototype = await fileHandlePrototype();
  const appendFile = methodOf(prototype, "appendFile");
  const spy = vi.spyOn(prototype, "appendFile").mockImplementation(async function (
    this: typeof prototype,
    ...args
  ) {
    if ((await this.stat()).size === before.length) note = await folder.read(NOTE);
    await appendFile.apply(this, args);
  });
  await deliver(new Mbox(path), "two", TWO);
  spy.mockRestore();
  after = await folder.read("inbox");
});
afterEach(() => folder.remove());

/** What a new process makes of it: whether the message is known, and what is in the file when it has come again. */
async function recovered(inbox: Buffer, noted = note): Promise<[known: boolean, bodies: Buffer[]]> {
  await folder.write("inbox", inbox);
  await folder.write(NOTE, noted);
  const mbox = new Mbox(path);
  const outcome = await deliver(mbox, "two", TWO);
  expect(await folder.read(NOTE)).toHaveLength(0);
  // A process that comes later knows both.
  for (const name of ["one", "two"]) expect(await new Mbox(path).begin(delivery(name))).toBe("known");
  return [outcome === "known", bodiesOf(await folder.read("inbox"))];
}

test("is noted before, with all that is to come", () => {
  const { at, octets, line } = JSON.parse(note.toString()) as Record<string, unknown>;
  expect([at, octets]).toEqual([before.length, after.length - before.length]);
  expect(after.toString("latin1", before.length).startsWith(String(line))).toBe(true);
});

test("is over, durably, before the message counts as delivered", async () => {
  const prototype = await fileHandlePrototype();
  const datasync = methodOf(prototype, "datasync");
  const noted: number[] = [];
  vi.spyOn(prototype, "datasync").mockImplementation(async function (this: typeof prototype) {
    noted.push((await folder.read(NOTE)).length);
    await datasync.apply(this);
  });
  await deliver(new Mbox(path), "three", ONE);
  // The note, the file, and that there is no note any more.
  expect(noted.map((length) => length > 0)).toEqual([true, true, false]);
});

test("leaves the message whole or not at all, wherever it happens", async () => {
  // The ends of its first line and of its last, and what lies between.
  const lengths = new Set([0, 1, 2, after.indexOf("\n", before.length) - before.length]);
  for (let length = 0; length < after.length - before.length; length += 9) lengths.add(length);
  for (const more of [1, 2]) lengths.add(after.length - before.length - more);
  for (const length of lengths) {
    const inbox = after.subarray(0, before.length + length);
    expect([length, ...(await recovered(inbox))]).toEqual([length, false, [FIRST, SECOND]]);
  }
  expect(await recovered(after)).toEqual([true, [FIRST, SECOND]]);
});

test("is found where the file has its length, but not its octets", async () => {
  const torn = Buffer.from(after);
  torn.fill(0, before.length + 120);
  expect(await recovered(torn)).toEqual([false, [FIRST, SECOND]]);
});

test("is nothing while the note was written", async () => {
  for (const length of [0, 1, 50, note.length - 1])
    expect(await recovered(before, note.subarray(0, length))).toEqual([false, [FIRST, SECOND]]);
});

test("takes nothing away that another program has appended since", async () => {
  const half = after.subarray(0, after.length - 10);
  const [known, bodies] = await recovered(Buffer.concat([half, Buffer.from("\n\n"), THEIRS]));
  expect([known, bodies.length]).toEqual([false, 4]);
  expect([bodies[0], bodies[3]]).toEqual([FIRST, SECOND]);
  expect(bodies[2]?.toString()).toBe("Subject: theirs\n\nHello\n\n");
  expect(await recovered(Buffer.concat([after, THEIRS]))).toMatchObject([true, { length: 3 }]);
});

test("takes nothing away from a file that another program has written anew", async () => {
  const few = Buffer.concat([before.subarray(0, 20), THEIRS]);
  await folder.write("inbox", few);
  await folder.write(NOTE, note);
  await (await begun(new Mbox(path), "three")).abort();
  expect(await folder.read("inbox")).toEqual(few);
  const much = Buffer.concat([THEIRS, THEIRS, THEIRS, THEIRS, THEIRS]);
  await folder.write("inbox", much);
  await folder.write(NOTE, note);
  await (await begun(new Mbox(path), "three")).abort();
  expect(await folder.read("inbox")).toEqual(much);
});

test("is over where the file is gone", async () => {
  await folder.removeFile("inbox");
  await folder.write(NOTE, note);
  const mbox = new Mbox(path);
  expect(await deliver(mbox, "two", TWO)).toBe("new");
  expect(bodiesOf(await folder.read("inbox"))).toEqual([SECOND]);
});
