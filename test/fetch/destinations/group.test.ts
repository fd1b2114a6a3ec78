// Messages that become durable together: in which order, when a group is closed, and what fails alone.
import { readdir, rename, rm, symlink, mkdir, stat, type FileHandle } from "node:fs/promises";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { EmlFolder, Maildir, type Destination, type DeliveryWriter } from "../../../src/fetch/index.ts";
import type * as patient from "../../../src/fetch/files/patient-fs.ts";
import { begun, deliver, keyOf } from "../../support/delivery.ts";
import { systemError } from "../../support/file-handles.ts";
import { Folder, octetsIn } from "../../support/folder.ts";
import { Gate } from "../../support/gate.ts";
import { entryFor } from "../../support/ledger.ts";
import { breakFiles, fileHandlePrototype, methodOf } from "./broken-files.ts";

const isWindows = process.platform === "win32";
const ENTRY = entryFor("m");

/** What is done to files, in order, such as `link one`. */
let log: string[] = [];

vi.mock("../../../src/fetch/files/patient-fs.ts", async (importOriginal) => {
  const original = await importOriginal<typeof patient>();
  const logged = (name: "link" | "lstat" | "open" | "rename" | "rm" | "unlink"): unknown =>
    vi.fn((...args: readonly unknown[]) => {
      log.push(`${name} ${titleOf(String(args[name === "link" ? 1 : 0]))}`);
      return (original[name] as (...args: readonly unknown[]) => unknown)(...args);
    });
  return {
    ...original,
    ...{ link: logged("link"), lstat: logged("lstat"), open: logged("open") },
    ...{ rename: logged("rename"), rm: logged("rm"), unlink: logged("unlink") },
  };
});

const TITLES = Array.from({ length: 40 }, (_, nth) => `m${String(nth)}`);
const titles = new Map(TITLES.map((title) => [keyOf(title), title]));

/** The title of the message whose file has this path; the name of any other file. */
function titleOf(path: string): string {
  const key = /[0-9a-f]{64}/.exec(basename(path))?.[0] ?? "";
  return titles.get(key) ?? basename(path);
}

let folder: Folder;
let kind: Kind;
const files = await fileHandlePrototype();
const [datasync, sync] = [methodOf(files, "datasync"), methodOf(files, "sync")];
beforeEach(async () => {
  folder = await Folder.make();
  for (const [name, original] of [
    ["datasync", datasync],
    ["sync", sync],
  ] as const)
    vi.spyOn(files, name).mockImplementation(async function (this: FileHandle) {
      const what = (await this.stat()).isFile() ? "file" : "directory";
      await original.call(this);
      log.push(`${name} ${what}`);
    });
  log = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  await folder.remove();
});

interface Kind {
  readonly make: (group?: ConstructorParameters<typeof Maildir>[1]) => Destination;
  readonly directory: () => string;
  readonly fileOf: (title: string) => string;
}

const KINDS: Readonly<Record<string, Kind>> = {
  Maildir: {
    make: (options) => new Maildir(folder.path, options),
    directory: () => join(folder.path, "new"),
    fileOf: (title) => `new/${keyOf(title)}.popwright`,
  },
  EmlFolder: {
    make: (options) => new EmlFolder(folder.path, options),
    directory: () => folder.path,
    fileOf: (title) => `${keyOf(title)}.eml`,
  },
};

async function written(destination: Destination, title: string): Promise<DeliveryWriter> {
  const writer = await begun(destination, title);
  await writer.write(Buffer.from(title));
  return writer;
}

/** Begins all of them, and commits them in order. Tells what is settled, in its order. */
async function commitAll(destination: Destination, all: readonly string[]): Promise<string[]> {
  const settled: string[] = [];
  const writers = [];
  for (const title of all) writers.push(await written(destination, title));
  await Promise.all(
    writers.map(async (writer, at) => {
      const outcome = await writer.commit(ENTRY).then(
        (committed) => committed as "new" | "known",
        (error: unknown) => String((error as NodeJS.ErrnoException).code),
      );
      settled.push(`${String(all[at])} ${outcome}`);
      log.push("settled");
    }),
  );
  return settled;
}

const isNew = (title: string): string => `${title} new`;
const [m0, m1, m2, m3] = TITLES as [string, string, string, string];
const THREE = [m0, m1, m2];
const SIXTEEN = TITLES.slice(0, 16);

