// The journal as a growing file: the number of writes, the effect of a failed write, and when it is
// rewritten.
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { FileLedger } from "../../../src/fetch/ledger/file-ledger.ts";
import { fileName } from "../../../src/fetch/ledger/file-name.ts";
import { Journal, ledgerForm, readJournal } from "../../../src/fetch/ledger/journal.ts";
import type { LedgerEntry } from "../../../src/fetch/ledger/ledger.ts";
import { Lock } from "../../../src/fetch/files/lock.ts";
import { until } from "../../support/turns.ts";
import { fileHandles, systemError } from "../../support/file-handles.ts";
import { deadPid, lockText, silence } from "../../support/holders.ts";
import { scratch } from "../../support/scratch.ts";

const ANN = "ann@pop.example.com:995";
/** The files of Ann when no run holds her mailbox. */
const FILES = ["journal", "state"].map((kind) => `${fileName(ANN)}.${kind}`);
const entry = (id: number | string, size = 0): LedgerEntry => ({
  id: `${id}`,
  status: "delivered",
  firstSeen: 1,
  size,
});

/** A ledger, and the journal of Ann in it. */
async function makeLedger(): Promise<{ ledger: FileLedger; directory: string; journal: string }> {
  const directory = await scratch();
  return {
    ledger: new FileLedger(directory),
    directory,
    journal: join(directory, `${fileName(ANN)}.journal`),
  };
}

const idsIn = async (ledger: FileLedger): Promise<string[]> => [...(await ledger.read(ANN)).entries.keys()];

/** Holds the next syncs back, one each. */
async function holdSyncs(): Promise<{ synced: () => number; release: () => void }> {
  const held: (() => void)[] = [];
  const sync = vi.spyOn(await fileHandles(), "datasync");
  sync.mockImplementation(() => new Promise((resolve) => held.push(resolve)));
  return { synced: () => sync.mock.calls.length, release: () => held.shift()?.() };
}

describe("records", () => {
  test("that arrive together share a write", async () => {
    const { ledger } = await makeLedger();
    const mailbox = await ledger.open(ANN);
    const handles = await fileHandles();
    const [append, sync] = [vi.spyOn(handles, "appendFile"), vi.spyOn(handles, "datasync")];
    await Promise.all([1, 2, 3].map((id) => mailbox.record({ entries: [entry(id)] })));
    expect([append.mock.calls.length, sync.mock.calls.length]).toEqual([1, 1]);
    await mailbox.record({ entries: [entry(4)] });
    expect([append.mock.calls.length, sync.mock.calls.length]).toEqual([2, 2]);
    await mailbox.close();
    expect(await idsIn(ledger)).toEqual(["1", "2", "3", "4"]);
  });

  test("that arrive during a write share the next one, and wait for it", async () => {
    const { ledger } = await makeLedger();
    const mailbox = await ledger.open(ANN);
    const { synced, release } = await holdSyncs();
    const done: number[] = [];
    const record = (id: number): Promise<unknown> =>
      mailbox.record({ entries: [entry(id)] }).then(() => done.push(id));
    const first = record(1);
    await until(() => synced() === 1);
    const others = [record(2), record(3), record(4)];
    expect(await idsIn(ledger)).toEqual(["1"]);
    release();
    await first;
    expect(done).toEqual([1]);
    await until(() => synced() === 2);
    expect(await idsIn(ledger)).toEqual(["1", "2", "3", "4"]);
    expect(done).toEqual([1]);
    release();
    await Promise.all(others);
    expect(done).toEqual([1, 2, 3, 4]);
    expect(synced()).toBe(2);
    await mailbox.close();
  });

  test("only ever append", async () => {
    const { ledger, journal } = await makeLedger();
    const mailbox = await ledger.open(ANN);
    await mailbox.record({ state: {} });
    let text = await readFile(journal, "latin1");
    for (let size = 0; size < 5; size++) {
      await mailbox.record({ entries: [entry("same", size)] });
      const longer = await readFile(journal, "latin1");
      expect(longer.startsWith(text)).toBe(true);
      expect(longer.slice(text.length).split("\n").length).toBe(2);
      text = longer;
    }
    await mailbox.close();
  });
});

