// Maintenance of a ledger: retrying failed messages, renaming a mailbox, and forgetting it.
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { FileLedger } from "../../../src/fetch/ledger/file-ledger.ts";
import { fileName } from "../../../src/fetch/ledger/file-name.ts";
import type { LedgerEntry, MailboxState } from "../../../src/fetch/ledger/ledger.ts";
import { MemoryLedger } from "../../../src/fetch/ledger/memory-ledger.ts";
import { fileHandles, systemError } from "../../support/file-handles.ts";
import { deadPid, lockText } from "../../support/holders.ts";
import { namesIn } from "../../support/ledger.ts";
import { scratch } from "../../support/scratch.ts";

const OLD = "ann@pop.old.example:995";
const NEW = "ann@pop.new.example:995";
const SEEN = 1_760_000_000_000;
const entry = (id: string, more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  ...{ id, status: "delivered", firstSeen: SEEN },
  ...more,
});
const FAILED = entry("waits", { status: "failed", tries: 1, failures: 2, retryAt: SEEN + 1, reason: "x" });
const POISON = entry("poison", { status: "quarantined", tries: 5, failures: 5, reason: "y", failedAt: SEEN });
const CONTENT = entry("\0digest", { status: "quarantined", tries: 5, failures: 5 });
const STATE: MailboxState = { lastRun: SEEN, interval: 7, failures: 2 };
const busy = { code: "POP3_MAILBOX_BUSY" };

async function remember(
  ledger: FileLedger | MemoryLedger,
  mailbox: string,
  entries: readonly LedgerEntry[],
  state: MailboxState = STATE,
): Promise<void> {
  const held = await ledger.open(mailbox);
  await held.record({ entries, state });
  await held.close();
}

