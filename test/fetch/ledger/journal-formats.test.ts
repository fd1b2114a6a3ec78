// Journals of other versions: an old one is read and continued, a new one works with the first release if
// that is safe, and a newer one is refused before anything is changed.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FileLedger } from "../../../src/fetch/ledger/file-ledger.ts";
import { fileName } from "../../../src/fetch/ledger/file-name.ts";
import { decodeJournal, encodeJournal } from "../../../src/fetch/ledger/journal-contents.ts";
import { encode, encodeLine } from "../../../src/fetch/ledger/journal-line.ts";
import type { LedgerEntry, LedgerSnapshot } from "../../../src/fetch/ledger/ledger.ts";
import { readAsFormat1 } from "./format-1-reader.ts";
import { scratch } from "../../support/scratch.ts";

const ANN = "ann@pop.example.com:995";
const PATH = "/ledger/ann.journal";
const SEEN = 1_760_000_000_000;
/** As the first release wrote it: each kind of line, each status, records of several lines. */
const FORMAT_1 = await readFile(new URL("journals/format-1.journal", import.meta.url));

const hex = (digits: string): string => digits.repeat(32);
/** What it says. */
const ENTRIES: readonly LedgerEntry[] = [
  { id: "old-1", status: "baseline", firstSeen: SEEN, size: 100 },
  {
    ...({ id: "uid-1", status: "delivered", firstSeen: SEEN, size: 2048, headers: hex("0f") } as const),
    goneSince: SEEN + 1000,
  },
  { id: "uid-2", status: "headers", firstSeen: SEEN, size: 900_000, headers: hex("1f") },
  { id: "uid-3", status: "deleted", firstSeen: SEEN, size: 7 },
  {
    ...({ id: "uid-4", status: "failed", firstSeen: SEEN, size: 8, tries: 2, failures: 3 } as const),
    ...{ reason: 'no "space" left\u2028', retryAt: SEEN + 240_000 },
  },
  {
    ...({ id: "uid-5", status: "quarantined", firstSeen: SEEN, size: 9, tries: 5, failures: 5 } as const),
    reason: "a bug in the handler",
  },
  { id: `\0${hex("ab")}`, status: "delivered", firstSeen: SEEN, size: 10, headers: hex("2f") },
  {
    ...({ id: `\0${hex("cd")}`, status: "quarantined", firstSeen: SEEN, size: 11 } as const),
    ...{ tries: 5, failures: 6, reason: "a bug in the handler" },
  },
  { id: "uid-6", status: "skipped", firstSeen: SEEN, size: 99_999_999, reason: "too large" },
];
const STATE = {
  ...{ lastRun: SEEN + 1000, interval: 120_000, failures: 0 },
  ...{ notBefore: SEEN + 60_000, notBeforeSaid: SEEN + 2000, baseline: `1 ${hex("ee")}` },
};
const byId = (entries: readonly LedgerEntry[]): Map<string, LedgerEntry> =>
  new Map(entries.map((entry) => [entry.id, entry]));

/** A ledger whose only file is this. */
async function ledgerWith(journal: Buffer | string): Promise<{ ledger: FileLedger; path: string }> {
  const directory = await scratch();
  const path = join(directory, `${fileName(ANN)}.journal`);
  await writeFile(path, journal);
  return { ledger: new FileLedger(directory), path };
}

