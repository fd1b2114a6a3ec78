// A crash at each octet of an append, and changes that other programs may have made to the file since then.
import { chmod, lstat, rename, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Mbox } from "../../../src/fetch/index.ts";
import { deadPid } from "../../support/holders.ts";
import { fileHandlePrototype, methodOf } from "./broken-files.ts";
import { begun, deliver, delivery, keyOf } from "../../support/delivery.ts";
import { entryFor } from "../../support/ledger.ts";
import { Folder } from "../../support/folder.ts";
import { bodiesOf, mboxForm } from "../../support/mbox-form.ts";

const ONE = Buffer.from("Subject: one\r\n\r\n1\r\n");
const TWO = Buffer.from("Subject: two\r\n\r\nFrom me\r\n2\r\n");
const [FIRST, SECOND] = [mboxForm(ONE), mboxForm(TWO)];
const THEIRS = Buffer.from("From ann@example.com Sat Nov 21 13:09:58 2026\nSubject: theirs\n\nHello\n\n");

const dead = deadPid();

/** Whose note it is that was left. One of a process that may live makes the mbox a new file. */
const NOTES: readonly (readonly [whose: string, name: (name: string) => string])[] = [
  ["a dead process", (name) => name.replace(/-\d+-/, `-${dead}-`)],
  ["a process that may live", (name) => name],
  ["a process on another host", (name) => name.replace(/-[0-9a-f]{16}-/, "-0123456789abcdef-")],
  ["an older version", () => ".inbox.popwright"],
];

let folder: Folder;
let path: string;
/** The file before the second message, and with it. */
let before: Buffer;
let after: Buffer;
/** What was noted of it, and under which name. */
let note: Buffer;
let noteName: string;
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
    if ((await this.stat()).size === before.length) {
      noteName = await foundNote();
      note = await folder.read(noteName);
    }
    await appendFile.apply(this, args);
  });
  await deliver(new Mbox(path), "two", TWO);
  spy.mockRestore();
  after = await folder.read("inbox");
});
afterEach(() => folder.remove());

async function foundNote(): Promise<string> {
  const [name = "", ...others] = (await folder.files()).filter((file) => file.startsWith(".inbox.popwright"));
  expect(others).toEqual([]);
  return name;
}

test("is noted before, with all that will be appended", () => {
  const { at, octets, line } = JSON.parse(note.toString()) as Record<string, unknown>;
  expect([at, octets]).toEqual([before.length, after.length - before.length]);
  expect(after.toString("latin1", before.length).startsWith(String(line))).toBe(true);
});

test("has durably ended before the message counts as delivered", async () => {
  const prototype = await fileHandlePrototype();
  const datasync = methodOf(prototype, "datasync");
  const noted: number[] = [];
  vi.spyOn(prototype, "datasync").mockImplementation(async function (this: typeof prototype) {
    noted.push((await folder.read(await foundNote())).length);
    await datasync.apply(this);
  });
  await deliver(new Mbox(path), "three", ONE);
  // The file, and that the note says nothing any more.
  expect(noted.map((length) => length > 0)).toEqual([true, false]);
  expect(await folder.files()).toEqual(["inbox"]);
});