describe.each<[string, () => Promise<FileLedger | MemoryLedger>]>([
  ["MemoryLedger", () => Promise.resolve(new MemoryLedger())],
  ["FileLedger", async () => new FileLedger(await scratch())],
])("%s", (_, make) => {
  test("can be read while a run holds the mailbox, and creates nothing for that", async () => {
    const ledger = await make();
    expect(await ledger.read(OLD)).toEqual({ entries: new Map(), state: {} });
    expect(await namesIn(ledger)).toEqual([]);
    const held = await ledger.open(OLD);
    await held.record({ entries: [POISON], state: STATE });
    const told = await ledger.read(OLD);
    expect(told).toEqual({ entries: new Map([["poison", POISON]]), state: STATE });
    await held.record({ forgotten: ["poison"] });
    expect(told.entries.size).toBe(1);
    await held.close();
    await remember(ledger, NEW, []);
    expect(await namesIn(ledger)).toEqual([NEW, OLD]);
  });

  test("releases all failed messages, as if they had never failed", async () => {
    const ledger = await make();
    await remember(ledger, OLD, [entry("a"), FAILED, POISON, CONTENT, entry("b", { status: "skipped" })]);
    const again = [
      entry("waits", { status: "failed", tries: 0, failures: 0, reason: "x" }),
      entry("poison", { status: "failed", tries: 0, failures: 0, reason: "y", failedAt: SEEN }),
      entry("\0digest", { status: "failed", tries: 0, failures: 0 }),
    ];
    expect(await ledger.release(OLD)).toEqual(again);
    const { entries, state } = await ledger.read(OLD);
    expect([...entries.values()]).toEqual([entry("a"), ...again, entry("b", { status: "skipped" })]);
    expect(state).toEqual(STATE);
  });

  test("is not taken for unchanged after a release", async () => {
    const ledger = await make();
    await remember(ledger, OLD, [FAILED], { ...STATE, listing: "ab", due: 5 });
    await ledger.release(OLD, "another");
    expect((await ledger.read(OLD)).state).toEqual({ ...STATE, listing: "ab", due: 5 });
    await ledger.release(OLD, "waits");
    expect((await ledger.read(OLD)).state).toEqual(STATE);
  });

  test.each([
    ["", "an empty string"],
    [7 as never, "7"],
  ])("releases nothing for the id %j", async (id, shown) => {
    await expect((await make()).release(OLD, id)).rejects.toMatchObject({
      ...{ code: "POP3_INVALID_ARGUMENT", message: `id must be a non-empty string (got ${shown})` },
    });
  });

  test.each(["open", "read", "delete"] as const)("%s() wants a name", async (method) => {
    const ledger = await make();
    for (const [name, shown] of [
      ["", "an empty string"],
      [7, "7"],
    ] as const)
      await expect(ledger[method](name as string)).rejects.toMatchObject({
        ...{ code: "POP3_INVALID_ARGUMENT", message: `mailbox must be a non-empty string (got ${shown})` },
      });
  });

  test.each<[unknown, string]>([
    [7, "options must be an object (got 7)"],
    [{ signl: 1 }, "unknown option options.signl: did you mean options.signal?"],
    [{ signal: 7 }, "signal must be an AbortSignal (got 7)"],
  ])("is not opened with the options %j", async (options, message) => {
    await expect((await make()).open(OLD, options as object)).rejects.toMatchObject({
      ...{ code: "POP3_INVALID_ARGUMENT", message },
    });
  });

  test("is not opened after an abort, and is free then", async () => {
    const ledger = await make();
    const aborted = ledger.open(OLD, { signal: AbortSignal.abort() });
    await expect(aborted).rejects.toMatchObject({ code: "POP3_ABORTED" });
    expect(await namesIn(ledger)).toEqual([]);
    await (await ledger.open(OLD, { signal: new AbortController().signal })).close();
  });

  test("says who holds the mailbox, and what is closed", async () => {
    const ledger = await make();
    const held = await ledger.open(OLD);
    await expect(ledger.open(OLD)).rejects.toMatchObject({
      ...busy,
      message: `another run is fetching the mail of ${OLD}`,
    });
    await held.close();
    await expect(held.record({ state: {} })).rejects.toMatchObject({
      code: "POP3_LEDGER",
      message: "the ledger of the mailbox was closed: call open() again",
    });
  });

  test("releases one message", async () => {
    const ledger = await make();
    await remember(ledger, OLD, [entry("a"), FAILED, POISON, CONTENT]);
    expect((await ledger.release(OLD, "poison")).map(({ id }) => id)).toEqual(["poison"]);
    expect((await ledger.release(OLD, "\0digest")).map(({ id }) => id)).toEqual(["\0digest"]);
    expect((await ledger.read(OLD)).entries.get("waits")).toEqual(FAILED);
  });

  test("releases nothing for a message that has not failed, an unknown message, or an unknown mailbox", async () => {
    const ledger = await make();
    await remember(ledger, OLD, [entry("a")]);
    expect(await ledger.release(OLD)).toEqual([]);
    expect(await ledger.release(OLD, "a")).toEqual([]);
    expect(await ledger.release(OLD, "b")).toEqual([]);
    expect(await ledger.release(NEW)).toEqual([]);
    expect(await namesIn(ledger)).toEqual([OLD]);
  });

  test("changes nothing while a run holds the mailbox", async () => {
    const ledger = await make();
    await remember(ledger, OLD, [POISON]);
    const held = await ledger.open(OLD);
    await expect(ledger.release(OLD)).rejects.toMatchObject(busy);
    await expect(ledger.rename(OLD, NEW)).rejects.toMatchObject(busy);
    await expect(ledger.delete(OLD)).rejects.toMatchObject(busy);
    await held.close();
    const other = await ledger.open(NEW);
    await expect(ledger.rename(OLD, NEW)).rejects.toMatchObject(busy);
    await other.close();
    expect((await ledger.read(OLD)).entries).toEqual(new Map([["poison", POISON]]));
    expect((await ledger.read(NEW)).entries.size).toBe(0);
    expect(await ledger.release(OLD), "it is free").toHaveLength(1);
  });

  test("is renamed with the same entries, state and keys", async () => {
    const ledger = await make();
    await remember(ledger, OLD, [entry("a"), POISON]);
    await ledger.rename(OLD, NEW);
    const { entries, state, keyName } = await ledger.read(NEW);
    expect([...entries.values()]).toEqual([entry("a"), POISON]);
    expect([state, keyName]).toEqual([STATE, OLD]);
    expect(await namesIn(ledger)).toEqual([NEW]);
    expect(await ledger.read(OLD)).toEqual({ entries: new Map(), state: {} });
    const held = await ledger.open(NEW);
    expect(held.keyName).toBe(OLD);
    await held.record({ entries: [entry("b")] });
    await held.close();
    await ledger.rename(NEW, "third");
    expect(await ledger.read("third")).toMatchObject({ keyName: OLD });
    await ledger.rename("third", OLD);
    expect(await ledger.read(OLD)).toEqual({
      entries: new Map([entry("a"), POISON, entry("b")].map((each) => [each.id, each])),
      state: STATE,
    });
  });

  test("is not renamed to a name that knows messages, only to one that knows none", async () => {
    const ledger = await make();
    await remember(ledger, OLD, [entry("a")]);
    await remember(ledger, NEW, [entry("b")]);
    await expect(ledger.rename(OLD, NEW)).rejects.toMatchObject({
      code: "POP3_LEDGER",
      message:
        `cannot rename the ledger of ${OLD}: the ledger of ${NEW} already knows 1 messages. ` +
        `If they may be forgotten, delete the ledger of ${NEW} first`,
    });
    expect((await ledger.read(NEW)).entries.has("b")).toBe(true);
    const held = await ledger.open(NEW);
    await held.record({ forgotten: ["b"] });
    await held.close();
    await ledger.rename(OLD, NEW);
    expect((await ledger.read(NEW)).entries.has("a")).toBe(true);
  });

  test("is not renamed to the name of another mailbox that knows the same", async () => {
    const ledger = await make();
    for (const name of [OLD, NEW]) await remember(ledger, name, [entry("a")]);
    await expect(ledger.rename(OLD, NEW)).rejects.toMatchObject({ code: "POP3_LEDGER" });
    expect(await namesIn(ledger)).toEqual([NEW, OLD]);
  });

  test.each([
    [OLD, OLD, `the ledger of ${OLD} already has this name: the new name must be another one`],
    ["", NEW, "the name to rename from must be a non-empty string (got an empty string)"],
    [OLD, "", "the name to rename to must be a non-empty string (got an empty string)"],
    [OLD, 7 as never, "the name to rename to must be a non-empty string (got 7)"],
  ])("is not renamed from %j to %j", async (from, to, message) => {
    const error = { code: "POP3_CONFIG", message };
    await expect((await make()).rename(from, to)).rejects.toMatchObject(error);
  });

  test("is not renamed if it does not exist, and nothing is created for it", async () => {
    const ledger = await make();
    const where = ledger instanceof FileLedger ? ` in ${ledger.directory}` : "";
    await expect(ledger.rename(OLD, NEW)).rejects.toMatchObject({
      ...{ code: "POP3_LEDGER", message: `there is no ledger of ${OLD}${where}` },
    });
    expect(await namesIn(ledger)).toEqual([]);
  });

  test("forgets a mailbox, and keeps the name in its keys", async () => {
    const ledger = await make();
    await remember(ledger, OLD, [entry("a")]);
    await remember(ledger, "bea", [entry("a")]);
    expect(await ledger.delete("nobody")).toBe(false);
    expect(await ledger.delete("bea")).toBe(true);
    expect(await namesIn(ledger)).toEqual([OLD]);
    await ledger.rename(OLD, NEW);
    await ledger.delete(NEW);
    expect(await ledger.read(NEW)).toEqual({ entries: new Map(), state: {}, keyName: OLD });
  });
});

