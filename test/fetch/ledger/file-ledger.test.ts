// A ledger in a directory: its files, its reaction to torn and foreign files, and the owner of a mailbox.
import { mkdir, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "../../support/fast-check.ts";
import { times } from "../../support/octets.ts";
import { describe, expect, test } from "vitest";
import { FileLedger } from "../../../src/fetch/ledger/file-ledger.ts";
import { fileName } from "../../../src/fetch/ledger/file-name.ts";
import type { LedgerEntry, LedgerSnapshot, MailboxState } from "../../../src/fetch/ledger/ledger.ts";
import { MemoryLedger } from "../../../src/fetch/ledger/memory-ledger.ts";
import { changes, texts } from "./changes.ts";
import { deadPid, lockText, silence } from "../../support/holders.ts";
import { scratch } from "../../support/scratch.ts";

const ANN = "ann@pop.example.com:995";
const NAME = fileName(ANN);
/** The files of Ann that stay when no run holds her mailbox. */
const FILES = [`${NAME}.journal`, `${NAME}.state`];
const FILES_OF_BEA = FILES.map((file) => file.replace(NAME, fileName("bea")));
const LOST = { code: "POP3_LEASE_LOST", temporary: true };
const entry = (id: string): LedgerEntry => ({ id, status: "delivered", firstSeen: 1 });

async function remember(
  ledger: FileLedger,
  name: string,
  ids: readonly string[],
  state: MailboxState = { lastRun: 1 },
): Promise<void> {
  const mailbox = await ledger.open(name);
  await mailbox.close({ entries: ids.map(entry), state });
}

const idsIn = async (ledger: FileLedger): Promise<string[]> => [...(await ledger.read(ANN)).entries.keys()];

describe("the files of a mailbox", () => {
  test("are named after it, and are accessible for their owner only", async () => {
    const directory = join(await scratch(), "state", "popwright");
    const ledger = new FileLedger(directory);
    await remember(ledger, ANN, []);
    const mailbox = await ledger.open(ANN);
    expect((await readdir(directory)).sort()).toEqual([
      "ann@pop.example.com-995.542fc965edeac1d2.journal",
      "ann@pop.example.com-995.542fc965edeac1d2.lock",
      "ann@pop.example.com-995.542fc965edeac1d2.state",
    ]);
    for (const name of ["journal", "lock", "state"])
      expect((await stat(join(directory, `${NAME}.${name}`))).mode & 0o777).toBe(0o600);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect((await stat(join(directory, ".."))).mode & 0o777).toBe(0o700);
    await mailbox.close();
    expect((await readdir(directory)).sort()).toEqual(FILES);
  });

  test("are not created before something is recorded", async () => {
    const ledger = new FileLedger(await scratch());
    await (await ledger.open(ANN)).close();
    expect(await readdir(ledger.directory)).toEqual([]);
    await (await ledger.open(ANN)).close({ state: { interval: 1 } });
    expect(await readdir(ledger.directory)).toEqual(FILES);
    expect((await ledger.read(ANN)).state).toEqual({ interval: 1 });
  });

  test("have safe and unique names for all names of mailboxes", () => {
    expect(fileName("../../etc/passwd")).toMatch(/^etc-passwd\.[0-9a-f]{16}$/);
    expect(fileName("")).toBe("mailbox.e3b0c44298fc1c14");
    expect(fileName("x".repeat(5000)).length).toBe(97);
    expect(fileName("Ann")).not.toBe(fileName("ann"));
    expect(fileName("Ann").toLowerCase()).not.toBe(fileName("ann"));
    expect(fileName("a/b")).not.toBe(fileName("a-b"));
    fc.assert(
      fc.property(texts, (name) => {
        expect(fileName(name)).toMatch(/^[A-Za-z0-9@_+][A-Za-z0-9@._+-]*\.[0-9a-f]{16}$/);
      }),
      { seed: 1939 },
    );
  });

  test("may be inaccessible", async () => {
    const directory = await scratch();
    await writeFile(join(directory, "file"), "");
    const ledger = new FileLedger(join(directory, "file"));
    await expect(ledger.open(ANN)).rejects.toMatchObject({
      code: "POP3_LEDGER",
      message: expect.stringContaining(`cannot open the ledger of ${ANN}: `) as string,
      cause: { syscall: "mkdir" },
    });
    await expect(ledger.read(ANN)).rejects.toMatchObject({ code: "POP3_LEDGER", cause: { code: "ENOTDIR" } });
  });

  test.each<[said: string, call: (ledger: FileLedger) => Promise<unknown>]>([
    [`cannot read the ledger of ${ANN}: `, (ledger) => ledger.read(ANN)],
    ["cannot list the ledgers: ", (ledger) => ledger.mailboxes().next()],
    [`cannot rename the ledger of ${ANN} to bea: `, (ledger) => ledger.rename(ANN, "bea")],
    [`cannot delete the ledger of ${ANN}: `, (ledger) => ledger.delete(ANN)],
  ])("may be inaccessible: %s", async (said, call) => {
    const path = join(await scratch(), "file");
    await writeFile(path, "");
    await expect(call(new FileLedger(path))).rejects.toMatchObject({
      code: "POP3_LEDGER",
      message: expect.stringContaining(said) as string,
    });
  });

  test("may become inaccessible while they are open", async () => {
    const directory = join(await scratch(), "state");
    const ledger = new FileLedger(directory);
    await remember(ledger, ANN, ["a"]);
    const mailbox = await ledger.open(ANN);
    await rm(join(directory, `${NAME}.journal`));
    await mkdir(join(directory, `${NAME}.journal`));
    await expect(mailbox.load()).rejects.toThrow(`cannot read the ledger of ${ANN}: `);
    await mailbox.close();
  });

  test("may belong to another mailbox", async () => {
    const directory = await scratch();
    const ledger = new FileLedger(directory);
    await remember(ledger, "bea", []);
    const journal = join(directory, `${NAME}.journal`);
    await writeFile(journal, await readFile(join(directory, `${fileName("bea")}.journal`)));
    await expect(ledger.open(ANN)).rejects.toMatchObject({
      code: "POP3_LEDGER",
      message: `${journal} is the ledger of another mailbox`,
    });
    await mkdir(join(directory, `${fileName("cleo")}.journal`));
    await expect(ledger.open("cleo")).rejects.toMatchObject({
      code: "POP3_LEDGER",
      cause: { name: "ForeignFileError" },
    });
    expect((await readdir(directory)).filter((name) => name.endsWith(".lock"))).toEqual([]);
  });
});

test("load() knows what was recorded before it", async () => {
  const ledger = new FileLedger(await scratch());
  for (const [changes, ids] of [
    [{ entries: [entry("a"), entry("b")] }, ["a", "b"]],
    [{ entries: [entry("c")] }, ["a", "b", "c"]],
    [{ forgotten: ["a"] }, ["b", "c"]],
    [{ state: { lastRun: 2 } }, ["b", "c"]],
  ] as const) {
    const mailbox = await ledger.open(ANN);
    await mailbox.record(changes);
    expect([...(await mailbox.load()).keys()]).toEqual(ids);
    await mailbox.close();
    // Without the state file the next run reads the journal when it opens it.
    await rm(join(ledger.directory, `${NAME}.state`));
  }
});

test("mailboxes are listed in the order of their files", async () => {
  const ledger = new FileLedger(await scratch());
  const names = ["bea", "ann", "dan", "cleo", "eve"];
  for (const name of names) await remember(ledger, name, []);
  const listed: string[] = [];
  for await (const { mailbox } of ledger.mailboxes()) listed.push(mailbox);
  expect(listed).toEqual(names.sort());
});

describe("the options", () => {
  test.each([
    ["", undefined],
    [7 as never, undefined],
    ["state", { heartbeat: 0 }],
    ["state", { heartbeat: Infinity, stale: Infinity }],
    ["state", { heartbeat: 60_000 }],
    ["state", { stale: "long" as never }],
    ["state", { age: 1 } as never],
  ])("%j, %j are rejected", (directory, options) => {
    expect(() => new FileLedger(directory, options)).toThrow(
      expect.objectContaining({ code: "POP3_CONFIG" }),
    );
  });

  test.each<[heartbeat: number, stale: number, isTaken: boolean]>([
    [1, 2, true],
    [0.9, 2, false],
    [2, 2, false],
    [2_147_483_647, Infinity, true],
    [2_147_483_648, Infinity, false],
    [9999, 10_000, true],
  ])("heartbeat %s, stale %s: %s", (heartbeat, stale, isTaken) => {
    const make = (): FileLedger => new FileLedger("state", { heartbeat, stale });
    if (isTaken) expect(make().directory).toBe("state");
    else
      expect(make).toThrow(
        "ledger.heartbeat must be from 1 to 2147483647, and less than ledger.stale " +
          `(got ${heartbeat}, with ledger.stale ${stale})`,
      );
  });

  test("must be a directory that is named", () => {
    expect(() => new FileLedger("")).toThrow(
      "the directory of a FileLedger must be a non-empty string (got an empty string)",
    );
    expect(() => new FileLedger("state", { heartbeats: 1 } as object)).toThrow(
      "unknown option ledger.heartbeats: did you mean ledger.heartbeat?",
    );
  });

  test("set the time after which a mailbox is taken over", async () => {
    const directory = await scratch();
    const first = await new FileLedger(directory).open(ANN);
    await silence(join(directory, `${NAME}.lock`), 5000);
    const patient = new FileLedger(directory, { stale: Infinity });
    await expect(patient.open(ANN)).rejects.toMatchObject({ code: "POP3_MAILBOX_BUSY" });
    const second = await new FileLedger(directory, { heartbeat: 100, stale: 4000 }).open(ANN);
    await first.close();
    await second.close();
  });
});

const inOrder = ({ entries, state }: LedgerSnapshot): unknown => [[...entries], state];

describe("the records", () => {
  test("are the same as in a ledger in memory", async () => {
    const directory = await scratch();
    let names = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(changes, { maxLength: 6 }),
        fc.integer({ min: 0, max: 6 }),
        async (records, at) => {
          const name = `mailbox ${String(names++)}`;
          const ledger = new FileLedger(directory);
          const memory = new MemoryLedger();
          for (const part of [records.slice(0, at), records.slice(at)]) {
            const mailbox = await ledger.open(name);
            await Promise.all(part.map((record) => mailbox.record(record)));
            const kept = await memory.open(name);
            for (const record of part) await kept.record(record);
            await kept.close();
            await mailbox.close();
            const expected = await memory.read(name);
            expect(inOrder(await ledger.read(name))).toEqual(inOrder(expected));
            const again = await ledger.open(name);
            expect(inOrder({ entries: await again.load(), state: again.state })).toEqual(inOrder(expected));
            await again.close();
          }
        },
      ),
      { seed: 1939, numRuns: times(25) },
    );
  });

  test("can be read while a run holds the mailbox", async () => {
    const ledger = new FileLedger(await scratch());
    expect(await ledger.read(ANN)).toEqual({ entries: new Map(), state: {} });
    const mailbox = await ledger.open(ANN);
    await mailbox.record({ entries: [entry("a")], state: { lastRun: 1 } });
    expect(await ledger.read(ANN)).toEqual({ entries: new Map([["a", entry("a")]]), state: { lastRun: 1 } });
    await mailbox.close();
  });
});