describe.each(NOTES)("with the note of %s", (_, renamed) => {
  /**
   * Delivers again with a new process. Returns whether the message was recognised, and what is in the file
   * afterwards.
   */
  async function recovered(inbox: Buffer, noted = note): Promise<[known: boolean, bodies: Buffer[]]> {
    await folder.write("inbox", inbox);
    await folder.write(renamed(noteName), noted);
    const mbox = new Mbox(path);
    const outcome = await deliver(mbox, "two", TWO);
    expect(await folder.files()).toEqual(["inbox"]);
    // A process that comes later knows both.
    for (const name of ["one", "two"]) expect(await new Mbox(path).begin(delivery(name))).toBe("known");
    return [outcome === "known", bodiesOf(await folder.read("inbox"))];
  }

  /** What is in the file when another process has looked at it. */
  async function lookedAt(inbox: Buffer): Promise<Buffer> {
    await folder.write("inbox", inbox);
    await folder.write(renamed(noteName), note);
    await (await begun(new Mbox(path), "three")).abort();
    expect(await folder.files()).toEqual(["inbox"]);
    return folder.read("inbox");
  }

  test("leaves the whole message or no part of it, wherever the crash happens", async () => {
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

  test("keeps the mode of the file", async () => {
    await chmod(path, 0o640);
    await recovered(after.subarray(0, -5));
    expect((await stat(path)).mode & 0o7777).toBe(0o640);
  });

  test("is detected if the file has its length, but not its octets", async () => {
    for (const from of [0, 1, 80, 120]) {
      for (const length of [after.length - before.length, 200, 100, 1]) {
        const torn = Buffer.from(after.subarray(0, before.length + length));
        torn.fill(0, Math.min(torn.length, before.length + from));
        expect(await lookedAt(torn)).toEqual(before);
        expect(await recovered(torn)).toEqual([false, [FIRST, SECOND]]);
      }
    }
  });

  test("is detected if its head is lost, but not its end", async () => {
    const torn = Buffer.from(after).fill(0, before.length, before.length + 90);
    expect(await recovered(torn)).toEqual([false, [FIRST, SECOND]]);
  });

  test("leaves a message of another program after zeros, and the text before them", async () => {
    for (const zeros of [5, 99, 100, 150, 300]) {
      const inbox = Buffer.concat([before, Buffer.alloc(zeros), THEIRS]);
      const [known, bodies] = await recovered(inbox);
      expect([zeros, known]).toEqual([zeros, false]);
      expect([bodies[0]?.toString().trimEnd(), bodies.at(-1)]).toEqual([FIRST.toString().trimEnd(), SECOND]);
      expect(bodies.at(-2)?.toString()).toBe("Subject: theirs\n\nHello\n\n");
      expect(bodies[0]?.includes(0)).toBe(false);
    }
  });

  test("has no effect if it happens while the note is written", async () => {
    for (const length of [0, 1, 50, note.length - 1])
      expect(await recovered(before, note.subarray(0, length))).toEqual([false, [FIRST, SECOND]]);
  });

  test("removes nothing that another program has appended since", async () => {
    const half = after.subarray(0, after.length - 10);
    const [known, bodies] = await recovered(Buffer.concat([half, Buffer.from("\n\n"), THEIRS]));
    expect([known, bodies.length]).toEqual([false, 4]);
    expect([bodies[0], bodies[3]]).toEqual([FIRST, SECOND]);
    expect(bodies[2]?.toString()).toBe("Subject: theirs\n\nHello\n\n");
    expect(await recovered(Buffer.concat([after, THEIRS]))).toMatchObject([true, { length: 3 }]);
  });

  test("is not recognised by a part of its first line, before text that another program has appended", async () => {
    for (const length of [80, 90, 104]) {
      const part = after.subarray(0, before.length + length);
      const [known, bodies] = await recovered(Buffer.concat([part, Buffer.from("\n\n"), THEIRS]));
      expect([length, known]).toEqual([length, false]);
      expect(bodies.at(-1)).toEqual(SECOND);
      expect(bodies.at(-2)?.toString()).toBe("Subject: theirs\n\nHello\n\n");
      const [alone] = await recovered(Buffer.concat([part, Buffer.from("\nHello\n")]));
      expect([length, alone]).toEqual([length, false]);
    }
  });

  test("removes nothing from a file that another program has rewritten", async () => {
    const few = Buffer.concat([before.subarray(0, 20), THEIRS]);
    expect(await lookedAt(few)).toEqual(few);
    const much = Buffer.concat([THEIRS, THEIRS, THEIRS, THEIRS, THEIRS]);
    expect(await lookedAt(much)).toEqual(much);
  });

  test("is ignored if the file is gone", async () => {
    await folder.removeFile("inbox");
    await folder.write(renamed(noteName), note);
    expect(await deliver(new Mbox(path), "two", TWO)).toBe("new");
    expect(bodiesOf(await folder.read("inbox"))).toEqual([SECOND]);
    expect(await folder.files()).toEqual(["inbox"]);
  });
});

/** A group of three, as it is appended: the file before and after it, its note, and where each message begins. */
interface AppendedGroup {
  readonly before: Buffer;
  readonly after: Buffer;
  readonly note: Buffer;
  readonly starts: readonly number[];
}

const GROUP: Readonly<Record<string, Buffer>> = {
  three: Buffer.from("Subject: three\r\n\r\n3\r\n"),
  four: Buffer.from("Subject: four\r\n\r\nFrom me\r\n4\r\n"),
  five: Buffer.from("Subject: five\r\n\r\n5\r\n"),
};
const GROUP_FORMS = Object.values(GROUP).map(mboxForm);

/** Appends a group to what another program may have ended without a blank line. */
async function appendGroup(): Promise<AppendedGroup> {
  const start = before.subarray(0, -1);
  await folder.write("inbox", start);
  const prototype = await fileHandlePrototype();
  const appendFile = methodOf(prototype, "appendFile");
  let noted: Buffer = Buffer.alloc(0);
  const spy = vi.spyOn(prototype, "appendFile").mockImplementation(async function (
    this: typeof prototype,
    ...args
  ) {
    noteName = await foundNote();
    noted = await folder.read(noteName);
    await appendFile.apply(this, args);
  });
  const mbox = new Mbox(path);
  const writers = [];
  for (const [name, message] of Object.entries(GROUP)) {
    const writer = await begun(mbox, name);
    await writer.write(message);
    writers.push(writer);
  }
  await Promise.all(writers.map((writer) => writer.commit(entryFor("m"))));
  spy.mockRestore();
  const whole = await folder.read("inbox");
  const starts = (JSON.parse(noted.toString()) as { at: number }[]).map(({ at }) => at);
  return { before: start, after: whole, note: noted, starts };
}

describe.each(NOTES)("with the note of a group, of %s", (_, renamed) => {
  let group: AppendedGroup;
  beforeEach(async () => {
    group = await appendGroup();
  });

  /** Delivers the group again with a new process. Returns which messages were recognised, and what is in the file. */
  async function recovered(inbox: Buffer): Promise<[known: boolean[], bodies: Buffer[]]> {
    await folder.write("inbox", inbox);
    await folder.write(renamed(noteName), group.note);
    const mbox = new Mbox(path);
    const known = [];
    for (const [name, message] of Object.entries(GROUP))
      known.push((await deliver(mbox, name, message)) === "known");
    expect(await folder.files()).toEqual(["inbox"]);
    for (const name of Object.keys(GROUP)) expect(await new Mbox(path).begin(delivery(name))).toBe("known");
    return [known, bodiesOf(await folder.read("inbox"))];
  }

  test("says where each message is", () => {
    const { after: whole, starts } = group;
    expect(starts.map((at) => whole.toString("latin1", at, at + 10))).toEqual(
      Object.keys(GROUP).map((name) => `From ${keyOf(name).slice(0, 5)}`),
    );
  });

  test("leaves the messages that are whole, wherever the crash happens", async () => {
    const { after: whole, starts } = group;
    const ends = [...starts.slice(1), whole.length];
    const lengths = new Set([...ends, ...ends.map((end) => end - 1), ...starts.map((at) => at + 80)]);
    for (let length = group.before.length; length < whole.length; length += 23) lengths.add(length);
    for (const length of lengths) {
      const [known, all] = await recovered(whole.subarray(0, length));
      expect([length, known]).toEqual([length, ends.map((end) => end <= length)]);
      expect(all).toEqual([FIRST, ...GROUP_FORMS]);
    }
  });

  test("removes a message that is lost, and those after it, which are not delivered yet", async () => {
    const { after: whole, starts } = group;
    const ends = [...starts.slice(1), whole.length];
    for (const [lost, start] of starts.entries())
      for (const [from, end] of [
        [start, ends[lost]],
        [start, start + 20],
        [start + 120, ends[lost]],
        [start + 90, start + 100],
      ] as const) {
        const inbox = Buffer.from(whole).fill(0, from, end);
        const [known, all] = await recovered(inbox);
        expect([from, end, known]).toEqual([from, end, starts.map((_each, nth) => nth < lost)]);
        expect(all).toEqual([FIRST, ...GROUP_FORMS]);
      }
  });

  test("is not there if only zeros are", async () => {
    const { before: start, after: whole } = group;
    for (const length of [1, 2, 100, whole.length - start.length]) {
      const [known, all] = await recovered(Buffer.concat([start, Buffer.alloc(length)]));
      expect(known).toEqual([false, false, false]);
      expect(all).toEqual([FIRST, ...GROUP_FORMS]);
    }
  });

  test("removes nothing that another program has appended since, and no whole message before that", async () => {
    const { after: whole, starts } = group;
    expect(await recovered(Buffer.concat([whole, THEIRS]))).toMatchObject([
      [true, true, true],
      { length: 5 },
    ]);
    const [, second = 0, third = 0] = starts;
    const torn = Buffer.from(whole).fill(0, second + 120, third);
    const [known, all] = await recovered(Buffer.concat([torn, THEIRS]));
    expect(known).toEqual([true, false, true]);
    const theirs = all.filter((body) => body.includes("theirs"));
    expect(theirs.map(String)).toEqual(["Subject: theirs\n\nHello\n\n"]);
    for (const form of GROUP_FORMS) expect(all.filter((body) => body.equals(form))).toHaveLength(1);
    for (const length of [second + 40, second + 120, third + 90]) {
      const cut = Buffer.concat([whole.subarray(0, length), Buffer.from("\n\n"), THEIRS]);
      const [recognised, bodies] = await recovered(cut);
      expect(recognised).toEqual([true, length > third, false]);
      expect(bodies.filter((body) => body.includes("Subject: theirs\n\nHello"))).toHaveLength(1);
      // Blank lines may be in the place of a line that was not finished.
      const texts = bodies.map((body) => body.toString().trimEnd());
      for (const form of GROUP_FORMS)
        expect(texts.filter((each) => each === form.toString().trimEnd())).toHaveLength(1);
    }
  });
});

test("a note of a group says nothing if one of its messages says nothing, or does not follow the one before", async () => {
  const { before: start, note: noted } = await appendGroup();
  const messages = JSON.parse(noted.toString()) as Record<string, unknown>[];
  const [one, two, three] = messages;
  for (const forged of [
    [],
    [null],
    [one, { ...two, digest: "x" }],
    [one, three],
    [two, one],
    [one, { ...two, gap: 1 }],
    [one, two, three, 5],
  ]) {
    // Taken at its word, it would have the first message removed.
    const isTrusted = forged.map((each) =>
      each === one ? { ...one, at: 0, gap: 0, line: lineOf(start) } : each,
    );
    await folder.write("inbox", start);
    await folder.write(noteName, JSON.stringify(isTrusted));
    expect(await deliver(new Mbox(path), "two", TWO)).toBe("new");
    expect(bodiesOf(await folder.read("inbox"))).toEqual([FIRST, SECOND]);
    expect(await folder.files()).toEqual(["inbox"]);
  }
});

function lineOf(inbox: Buffer): string {
  return inbox.toString("latin1", 0, inbox.indexOf("\n") + 1);
}

test.each([
  ["nothing", null],
  ["a number", 5],
  ["no line", { line: null }],
  ["a line that we do not write", { line: "From ann@example.com Sat Nov 21 13:09:58 2026\n" }],
  ["two lines", { line: `${"x".repeat(4)}\n` }],
  ["no digest", { digest: "x" }],
  ["a place before the file", { at: -1 }],
  ["a place that is not whole", { at: 0.5 }],
  ["a size that is not whole", { octets: 1e9 + 0.5 }],
  ["a size beyond all files", { octets: 1e300 }],
  ["a size that is too small for its line", { octets: 10 }],
  ["a gap that we do not leave", { gap: 3 }],
  ["a gap before the file", { at: 0, gap: 1 }],
])("a note with %s says nothing", async (_, forged) => {
  // Taken at its word, it would have the first message removed.
  const line = lineOf(before);
  const noted = { line, at: 0, octets: 1e9, digest: "0".repeat(64) };
  const isFields = typeof forged === "object" && forged !== null;
  await folder.write("inbox", before);
  await folder.write(noteName, JSON.stringify(isFields ? { ...noted, ...forged } : forged));
  expect(await deliver(new Mbox(path), "two", TWO)).toBe("new");
  expect(bodiesOf(await folder.read("inbox"))).toEqual([FIRST, SECOND]);
  expect(await folder.files()).toEqual(["inbox"]);
});

test("the note of a living process makes the mbox a new file, that of a dead process does not", async () => {
  const inodes: boolean[] = [];
  for (const [, renamed] of NOTES) {
    await folder.write("inbox", after.subarray(0, -5));
    await folder.write(renamed(noteName), note);
    const { ino } = await stat(path);
    await (await begun(new Mbox(path), "two")).abort();
    expect(await folder.read("inbox")).toEqual(before);
    inodes.push((await stat(path)).ino === ino);
  }
  expect(inodes).toEqual([true, false, false, false]);
});

test("a link to the mbox stays a link", async () => {
  await rename(path, join(folder.path, "elsewhere"));
  await symlink("elsewhere", path);
  await folder.write("elsewhere", after.subarray(0, -5));
  await folder.write(noteName, note);
  await (await begun(new Mbox(path), "two")).abort();
  expect((await lstat(path)).isSymbolicLink()).toBe(true);
  expect(await folder.read("elsewhere")).toEqual(before);
});

test("a copy that was never finished is removed", async () => {
  await folder.write(`${noteName}.new`, "half a mailbox");
  expect(await deliver(new Mbox(path), "three", ONE)).toBe("new");
  expect(await folder.files()).toEqual(["inbox"]);
});