describe("a write that fails", () => {
  test.each(["appendFile", "datasync"] as const)(
    "in %s is the last one, and keeps all acknowledged records",
    async (method) => {
      const { ledger, journal } = await makeLedger();
      const mailbox = await ledger.open(ANN);
      await mailbox.record({ entries: [entry(1)] });
      const acknowledged = await readFile(journal, "latin1");
      const cause = systemError("ENOSPC");
      const fail: (() => void)[] = [];
      const spy = vi.spyOn(await fileHandles(), method);
      spy.mockImplementation(() => new Promise<never>((_, reject) => fail.push(() => reject(cause))));
      const records = [2, 3].map((id) => mailbox.record({ entries: [entry(id)] }));
      await until(() => fail.length === 1);
      // This one waits for the next write, which does not come.
      records.push(mailbox.record({ entries: [entry(4)] }));
      fail[0]?.();
      for (const { reason } of (await Promise.allSettled(records)) as PromiseRejectedResult[]) {
        expect(reason).toMatchObject({
          code: "POP3_LEDGER",
          message: `cannot write the ledger ${journal}: ${cause.message}`,
          temporary: true,
          cause,
        });
      }
      expect(fail.length).toBe(1);
      spy.mockRestore();
      await expect(mailbox.record({ entries: [entry(5)] })).rejects.toMatchObject({
        code: "POP3_LEDGER",
        cause,
      });
      expect(await readFile(journal, "latin1")).toBe(acknowledged);
      await mailbox.close();
      const again = await ledger.open(ANN);
      expect([...(await again.load()).keys()]).toEqual(["1"]);
      await again.close();
    },
  );

  test("in its middle keeps all acknowledged records, even if the file cannot be truncated", async () => {
    const { ledger, journal } = await makeLedger();
    const mailbox = await ledger.open(ANN);
    await mailbox.record({ entries: [entry(1)] });
    const handles = await fileHandles();
    const append = vi.spyOn(handles, "appendFile").mockImplementation(async function (this: unknown, data) {
      await writeFile(journal, (data as string).slice(0, 20), { flag: "a" });
      throw systemError("EIO");
    });
    const truncate = vi.spyOn(handles, "truncate").mockRejectedValue(systemError("EIO"));
    await expect(mailbox.record({ entries: [entry(2)] })).rejects.toMatchObject({ code: "POP3_LEDGER" });
    await mailbox.close();
    append.mockRestore();
    truncate.mockRestore();
    expect(await idsIn(ledger)).toEqual(["1"]);
    const again = await ledger.open(ANN);
    await again.record({ entries: [entry(3)] });
    await again.close();
    expect(await idsIn(ledger)).toEqual(["1", "3"]);
  });
});