describe("a journal that was torn", () => {
  test("at any octet is complete again with the next record", async () => {
    const directory = await scratch();
    const mailbox = await new FileLedger(directory).open(ANN);
    const journal = join(directory, `${NAME}.journal`);
    await mailbox.record({ state: {} });
    const ends = [(await stat(journal)).size];
    for (const id of ["a", "b", "c"]) {
      await mailbox.record({ entries: [entry(id)] });
      ends.push((await stat(journal)).size);
    }
    await mailbox.close();
    const octets = await readFile(journal);

    async function tryCut(cut: number): Promise<void> {
      const ledger = new FileLedger(join(directory, `${cut}`));
      await mkdir(ledger.directory);
      const tail = ["", "\0".repeat(100), "garbage\n\n", "deadbeef>{}\n"][cut % 4] as string;
      // If nothing was ever recorded, garbage would make it the file of another program.
      const torn = Buffer.from(cut < (ends[0] as number) ? "" : tail);
      const path = join(ledger.directory, `${NAME}.journal`);
      await writeFile(path, Buffer.concat([octets.subarray(0, cut), torn]));
      const whole = ["a", "b", "c"].slice(
        0,
        Math.max(
          0,
          ends.findLastIndex((end) => end <= cut),
        ),
      );
      const again = await ledger.open(ANN);
      expect([...(await again.load()).keys()], `cut at ${cut}`).toEqual(whole);
      await again.record({ entries: [entry("next")] });
      await again.close();
      expect(await idsIn(ledger), `cut at ${cut}`).toEqual([...whole, "next"]);
    }

    const cuts = Array.from({ length: octets.length + 1 }, (_, cut) => cut);
    while (cuts.length > 0) await Promise.all(cuts.splice(0, 20).map(tryCut));
  });

  test("in its middle is not opened, and stays as it is", async () => {
    const ledger = new FileLedger(await scratch());
    const mailbox = await ledger.open(ANN);
    for (const id of ["a", "b", "c"]) await mailbox.record({ entries: [entry(id)] });
    await mailbox.close();
    const journal = join(ledger.directory, `${NAME}.journal`);
    const damaged = (await readFile(journal, "latin1")).replace('"b"', '"B"');
    await writeFile(journal, damaged);
    const error = {
      code: "POP3_LEDGER",
      message: `the ledger ${journal} is damaged in line 4`,
      temporary: false,
    };
    await expect(ledger.open(ANN)).rejects.toMatchObject(error);
    await expect(ledger.read(ANN)).rejects.toMatchObject(error);
    expect(await readFile(journal, "latin1")).toBe(damaged);
    expect(await readdir(ledger.directory)).toEqual(FILES);
    await truncate(journal, damaged.split("\n").slice(0, 3).join("\n").length + 1);
    expect(await idsIn(ledger)).toEqual(["a"]);
  });
});