describe.each(Object.keys(KINDS))("%s", (name) => {
  beforeEach(() => {
    kind = KINDS[name] as Kind;
  });

  /** What a mail reader sees: the temporary names begin with a dot. */
  const contents = async (): Promise<string[]> =>
    (await octetsIn(kind.directory(), /^[^.]/)).map(String).sort();

  test("syncs all files, names all files, syncs the directory once, and then all commits resolve in order", async () => {
    const destination = kind.make();
    await deliver(destination, m3, Buffer.from(m3));
    log = [];
    expect(await commitAll(destination, THREE)).toEqual(THREE.map(isNew));
    const steps = log.map((line) => line.replace(/(open|link|unlink) m\d+/, "$1"));
    const part = (step: string): readonly string[] => steps.filter((each) => each === step);
    expect(steps.filter((step) => !["open", "unlink"].includes(step))).toEqual([
      ...["datasync file", "datasync file", "datasync file", "link", "link", "link"],
      // Windows makes each name durable, and opens the file for that.
      ...(isWindows ? ["sync file", "sync file", "sync file"] : ["sync directory"]),
      ...["settled", "settled", "settled"],
    ]);
    expect([part("open").length, part("unlink").length]).toEqual([isWindows ? 6 : 3, 3]);
    expect(await contents()).toEqual([...THREE, m3]);
  });

  test("resolves no commit before its directory is synced", async () => {
    const destination = kind.make();
    const gate = new Gate();
    await deliver(destination, m3, Buffer.from(m3));
    let reached: () => void = () => undefined;
    const syncing = new Promise<void>((resolve) => (reached = resolve));
    vi.spyOn(files, "sync").mockImplementation(async function (this: FileHandle) {
      reached();
      await gate.opened;
      await sync.call(this);
    });
    const all = commitAll(destination, THREE);
    await syncing;
    expect(await contents()).toEqual([...THREE, m3]);
    expect(log).not.toContain("settled");
    gate.open();
    expect(await all).toEqual(THREE.map(isNew));
  });

  test("settles commits in order, whichever file is stored first", async () => {
    const gate = new Gate();
    let others = 0;
    vi.spyOn(files, "datasync")
      .mockImplementationOnce(async function (this: FileHandle) {
        await gate.opened;
        await datasync.call(this);
      })
      .mockImplementation(async function (this: FileHandle) {
        await datasync.call(this);
        if (++others === 2) gate.open();
      });
    expect(await commitAll(kind.make(), THREE)).toEqual(THREE.map(isNew));
  });

  test("closes a group when it is full, although another message is arriving", async () => {
    const destination = kind.make({ group: { messages: 16 } });
    const slow = await written(destination, m3);
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    const all = TITLES.slice(4, 20);
    expect(await commitAll(destination, all)).toEqual(all.map(isNew));
    vi.useRealTimers();
    expect(await slow.commit(ENTRY)).toBe("new");
  });

  test("closes a group when it has enough bytes", async () => {
    const destination = kind.make({ group: { messages: 1000, bytes: 10 } });
    await written(destination, m3);
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    const all = TITLES.slice(4, 9);
    expect(await commitAll(destination, all)).toEqual(all.map(isNew));
    vi.useRealTimers();
  });

  test("does not wait for a message that never becomes complete", async () => {
    const destination = kind.make();
    const never = await written(destination, m3);
    expect(await commitAll(destination, THREE)).toEqual(THREE.map(isNew));
    await never.abort();
    expect(await contents()).toEqual(THREE);
  });

  test("does not wait for a message that was aborted", async () => {
    const destination = kind.make();
    const aborted = await written(destination, m3);
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    const committed = (await written(destination, m0)).commit(ENTRY);
    await aborted.abort();
    expect(await committed).toBe("new");
    vi.useRealTimers();
    expect(await contents()).toEqual([m0]);
  });

  test("what becomes complete while a group is named is the next group", async () => {
    const destination = kind.make({ group: { messages: 16 } });
    const writers = [];
    for (const title of TITLES) writers.push(await written(destination, title));
    log = [];
    expect(await Promise.all(writers.map((writer) => writer.commit(ENTRY)))).toEqual(TITLES.map(() => "new"));
    expect(await contents()).toEqual([...TITLES].sort());
    if (!isWindows) expect(log.filter((line) => line === "sync directory")).toHaveLength(2);
  });

  test("looks at no file that is new, and opens no directory twice", async () => {
    const destination = kind.make();
    await deliver(destination, "zero", Buffer.from("0"));
    log = [];
    await commitAll(destination, SIXTEEN);
    await commitAll(destination, TITLES.slice(16, 32));
    expect(log.filter((line) => /^(?:lstat|rm|rename)/.test(line))).toEqual([]);
    const opened = log.filter((line) => line.startsWith("open") && !/ m\d+$/.test(line));
    expect(opened).toEqual([]);
  });

  test("has at most 16 files open at the same time", async () => {
    const destination = kind.make({ group: { messages: 40 } });
    let [open, most] = [0, 0];
    vi.spyOn(files, "datasync").mockImplementation(async function (this: FileHandle) {
      most = Math.max(most, ++open);
      await datasync.call(this);
      open--;
    });
    expect(await commitAll(destination, TITLES)).toEqual(TITLES.map(isNew));
    expect(most).toBeLessThanOrEqual(16);
  });

  test("a message of several blocks is whole, and the last block may fail", async () => {
    const destination = kind.make();
    const blocks = [1, 2, 3].map((octet) => Buffer.alloc(1_100_000, octet));
    const writer = await begun(destination, m0);
    for (const block of blocks) await writer.write(block);
    await writer.write(Buffer.from("end"));
    expect(await writer.commit(ENTRY)).toBe("new");
    const [kept] = await octetsIn(kind.directory());
    expect(kept?.equals(Buffer.concat([...blocks, Buffer.from("end")]))).toBe(true);
    const failing = await begun(destination, m1);
    for (const block of blocks) await failing.write(block);
    const broken = await breakFiles("write");
    await failing.write(Buffer.from("end"));
    await expect(failing.commit(ENTRY)).rejects.toMatchObject({ code: "ENOSPC" });
    broken.repair();
    expect(await folder.files()).toEqual([kind.fileOf(m0)]);
  });

  test("a file that cannot be stored fails alone, and leaves nothing", async () => {
    const destination = kind.make();
    vi.restoreAllMocks();
    const broken = await breakFiles("datasync", 1);
    const settled = await commitAll(destination, THREE);
    broken.repair();
    expect(settled.map((line) => line.split(" ")[1]).sort()).toEqual(["ENOSPC", "new", "new"]);
    expect(settled.map((line) => line.split(" ")[0])).toEqual(THREE);
    expect(await folder.files()).toHaveLength(2);
    for (const title of THREE) await deliver(destination, title, Buffer.from(title));
    expect(await contents()).toEqual(THREE);
  });

  test("a file whose name is taken fails alone, and one whose message is there is known", async () => {
    const destination = kind.make();
    await deliver(destination, m3, Buffer.from(m3));
    const writers = [
      await written(destination, m0),
      await written(destination, m1),
      await written(destination, m2),
    ];
    await mkdir(join(folder.path, kind.fileOf(m0)));
    await folder.write(kind.fileOf(m1), "another's");
    const outcomes = await Promise.allSettled(writers.map((writer) => writer.commit(ENTRY)));
    expect(outcomes).toMatchObject([
      { reason: { code: "POP3_DESTINATION", down: false, later: true } },
      { value: "known" },
      { value: "new" },
    ]);
    expect(await contents()).toEqual(["another's", m2, m3].sort());
  });

  test("two messages with the same key replace an empty file once", async () => {
    const destination = kind.make();
    await deliver(destination, m3, Buffer.from(m3));
    const writers = [await written(destination, m0), await written(destination, m0)];
    await folder.write(kind.fileOf(m0), "");
    expect(await Promise.all(writers.map((writer) => writer.commit(ENTRY)))).toEqual(["new", "known"]);
    expect(await contents()).toEqual([m0, m3]);
  });

  test("if the directory cannot be synced, all of them fail, and are recognised later", async () => {
    const destination = kind.make();
    await deliver(destination, m3, Buffer.from(m3));
    vi.spyOn(files, "sync").mockRejectedValue(systemError("EIO"));
    expect(await commitAll(destination, THREE)).toEqual(THREE.map((title) => `${title} EIO`));
    vi.restoreAllMocks();
    expect((await folder.files()).filter((file) => file.includes("/.") || file.startsWith("."))).toEqual([]);
    for (const title of THREE) expect(await deliver(destination, title, Buffer.from("2"))).toBe("known");
    expect(await contents()).toEqual([...THREE, m3]);
  });

  test("names are synced once after they were read, for all messages that are known by them", async () => {
    await commitAll(kind.make(), SIXTEEN);
    const destination = kind.make();
    log = [];
    for (const title of SIXTEEN) expect(await deliver(destination, title, Buffer.from(title))).toBe("known");
    const syncs = log.filter((line) => line.startsWith("sync")).length;
    if (isWindows) expect(syncs).toBe(16);
    else expect(syncs).toBe(name === "Maildir" ? 2 : 1);
  });

  test("a message that was removed meanwhile is delivered again", async () => {
    const destination = kind.make();
    await commitAll(destination, THREE);
    await rm(join(folder.path, kind.fileOf(m1)));
    expect(await deliver(destination, m1, Buffer.from(m1))).toBe("new");
    expect(await contents()).toEqual(THREE);
  });

  test("syncs the directory that has the name, if it was replaced", async () => {
    const destination = kind.make();
    await deliver(destination, m3, Buffer.from(m3));
    const writers = [await written(destination, m0), await written(destination, m1)];
    await rename(kind.directory(), `${kind.directory()}.old`);
    await mkdir(kind.directory());
    const { ino } = await stat(kind.directory(), { bigint: true });
    const synced: bigint[] = [];
    vi.spyOn(files, "sync").mockImplementation(async function (this: FileHandle) {
      synced.push((await this.stat({ bigint: true })).ino);
      await sync.call(this);
    });
    await Promise.all(writers.map((writer) => writer.commit(ENTRY)));
    if (!isWindows) expect(synced).toEqual([ino]);
    expect(await contents()).toEqual([m0, m1]);
    if (name === "EmlFolder") await rm(`${kind.directory()}.old`, { recursive: true });
  });

  test.each([[false], [{ messages: 1 }]] as const)("one message at a time: %j", async (group) => {
    const destination = kind.make({ group });
    expect(destination.group).toBeUndefined();
    const all: string[] = [];
    for (const title of THREE) all.push(`${title} ${await deliver(destination, title, Buffer.from(title))}`);
    expect(all).toEqual(THREE.map(isNew));
  });

  test("declares the limits of a group", () => {
    expect(kind.make().group).toEqual({ messages: 128, bytes: 16_777_216 });
    expect(kind.make({ group: { messages: 4 } }).group).toEqual({ messages: 8, bytes: 16_777_216 });
    expect(kind.make({ group: { bytes: 1000 } }).group).toEqual({ messages: 128, bytes: 2000 });
  });

  test.each([
    [true, "group must be an object (got true)"],
    [{ messages: 0 }, "group.messages must be a number >= 1 (got 0)"],
    [{ messages: "16" }, 'group.messages must be a number >= 0 (got "16")'],
    [{ bytes: 0 }, "group.bytes must be a number >= 1 (got 0)"],
    [{ octets: 5 }, "unknown option group.octets: the options are messages, bytes"],
  ])("refuses the group %j", (group, message) => {
    expect(() => kind.make({ group } as object)).toThrow(
      expect.objectContaining({ code: "POP3_CONFIG", message }) as Error,
    );
  });
});