describe("a journal of the first release", () => {
  test("is read correctly", async () => {
    const { ledger } = await ledgerWith(FORMAT_1);
    const { entries, state } = await ledger.read(ANN);
    expect([...entries.values()].sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual(
      [...ENTRIES].sort((a, b) => (a.id < b.id ? -1 : 1)),
    );
    expect(state).toEqual(STATE);
  });

  test("is continued at its end, and its first lines stay as they were", async () => {
    const { ledger, path } = await ledgerWith(FORMAT_1);
    const mailbox = await ledger.open(ANN);
    expect(await mailbox.load()).toEqual(byId(ENTRIES));
    expect(mailbox.takenOver).toBe(false);
    await mailbox.record({ entries: [{ id: "uid-8", status: "delivered", firstSeen: SEEN }] });
    await mailbox.close();
    const after = await readFile(path);
    expect(after.subarray(0, FORMAT_1.length)).toEqual(FORMAT_1);
    expect((await ledger.read(ANN)).entries.size).toBe(ENTRIES.length + 1);
  });

  test.each(["", "\0".repeat(4096), '4b8477fc>{"sta', "garbage\n"])(
    "with a torn end is read up to its last complete record: %j",
    async (tail) => {
      const { ledger } = await ledgerWith(Buffer.concat([FORMAT_1.subarray(0, -9), Buffer.from(tail)]));
      const { entries, state } = await ledger.read(ANN);
      expect(entries).toEqual(byId(ENTRIES));
      expect(state).toEqual({ lastRun: SEEN + 1000 });
      const mailbox = await ledger.open(ANN);
      expect(mailbox.takenOver, "its last run has not ended").toBe(true);
      await mailbox.record({ state: STATE });
      await mailbox.close();
      expect(await ledger.read(ANN)).toEqual({ entries: byId(ENTRIES), state: STATE });
    },
  );
});

describe("a journal of this version", () => {
  const snapshot: LedgerSnapshot = { entries: byId(ENTRIES), state: STATE };

  test("has the format of the first release: going back loses nothing", async () => {
    const { ledger, path } = await ledgerWith("");
    const mailbox = await ledger.open(ANN);
    const failed: LedgerEntry = {
      id: "uid-9",
      status: "failed",
      firstSeen: SEEN,
      failedAt: SEEN + 1,
      tries: 1,
    };
    await mailbox.record({ entries: [...ENTRIES, failed], state: STATE });
    await mailbox.record({ forgotten: ["uid-6"] });
    await mailbox.close();
    const { entries, state } = readAsFormat1(path, ANN, await readFile(path));
    expect(entries).toEqual(new Map(byId([...ENTRIES, failed].filter(({ id }) => id !== "uid-6"))));
    expect(state).toEqual(STATE);
  });

  test("that was renamed has a format that the first release refuses", () => {
    const renamed = encodeJournal(ANN, { ...snapshot, keyName: "ann@old.example.com:995" });
    expect(() => readAsFormat1(PATH, ANN, Buffer.from(renamed))).toThrow("written by another version");
    expect(decodeJournal(PATH, ANN, Buffer.from(renamed))).toMatchObject({
      ...{ entries: byId(ENTRIES), state: STATE, keyName: "ann@old.example.com:995" },
    });
    const plain = decodeJournal(PATH, ANN, Buffer.from(encodeJournal(ANN, snapshot)));
    expect(plain.keyName).toBeUndefined();
  });
});

describe("a journal of a newer version", () => {
  const head = (more: object): string =>
    encodeLine(encode({ popwright: "ledger", version: 3, mailbox: ANN, ...more }), true);

  test("is refused with its path, both formats and advice, and stays as it is", async () => {
    const journal = head({ fence: "7" }) + encodeLine('{"group":[]}', true);
    const { ledger, path } = await ledgerWith(journal);
    const error = {
      code: "POP3_LEDGER",
      message:
        `the ledger ${path} has format 3, and this version of popwright reads formats 1 to 2: ` +
        "a newer version wrote it. Update popwright. Nothing was fetched or changed",
    };
    await expect(ledger.read(ANN)).rejects.toMatchObject(error);
    await expect(ledger.open(ANN)).rejects.toMatchObject(error);
    expect(await readFile(path, "latin1")).toBe(journal);
  });

  test.each([{ group: ["a"] }, { id: "a", status: "held", firstSeen: 1 }, { id: "a" }, ["a"], 7, null])(
    "is refused if it has only an unknown line: %j",
    async (value) => {
      const journal = FORMAT_1.toString("latin1") + encodeLine(encode(value), true);
      const { ledger, path } = await ledgerWith(journal);
      const error = {
        code: "POP3_LEDGER",
        message:
          `the ledger ${path} has an unknown kind of line, line 20: ` +
          "a newer version of popwright or another program wrote it. " +
          "Update popwright. Nothing was fetched or changed",
      };
      await expect(ledger.open(ANN)).rejects.toMatchObject(error);
      expect(await readFile(path, "latin1")).toBe(journal);
    },
  );

  test.each([
    { version: 0 },
    { version: "2" },
    { version: 1.5 },
    { version: undefined },
    { version: 2, keyName: 7 },
  ])("is not what has a header that is wrong: %j", (more) => {
    expect(() => decodeJournal(PATH, ANN, Buffer.from(head(more)))).toThrow(
      `the ledger ${PATH} is damaged in line 1`,
    );
  });
});
