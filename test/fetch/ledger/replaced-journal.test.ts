// A journal that may not be on the disk as it can be read: the next run puts a new file in its place, and does not
// append to it. A loss of power could take back what was appended.
import { readFile, stat, writeFile, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { FileLedger } from "../../../src/fetch/ledger/file-ledger.ts";
import { fileName } from "../../../src/fetch/ledger/file-name.ts";
import type { LedgerEntry } from "../../../src/fetch/ledger/ledger.ts";
import { fileHandles, systemError } from "../../support/file-handles.ts";
import { deadPid, lockText } from "../../support/holders.ts";
import { scratch } from "../../support/scratch.ts";

const ANN = "ann@pop.example.com:995";
const BOB = "bob@pop.example.com:995";
const CAUSE = systemError("EIO");

const entry = (id: string): LedgerEntry => ({ id, status: "delivered", firstSeen: 1 });

class Trial {
  readonly ledger: FileLedger;
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
    this.ledger = new FileLedger(directory);
  }

  static async begin(): Promise<Trial> {
    return new Trial(await scratch());
  }

  path(kind: "journal" | "state" | "lock", mailbox = ANN): string {
    return join(this.directory, `${fileName(mailbox)}.${kind}`);
  }

  /** Each new file has another one. */
  async inode(mailbox = ANN): Promise<bigint> {
    return (await stat(this.path("journal", mailbox), { bigint: true })).ino;
  }

  /** A run that records entries. */
  async run(ids: readonly string[], mailbox = ANN): Promise<void> {
    const held = await this.ledger.open(mailbox);
    try {
      if (ids.length > 0) await held.record({ entries: ids.map(entry) });
    } finally {
      await held.close();
    }
  }

  async ids(mailbox = ANN): Promise<string[]> {
    return [...(await this.ledger.read(mailbox)).entries.keys()];
  }

  /** The next run replaces the journal, once. */
  async expectReplaced(before: readonly string[], mailbox = ANN): Promise<void> {
    const failed = await this.inode(mailbox);
    await this.run(["next"], mailbox);
    const replaced = await this.inode(mailbox);
    expect(replaced).not.toBe(failed);
    await this.run(["last"], mailbox);
    expect(await this.inode(mailbox)).toBe(replaced);
    expect(await this.ids(mailbox)).toEqual([...before, "next", "last"]);
    await expect(stat(this.path("lock", mailbox))).rejects.toMatchObject({ code: "ENOENT" });
  }
}

/** From now on files can be synced, and names cannot. */
async function failToSyncNames(): Promise<() => void> {
  const sync = vi.spyOn(await fileHandles(), "sync");
  sync.mockResolvedValueOnce().mockRejectedValue(CAUSE);
  return () => {
    sync.mockRestore();
  };
}

test("the name of the first journal could not be made durable", async () => {
  const trial = await Trial.begin();
  const restore = await failToSyncNames();
  await expect(trial.run(["a"])).rejects.toMatchObject({ code: "POP3_LEDGER", cause: CAUSE });
  restore();
  // The record itself had not begun.
  await trial.expectReplaced([]);
});

test("the name of a journal after a take-over could not be made durable", async () => {
  const trial = await Trial.begin();
  await trial.run(["a"]);
  await writeFile(trial.path("lock"), await lockText({ pid: deadPid() }));
  const restore = await failToSyncNames();
  await expect(trial.run(["b"])).rejects.toMatchObject({ code: "POP3_LEDGER", cause: CAUSE });
  restore();
  await trial.expectReplaced(["a"]);
});

test("a run that finds nothing new replaces it, too", async () => {
  const trial = await Trial.begin();
  const restore = await failToSyncNames();
  await expect(trial.run(["a"])).rejects.toMatchObject({ code: "POP3_LEDGER" });
  restore();
  const failed = await trial.inode();
  await trial.run([]);
  expect(await trial.inode()).not.toBe(failed);
});

test("a record that failed could not be cut off", async () => {
  const trial = await Trial.begin();
  await trial.run(["a"]);
  const handles = await fileHandles();
  const spies = (["datasync", "truncate"] as const).map((name) =>
    vi.spyOn(handles, name).mockRejectedValue(CAUSE),
  );
  await expect(trial.run(["b"])).rejects.toMatchObject({ code: "POP3_LEDGER", cause: CAUSE });
  for (const spy of spies) spy.mockRestore();
  await trial.expectReplaced(await trial.ids());
});

test("a run that took the mailbox over ended before it could replace it", async () => {
  const trial = await Trial.begin();
  await trial.run(["a"]);
  await writeFile(trial.path("lock"), await lockText({ pid: deadPid() }));
  const read = Reflect.get(await fileHandles(), "read") as (...args: unknown[]) => unknown;
  const journal = (await stat(trial.path("journal"))).ino;
  const failing = vi.spyOn(await fileHandles(), "read").mockImplementation(async function (
    this: FileHandle,
    ...args: unknown[]
  ) {
    if ((await this.stat()).ino === journal) throw CAUSE;
    return Reflect.apply(read, this, args);
  } as never);
  // The state file does not describe this journal, so it has to be read.
  await writeFile(trial.path("state"), "");
  await expect(trial.ledger.open(ANN)).rejects.toMatchObject({ code: "POP3_LEDGER", cause: CAUSE });
  failing.mockRestore();
  expect((await readFile(trial.path("lock"), "latin1"))[0], "released").toBe("-");
  await trial.expectReplaced(["a"]);
});

test("the new name of a renamed ledger could not be made durable", async () => {
  const trial = await Trial.begin();
  await trial.run(["a"]);
  const restore = await failToSyncNames();
  await expect(trial.ledger.rename(ANN, BOB)).rejects.toMatchObject({ code: "POP3_LEDGER", cause: CAUSE });
  restore();
  await trial.expectReplaced(["a"], BOB);
});

test("no run replaces a journal that is on the disk as it can be read", async () => {
  const trial = await Trial.begin();
  await trial.run(["a"]);
  const first = await trial.inode();
  const sync = vi.spyOn(await fileHandles(), "datasync").mockRejectedValueOnce(CAUSE);
  await expect(trial.run(["b"])).rejects.toMatchObject({ code: "POP3_LEDGER" });
  sync.mockRestore();
  const calls = vi.spyOn(await fileHandles(), "sync");
  await trial.run(["c"]);
  await trial.run([]);
  expect(calls, "no directory is synced").not.toHaveBeenCalled();
  expect(await trial.inode()).toBe(first);
  expect(await trial.ids()).toEqual(["a", "c"]);
});

test.each([false, true])(
  "what a dead process has written is durable before a run uses it (after a run that could not do that: %s)",
  async (isSecond) => {
    const trial = await Trial.begin();
    await trial.run(["a"]);
    // It may have died before the sync.
    await writeFile(trial.path("lock"), await lockText({ pid: deadPid() }));
    if (isSecond) {
      const sync = vi.spyOn(await fileHandles(), "sync").mockRejectedValue(CAUSE);
      await expect(trial.run(["b"])).rejects.toMatchObject({ code: "POP3_LEDGER", cause: CAUSE });
      sync.mockRestore();
    }
    const written = await trial.inode();
    const held = await trial.ledger.open(ANN);
    expect([...(await held.load()).keys()]).toEqual(["a"]);
    expect(await trial.inode()).not.toBe(written);
    await held.close();
    expect(await trial.ids()).toEqual(["a"]);
  },
);