test("Maildir: a message that another process has delivered meanwhile, and its reader has moved, is known", async () => {
  const destination = new Maildir(folder.path);
  await deliver(destination, m3, Buffer.from(m3));
  const writers = [await written(destination, m0), await written(destination, m1)];
  // Windows allows no colon.
  await folder.write(`cur/${keyOf(m0)}.popwright;2,S`, m0);
  expect(await Promise.all(writers.map((writer) => writer.commit(ENTRY)))).toEqual(["known", "new"]);
  expect((await readdir(join(folder.path, "new"))).map(titleOf).sort()).toEqual([m1, m3]);
});

test("EmlFolder: a link that replaces the sub-folder while messages arrive gets none of them", async () => {
  const path = join(folder.path, "mail");
  const destination = new EmlFolder(path, { subfolder: () => "a" });
  await deliver(destination, m3, Buffer.from(m3));
  const writers = [await written(destination, m0), await written(destination, m1)];
  const outside = join(folder.path, "outside");
  await mkdir(outside);
  await rm(join(path, "a"), { recursive: true });
  await symlink(outside, join(path, "a"), "junction");
  for (const { reason } of (await Promise.allSettled(
    writers.map((writer) => writer.commit(ENTRY)),
  )) as PromiseRejectedResult[])
    expect(reason).toMatchObject({ code: "POP3_DESTINATION", down: false, later: true });
  expect(await readdir(outside)).toEqual([]);
});