describe("a journal with many more lines than entries", () => {
  const LINES = 1001;

  /** A journal with this number of lines about each of some messages. */
  async function makeWordy(
    lines = LINES,
    ids: readonly string[] = ["same"],
  ): Promise<{ ledger: FileLedger; directory: string; journal: string }> {
    const made = await makeLedger();
    const mailbox = await made.ledger.open(ANN);
    const entries = ids.flatMap((id) => Array.from({ length: lines }, (_, size) => entry(id, size)));
    await mailbox.record({ entries, state: { lastRun: 7 } });
    await mailbox.close();
    return made;
  }

  const lineCount = async (journal: string): Promise<number> =>
    (await readFile(journal, "latin1")).split("\n").length - 1;

  test.each([true, false])(
    "is rewritten with the next record; its entries are loaded: %j",
    async (isLoaded) => {
      const { ledger, directory, journal } = await makeWordy();
      const before = await readFile(journal);
      await (await ledger.open(ANN)).close({ state: { lastRun: 8 } });
      expect(await readFile(journal), "not by a poll that finds nothing").toEqual(before);
      const mailbox = await ledger.open(ANN);
      if (isLoaded) expect([...(await mailbox.load()).values()]).toEqual([entry("same", LINES - 1)]);
      expect(mailbox.state).toEqual({ lastRun: 8 });
      await mailbox.record({ entries: [entry("other")], state: { lastRun: 9 } });
      await mailbox.close();
      // A header, an entry, and a state; then the record.
      expect(await lineCount(journal)).toBe(5);
      expect(await idsIn(ledger)).toEqual(["same", "other"]);
      expect((await readdir(directory)).sort()).toEqual(FILES);
    },
  );

  test.each([
    [LINES - 2, 1],
    [11, 100],
  ])("is not rewritten with %i lines about each of %i messages", async (lines, count) => {
    const ids = Array.from({ length: count }, (_, id) => String(id));
    const { ledger, journal } = await makeWordy(lines, ids);
    const before = await readFile(journal, "latin1");
    // Entries are counted when the journal is read.
    await rm(journal.replace(/journal$/, "state"));
    const mailbox = await ledger.open(ANN);
    await mailbox.record({ forgotten: ["0"] });
    await mailbox.close();
    expect((await readFile(journal, "latin1")).startsWith(before)).toBe(true);
  });

  test("stays as it is if it cannot be rewritten", async () => {
    const { ledger, directory, journal } = await makeWordy();
    const before = await readFile(journal, "latin1");
    const cause = systemError("ENOSPC");
    const sync = vi.spyOn(await fileHandles(), "sync").mockRejectedValue(cause);
    const mailbox = await ledger.open(ANN);
    const error = { code: "POP3_LEDGER", cause, temporary: true };
    await expect(mailbox.record({ entries: [entry("other")] })).rejects.toMatchObject(error);
    await expect(mailbox.close({ state: { lastRun: 8 } })).rejects.toMatchObject(error);
    sync.mockRestore();
    expect(await readFile(journal, "latin1")).toBe(before);
    expect((await readdir(directory)).sort(), "no lock, and no temporary file").toEqual(FILES);
  });

  test("is not rewritten by a process that has already lost the mailbox", async () => {
    const { journal, directory } = await makeWordy();
    const before = await readFile(journal);
    const path = join(directory, `${fileName(ANN)}.lock`);
    const times = { heartbeat: 10_000, stale: 60_000 };
    const former = (await Lock.take(path, times)) as Lock;
    const { mark } = await readJournal(journal, ledgerForm(ANN));
    await silence(path, 61_000);
    const lock = (await Lock.take(path, times)) as Lock;
    const late = new Journal(journal, ledgerForm(ANN), mark, former);
    await expect(late.append(["{}"])).rejects.toThrow("the lock was taken over by another run");
    expect(await readFile(journal)).toEqual(before);
    expect((await readdir(directory)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    await former.release();
    await lock.release();
  });

  test("is the old or the new one after a crash, without leftovers", async () => {
    const { ledger, directory, journal } = await makeWordy();
    const old = await readFile(journal);
    await (await ledger.open(ANN)).close({ state: { lastRun: 7, failures: 1 } });
    const rewritten = await readFile(journal);
    const lock = join(directory, `${fileName(ANN)}.lock`);
    const temporary = `${journal}.0123456789abcdef.tmp`;
    const crashes: [journal: Buffer, temporary: Buffer | undefined][] = [
      [old, Buffer.alloc(0)],
      [old, rewritten.subarray(0, 100)],
      [old, Buffer.alloc(rewritten.length)],
      [old, rewritten],
      [rewritten, undefined],
    ];
    for (const [found, left] of crashes) {
      await writeFile(journal, found);
      if (left !== undefined) await writeFile(temporary, left);
      await writeFile(lock, await lockText({ pid: deadPid() }));
      const mailbox = await ledger.open(ANN);
      expect([...(await mailbox.load()).values()]).toEqual([entry("same", LINES - 1)]);
      await mailbox.close();
      expect((await readdir(directory)).sort()).toEqual(FILES);
      expect(await lineCount(journal)).toBeLessThan(10);
    }
  });
});
