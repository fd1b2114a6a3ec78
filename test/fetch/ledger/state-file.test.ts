// The state file next to a journal: a poll that finds nothing new needs no other file, and whatever happens to this
// one, the journal counts.
import {
  appendFile,
  copyFile,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { FileLedger } from "../../../src/fetch/ledger/file-ledger.ts";
import { fileName } from "../../../src/fetch/ledger/file-name.ts";
import { encode, encodeLine } from "../../../src/fetch/ledger/journal-line.ts";
import type { LedgerChanges, LedgerEntry, MailboxState } from "../../../src/fetch/ledger/ledger.ts";
import { decodeState, encodeState, isSoft, type KeptState } from "../../../src/fetch/ledger/state-file.ts";
import { fileHandles, intercept, systemError } from "../../support/file-handles.ts";
import { deadPid, lockText } from "../../support/holders.ts";
import { scratch } from "../../support/scratch.ts";

const ANN = "ann@pop.example.com:995";
const entry = (id: string): LedgerEntry => ({ id, status: "delivered", firstSeen: 1 });
/** What the journal says, and what only the state file says. */
const OLD: MailboxState = { lastRun: 1, interval: 10, failures: 2, baseline: "1 ab" };
const NEW: MailboxState = { ...OLD, lastRun: 2, interval: 20, listing: "cd", due: 30 };

let ledger: FileLedger;
let journal: string;
let state: string;
beforeEach(async () => {
  ledger = new FileLedger(await scratch());
  [journal = "", state = ""] = ["journal", "state"].map((kind) =>
    join(ledger.directory, `${fileName(ANN)}.${kind}`),
  );
});

async function close(changes?: LedgerChanges): Promise<void> {
  await (await ledger.open(ANN)).close(changes);
}

/** A mailbox whose journal says `OLD`, and whose state file says `NEW`. */
async function remember(): Promise<void> {
  await close({ entries: [entry("a")], state: OLD });
  await close({ state: NEW });
}

/** What a run finds, and what a reader finds. */
async function found(): Promise<{ ids: string[]; state: MailboxState }> {
  const mailbox = await ledger.open(ANN);
  const { entries, state: read } = await ledger.read(ANN);
  expect(read, "a reader finds the same").toEqual(mailbox.state);
  expect(await mailbox.load(), "a reader finds the same").toEqual(entries);
  await mailbox.close();
  return { ids: [...entries.keys()], state: mailbox.state };
}

const THE_OLD = { ids: ["a"], state: OLD };
const THE_NEW = { ids: ["a"], state: NEW };

describe("a poll that finds nothing new", () => {
  test("reads no journal, and writes once, without a sync", async () => {
    await remember();
    const before = await readFile(journal);
    const handles = await fileHandles();
    const counts = (["readFile", "writeFile", "appendFile", "write", "sync", "datasync"] as const).map(
      (method) => vi.spyOn(handles, method as "sync"),
    );
    const mailbox = await ledger.open(ANN);
    expect(mailbox.state).toEqual(NEW);
    await mailbox.close({ state: { ...NEW, lastRun: 3 } });
    // `writeFile` is the lock.
    expect(counts.map((spy) => spy.mock.calls.length)).toEqual([0, 1, 0, 1, 0, 0]);
    vi.restoreAllMocks();
    expect(await readFile(journal)).toEqual(before);
    expect(await found()).toEqual({ ids: ["a"], state: { ...NEW, lastRun: 3 } });
  });

  test("still loads the entries if they are asked for", async () => {
    await remember();
    const mailbox = await ledger.open(ANN);
    const entries = await mailbox.load();
    expect([...entries.keys()]).toEqual(["a"]);
    entries.clear();
    await mailbox.record({ entries: [entry("b")] });
    await mailbox.close();
    expect(await found()).toEqual({ ids: ["a", "b"], state: NEW });
  });

  test.each([
    ["notBefore", 5],
    ["notBeforeSaid", 5],
    ["failures", 5],
    ["baseline", "2 ef"],
    ["baseline", undefined],
    ["serialUntil", 5],
    ["crashes", 1],
    ["later", { of: "a version to come" }],
  ])("is not one that changes %s to %j: the journal has it", async (field, value) => {
    await remember();
    await close({ state: { ...NEW, [field]: value } });
    await rm(state);
    expect((await found()).state).toEqual(JSON.parse(JSON.stringify({ ...NEW, [field]: value })));
  });

  test("is not the first one: without `lastRun` a mailbox counts as new", async () => {
    await close({ state: { interval: 1 } });
    await close({ state: { interval: 1, lastRun: 5 } });
    await rm(state);
    expect((await found()).state).toEqual({ interval: 1, lastRun: 5 });
    expect(isSoft({ lastRun: 5 }, { state: {} })).toBe(false);
    expect(isSoft({}, { state: { interval: 1 } })).toBe(true);
    expect(isSoft({}, {})).toBe(true);
    expect(isSoft({}, { forgotten: ["a"] })).toBe(false);
  });

  test("is not lost when the next run is killed after its first record", async () => {
    await remember();
    const killed = await ledger.open(ANN);
    await killed.record({ entries: [entry("b")] });
    // What nothing was left to do with is no longer known.
    const { listing: _, due: __, ...rest } = NEW;
    expect(await ledger.read(ANN)).toEqual({
      entries: new Map([entry("a"), entry("b")].map((each) => [each.id, each])),
      state: rest,
    });
    await killed.close();
  });
});

describe("a poll that finds nothing new is not lost", () => {
  beforeEach(remember);

  /** A run has died. */
  async function die(): Promise<void> {
    await writeFile(journal.replace(/journal$/, "lock"), await lockText({ pid: deadPid() }));
  }

  test("when the next run takes the mailbox over, and is killed at once", async () => {
    await die();
    const killed = await ledger.open(ANN);
    expect(killed.takenOver).toBe(true);
    expect((await ledger.read(ANN)).state).toEqual(NEW);
    await killed.close();
  });

  test.each(["while it replaces the journal", "between the journal and its first record"])(
    "when the next run takes the mailbox over, and is killed %s",
    async (when) => {
      await die();
      const killed = await ledger.open(ANN);
      const method = when.startsWith("while") ? "sync" : "appendFile";
      vi.spyOn(await fileHandles(), method).mockRejectedValue(systemError("EIO"));
      await expect(killed.record({ entries: [entry("b")] })).rejects.toMatchObject({ code: "POP3_LEDGER" });
      vi.restoreAllMocks();
      const { entries, state: read } = await ledger.read(ANN);
      expect({ ids: [...entries.keys()], state: read }).toEqual(THE_NEW);
      await killed.close();
    },
  );

  test("when the next run rewrites a long journal, and is killed before its first record", async () => {
    await close({ entries: Array.from({ length: 1100 }, () => entry("a")), state: NEW });
    await close({ state: { ...NEW, lastRun: 3 } });
    const killed = await ledger.open(ANN);
    vi.spyOn(await fileHandles(), "appendFile").mockRejectedValue(systemError("EIO"));
    await expect(killed.record({ entries: [entry("b")] })).rejects.toMatchObject({ code: "POP3_LEDGER" });
    vi.restoreAllMocks();
    expect((await ledger.read(ANN)).state).toEqual({ ...NEW, lastRun: 3 });
    await killed.close();
  });

  test("by a former run that writes late to the file that it has open", async () => {
    await die();
    const late = await open(state, "r+");
    const next = await ledger.open(ANN);
    await late.truncate(0);
    await late.close();
    expect((await ledger.read(ANN)).state).toEqual(NEW);
    await next.close();
    expect(await found()).toEqual(THE_NEW);
  });
});

describe("a state file that is lost", () => {
  test("takes with it what is safe to lose", async () => {
    await remember();
    await rm(state);
    expect(await found()).toEqual(THE_OLD);
  });

  test("is written again by the next run", async () => {
    await remember();
    await rm(state);
    await close({ state: NEW });
    expect(await found()).toEqual(THE_NEW);
  });

  test("does not bring back a listing that was recorded before the last entries", async () => {
    const mailbox = await ledger.open(ANN);
    await mailbox.record({ state: NEW });
    await mailbox.record({ entries: [entry("a")] });
    await mailbox.close();
    expect(await found()).toEqual(THE_NEW);
    await rm(state);
    const { listing: _, due: __, ...rest } = NEW;
    expect(await found()).toEqual({ ids: ["a"], state: rest });
  });
});

describe("a state file that is torn", () => {
  const kept: KeptState = {
    ...{ mailbox: ANN, state: OLD, keyName: undefined, fence: 7n },
    mark: { size: 100, modified: 123_456_789_012_345_678n, inode: 2n ** 63n, lines: 3, entries: 1 },
  };

  test("at any octet is the old one, the new one, or none", () => {
    const [before, after] = [kept, { ...kept, state: NEW, fence: 8n }].map((each) =>
      Buffer.from(encodeState(each), "latin1"),
    ) as [Buffer, Buffer];
    expect(decodeState(before)).toEqual(kept);
    for (let cut = 0; cut <= after.length; cut++) {
      const mixtures = [
        [after.subarray(0, cut), before.subarray(cut)],
        [before.subarray(0, cut), after.subarray(cut)],
        [after.subarray(0, cut)],
        [after.subarray(0, cut), Buffer.alloc(after.length - cut)],
      ];
      for (const parts of mixtures) {
        const octets = Buffer.concat(parts);
        const isWhole = octets.equals(before) || octets.equals(after);
        expect(decodeState(octets) !== undefined, `cut at ${cut}`).toBe(isWhole);
      }
    }
  });

  test("is followed by the rest of a longer one", () => {
    const longer = encodeState({ ...kept, mailbox: "x".repeat(5000) });
    const shorter = encodeState(kept);
    expect(decodeState(Buffer.from(shorter + longer.slice(shorter.length), "latin1"))).toEqual(kept);
    expect([shorter.length, longer.length % 1024]).toEqual([1024, 0]);
  });

  test("is ignored, and the next run replaces it", async () => {
    await remember();
    const whole = await readFile(state);
    for (const torn of [whole.subarray(0, 100), Buffer.alloc(whole.length), Buffer.alloc(0)]) {
      await writeFile(state, torn);
      expect(await found()).toEqual(THE_OLD);
      await close({ state: NEW });
      expect(await found()).toEqual(THE_NEW);
    }
  });

  test.each([
    "7",
    "null",
    "{",
    encode({ popwright: "ledger", version: 1, mailbox: ANN, state: {} }),
    encode({ popwright: "state", version: 2, mailbox: ANN, state: {} }),
    encode({ popwright: "state", version: 1, mailbox: 7, state: {} }),
    encode({ popwright: "state", version: 1, mailbox: ANN, state: null }),
    encode({ popwright: "state", version: 1, mailbox: ANN, keyName: 7, state: {} }),
  ])("or says %s is ignored", async (text) => {
    await remember();
    expect(decodeState(Buffer.from(encodeLine(text, true)))).toBeUndefined();
    await writeFile(state, encodeLine(text, true));
    expect(await found()).toEqual(THE_OLD);
  });

  const mark = { size: 1, lines: 2, entries: 3, modified: "4", inode: "5" };
  test.each<[object, boolean]>([
    [{}, true],
    [{ size: 1.5 }, false],
    [{ size: "1" }, false],
    [{ lines: 2.5 }, false],
    [{ entries: undefined }, false],
    [{ modified: 4 }, false],
    [{ modified: "-4" }, true],
    [{ modified: "4x" }, false],
    [{ modified: "x4" }, false],
    [{ modified: "" }, false],
    [{ inode: "5".repeat(20) }, true],
    [{ inode: "5".repeat(21) }, false],
    [{ inode: 5 }, false],
  ])("or whose mark has %j describes a journal: %s", (fields, is) => {
    const journal_ = { ...mark, ...fields };
    const text = encode({ popwright: "state", version: 1, mailbox: ANN, state: {}, journal: journal_ });
    const read = decodeState(Buffer.from(encodeLine(text, true)));
    expect(read?.mark !== undefined).toBe(is);
    expect(read).toMatchObject({ mailbox: ANN, state: {}, fence: 0n });
  });

  test("or has no mark describes no journal", () => {
    for (const value of [null, 7, undefined]) {
      const text = encode({ popwright: "state", version: 1, mailbox: ANN, state: {}, journal: value });
      expect(decodeState(Buffer.from(encodeLine(text, true)))).toMatchObject({ mark: undefined });
    }
    expect(decodeState(Buffer.from(encodeState({ ...kept, mark: undefined })))).toEqual({
      ...kept,
      mark: undefined,
    });
    expect(decodeState(Buffer.from(encodeState({ ...kept, keyName: "bea" })))).toMatchObject({
      keyName: "bea",
    });
  });

  test("while it is read is read once more", async () => {
    await remember();
    let isTorn = true;
    const torn = await intercept("read", async (call) => {
      const read = (await call()) as object;
      const all = isTorn ? { ...read, bytesRead: 10 } : read;
      isTorn = false;
      return all;
    });
    expect((await ledger.read(ANN)).state).toEqual(NEW);
    // The end of a file is a read that gives nothing.
    expect(torn.mock.calls.length).toBe(4);
  });
});

describe("a state file that describes another journal", () => {
  /** Puts back the time of the last change. */
  async function asBefore(change: () => Promise<unknown>): Promise<void> {
    const { atime, mtime } = await stat(journal);
    await utimes(journal, atime, mtime);
    await close({ state: NEW });
    await change();
    await utimes(journal, atime, mtime);
  }

  test("is used if nothing has changed", async () => {
    await remember();
    await asBefore(async () => undefined);
    expect(await found()).toEqual(THE_NEW);
  });

  test("is ignored if an older version has recorded something since then", async () => {
    await remember();
    await appendFile(journal, encodeLine(encode({ state: { lastRun: 9, running: true } }), true));
    expect((await found()).state).toEqual({ lastRun: 9 });
  });

  test("is ignored if only the time of the journal is another", async () => {
    await remember();
    await utimes(journal, 1, 1);
    expect(await found()).toEqual(THE_OLD);
  });

  test("is ignored if only the size of the journal is another", async () => {
    await remember();
    await asBefore(() => appendFile(journal, encodeLine(encode(entry("b")), true)));
    expect(await found()).toEqual({ ids: ["a", "b"], state: OLD });
  });

  test("is ignored if only the file is another: a backup was restored", async () => {
    await remember();
    await copyFile(journal, `${journal}.bak`);
    await asBefore(() => rename(`${journal}.bak`, journal));
    expect(await found()).toEqual(THE_OLD);
  });

  test("is ignored if there is no journal", async () => {
    await remember();
    await rm(journal);
    expect(await found()).toEqual({ ids: [], state: {} });
    await close({ state: { lastRun: 7 } });
    expect(await found()).toEqual({ ids: [], state: { lastRun: 7 } });
  });

  test("is ignored if it is of another mailbox", async () => {
    await remember();
    const { mark, ...kept } = decodeState(await readFile(state)) as KeptState;
    await writeFile(state, encodeState({ ...kept, mark, mailbox: "bea" }));
    const mailbox = await ledger.open(ANN);
    expect(mailbox.state).toEqual(OLD);
    await mailbox.close();
  });
});

describe("a state file that cannot be written", () => {
  test.each(["ENOSPC", "EIO"])("because of %s leaves it to the journal", async (code) => {
    await remember();
    const mailbox = await ledger.open(ANN);
    vi.spyOn(await fileHandles(), "write").mockRejectedValueOnce(systemError(code));
    await mailbox.close({ state: { ...NEW, lastRun: 3 } });
    await rm(state);
    expect(await found()).toEqual({ ids: ["a"], state: { ...NEW, lastRun: 3 } });
  });

  test("as a whole leaves it to the journal", async () => {
    await remember();
    const mailbox = await ledger.open(ANN);
    vi.spyOn(await fileHandles(), "write").mockResolvedValueOnce({ bytesWritten: 10, buffer: "" });
    await mailbox.close({ state: { ...NEW, lastRun: 3 } });
    expect(await found()).toEqual({ ids: ["a"], state: { ...NEW, lastRun: 3 } });
  });

  test("and neither can the journal, is reported as temporary", async () => {
    await remember();
    const mailbox = await ledger.open(ANN);
    const [handles, cause] = [await fileHandles(), systemError("ENOSPC")];
    vi.spyOn(handles, "write").mockRejectedValueOnce(cause);
    vi.spyOn(handles, "appendFile").mockRejectedValueOnce(cause);
    const error = { code: "POP3_LEDGER", temporary: true, cause };
    await expect(mailbox.close({ state: { ...NEW, lastRun: 3 } })).rejects.toMatchObject(error);
    expect(await readdir(ledger.directory), "it is released").toEqual(
      ["journal", "state"].map((kind) => `${fileName(ANN)}.${kind}`),
    );
    expect(await found(), "the failed write has touched the journal").toEqual(THE_OLD);
  });
});