describe("a ledger in files", () => {
  /** A ledger that was to be renamed: its directory, and its two journals. */
  async function toBeRenamed(): Promise<{ ledger: FileLedger; directory: string; from: string; to: string }> {
    const directory = await scratch();
    const ledger = new FileLedger(directory);
    await remember(ledger, OLD, [entry("a"), POISON]);
    const path = (mailbox: string): string => join(directory, `${fileName(mailbox)}.journal`);
    return { ledger, directory, from: path(OLD), to: path(NEW) };
  }

  test("is renamed in the end, wherever a crash happened", async () => {
    const { ledger, directory, from, to } = await toBeRenamed();
    const old = await readFile(from);
    await ledger.rename(OLD, NEW);
    const renamed = await readFile(to);
    expect(await readdir(directory)).toEqual([`${fileName(NEW)}.journal`]);
    const temporary = `${to}.0123456789abcdef.tmp`;
    const crashes: readonly Readonly<Record<string, Buffer>>[] = [
      { [from]: old },
      { [from]: old, [temporary]: renamed.subarray(0, 40) },
      { [from]: old, [temporary]: renamed },
      { [from]: old, [to]: renamed },
    ];
    for (const files of crashes) {
      const again = new FileLedger(join(directory, String(crashes.indexOf(files))));
      await remember(again, "bea", []);
      for (const [path, octets] of Object.entries(files))
        await writeFile(path.replace(directory, again.directory), octets);
      for (const mailbox of [OLD, NEW]) {
        const lock = join(again.directory, `${fileName(mailbox)}.lock`);
        await writeFile(lock, await lockText({ pid: deadPid() }));
      }
      // What the mailbox has under either name is whole, or nothing.
      for (const mailbox of [OLD, NEW]) expect([0, 2]).toContain((await again.read(mailbox)).entries.size);
      await again.rename(OLD, NEW);
      expect((await again.read(NEW)).entries.size).toBe(2);
      expect((await readdir(again.directory)).sort()).toEqual(
        [
          `${fileName(NEW)}.journal`,
          ...["journal", "state"].map((kind) => `${fileName("bea")}.${kind}`),
        ].sort(),
      );
    }
  });

  test("is not renamed over one that has new records since the crash", async () => {
    const { ledger, from, to } = await toBeRenamed();
    const old = await readFile(from);
    await ledger.rename(OLD, NEW);
    await writeFile(from, old);
    await remember(ledger, NEW, [entry("c")]);
    const gone = await readFile(to);
    await expect(ledger.rename(OLD, NEW)).rejects.toMatchObject({ code: "POP3_LEDGER" });
    expect([await readFile(from), await readFile(to)]).toEqual([old, gone]);
  });

  test("stays as it was if the new one cannot be written", async () => {
    const { ledger, directory, from } = await toBeRenamed();
    const old = await readFile(from);
    const cause = systemError("ENOSPC");
    const sync = vi.spyOn(await fileHandles(), "sync").mockRejectedValue(cause);
    await expect(ledger.rename(OLD, NEW)).rejects.toMatchObject({
      code: "POP3_LEDGER",
      cause,
      temporary: true,
    });
    sync.mockRestore();
    expect((await readdir(directory)).sort()).toEqual([`${fileName(OLD)}.journal`, `${fileName(OLD)}.state`]);
    expect(await readFile(from)).toEqual(old);
  });

  test("is listed by the contents of its journals, not by their names", async () => {
    const { ledger, directory, from } = await toBeRenamed();
    await writeFile(join(directory, "copy.journal"), await readFile(from));
    await writeFile(join(directory, `${fileName("cleo")}.journal`), "letters\n");
    await writeFile(join(directory, `${fileName("dora")}.journal`), "");
    expect(await namesIn(ledger)).toEqual([OLD]);
    expect(await namesIn(new FileLedger(join(directory, "none")))).toEqual([]);
    await expect(namesIn(new FileLedger(from))).rejects.toMatchObject({ code: "POP3_LEDGER" });
  });

  test("is listed with its state and its holder, and journals are not read for that", async () => {
    const { ledger, from } = await toBeRenamed();
    const opened = await ledger.open(OLD);
    await opened.close({ state: { ...STATE, lastRun: SEEN + 1 } });
    const held = await ledger.open("bea");
    await held.record({ state: { lastRun: 1 } });
    await held.close();
    const again = await ledger.open("bea");
    const reads = vi.spyOn(await fileHandles(), "readFile");
    const listed = async (): Promise<unknown[]> => {
      const all = [];
      for await (const each of ledger.mailboxes()) all.push(each);
      return all;
    };
    expect(await listed()).toEqual([
      { mailbox: OLD, state: { ...STATE, lastRun: SEEN + 1 }, held: false },
      { mailbox: "bea", state: { lastRun: 1 }, held: true },
    ]);
    expect(reads).not.toHaveBeenCalled();
    reads.mockRestore();
    await again.close();
    await writeFile(from.replace("journal", "lock"), await lockText({ pid: deadPid() }));
    await writeFile(from.replace("journal", "state"), "letters");
    expect(await listed(), "a dead process holds nothing, and the journal has a state, too").toEqual([
      { mailbox: OLD, state: STATE, held: false },
      { mailbox: "bea", state: { lastRun: 1 }, held: false },
    ]);
    await writeFile(from, (await readFile(from, "latin1")).replace('"a"', '"A"'));
    expect((await listed())[0], "it is damaged").toEqual({ mailbox: OLD, state: {}, held: false });
  });

  test("can be deleted if only its state file is left", async () => {
    const { ledger, directory, from } = await toBeRenamed();
    await rm(from);
    expect(await ledger.delete(OLD)).toBe(false);
    expect(await readdir(directory)).toEqual([]);
  });

  test("can be deleted even if it is damaged", async () => {
    const { ledger, directory, from } = await toBeRenamed();
    await writeFile(from, "letters\n");
    await expect(ledger.open(OLD)).rejects.toMatchObject({ code: "POP3_LEDGER" });
    await ledger.delete(OLD);
    expect(await readdir(directory)).toEqual([]);
  });
});