describe("a mailbox that was taken over", () => {
  test("keeps all acknowledged records of its former run, and none of its later ones", async () => {
    const ledger = new FileLedger(await scratch());
    const former = await ledger.open(ANN);
    await former.record({ entries: [entry("a")] });
    await silence(join(ledger.directory, `${NAME}.lock`), 61_000);
    const mailbox = await ledger.open(ANN);
    expect([...(await mailbox.load()).keys()]).toEqual(["a"]);
    await mailbox.record({ entries: [entry("b")] });
    const late = former.record({ entries: [entry("late")] });
    await expect(late).rejects.toMatchObject({
      code: "POP3_LEASE_LOST",
      temporary: true,
      message: `the lock was taken over by another run: ${join(ledger.directory, `${NAME}.lock`)}`,
    });
    await expect(former.record({ entries: [entry("later")] })).rejects.toMatchObject(LOST);
    await mailbox.record({ entries: [entry("c")] });
    await former.close();
    await expect(ledger.open(ANN), "still held").rejects.toMatchObject({ code: "POP3_MAILBOX_BUSY" });
    await mailbox.record({ entries: [entry("d")] });
    await mailbox.close();
    expect(await idsIn(ledger)).toEqual(["a", "b", "c", "d"]);
  });

  test("is not truncated by its former run, even if its lock was removed by hand", async () => {
    const ledger = new FileLedger(await scratch());
    const former = await ledger.open(ANN);
    const lock = join(ledger.directory, `${NAME}.lock`);
    await rm(lock);
    const mailbox = await ledger.open(ANN);
    await mailbox.record({ entries: [entry("a"), entry("b")] });
    await expect(former.record({ entries: [entry("late")] })).rejects.toMatchObject(LOST);
    await former.close();
    await mailbox.record({ entries: [entry("c")] });
    await mailbox.close();
    expect(await idsIn(ledger)).toEqual(["a", "b", "c"]);
  });

  test("has no leftovers of its former run next to it", async () => {
    const ledger = new FileLedger(await scratch());
    for (const name of [ANN, "bea"]) await remember(ledger, name, []);
    const others = ["bea.journal.0123456789abcdef.tmp", `${NAME}.journal.letters.tmp`, `${NAME}.journal.bak`];
    const left = [`${NAME}.journal.0123456789abcdef.tmp`, `${NAME}.lock.0123456789abcdef`];
    for (const name of [...others, ...left]) await writeFile(join(ledger.directory, name), "");
    await writeFile(join(ledger.directory, `${NAME}.lock`), await lockText({ pid: deadPid() }));
    await (await ledger.open(ANN)).close();
    expect((await readdir(ledger.directory)).sort()).toEqual([...others, ...FILES, ...FILES_OF_BEA].sort());
  });

  test("has no leftovers of processes that died before they held a lock", async () => {
    const ledger = new FileLedger(await scratch());
    await remember(ledger, "bea", []);
    const id = "0123456789abcdef";
    const others = [`${NAME}.lock.bak`, `letters.${id}.tmp`];
    const claims = [`${NAME}.lock.${id}.tmp`, `${NAME}.lock.${id}.${id}.tmp`];
    for (const name of [...others, ...claims]) await writeFile(join(ledger.directory, name), "");
    await (await new FileLedger(ledger.directory).open("bea")).close();
    expect((await readdir(ledger.directory)).sort()).toEqual([...others, ...FILES_OF_BEA].sort());
  });
});
