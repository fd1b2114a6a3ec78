// Other users, backups and mistakes can put something else under the names of a ledger. It is not followed,
// waited for, emptied, or believed.
import { chmod, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { FileLedger } from "../../../src/fetch/ledger/file-ledger.ts";
import { fileName } from "../../../src/fetch/ledger/file-name.ts";
import type { MailboxState } from "../../../src/fetch/ledger/ledger.ts";
import { obstacles, place } from "../../support/obstacles.ts";
import { deadPid, lockText } from "../../support/holders.ts";
import { scratch } from "../../support/scratch.ts";

const NAME = fileName("ann");
const HEX = "0123456789abcdef";
const OLD = 10 * 60_000;

let directory: string;
let ledger: FileLedger;
beforeEach(async () => {
  directory = await scratch();
  ledger = new FileLedger(directory);
});

async function record(id: string): Promise<void> {
  const mailbox = await ledger.open("ann");
  try {
    await mailbox.record({ entries: [{ id, status: "delivered", firstSeen: 1 }] });
  } finally {
    await mailbox.close();
  }
}

const ids = async (): Promise<string[]> => [...(await ledger.read("ann")).entries.keys()];

describe("the journal", () => {
  const path = (): string => join(directory, `${NAME}.journal`);

  test.each(obstacles.filter((each) => each !== "an empty file"))("is not %s", async (obstacle) => {
    const look = await place(obstacle, path());
    const before = await readdir(directory);
    await expect(record("1")).rejects.toMatchObject({
      code: "POP3_LEDGER",
      message: expect.stringMatching(
        /\.journal (?:is .*, not a regular|is one of 2 names \(hard).*Remove/,
      ) as string,
    });
    expect(await look()).toEqual({ isUntouched: true });
    expect(await readdir(directory)).toEqual(before);
  });

  test("may be an empty file", async () => {
    await place("an empty file", path());
    await record("1");
    expect(await ids()).toEqual(["1"]);
  });

  test("is not a file to which other users may write", async () => {
    await record("1");
    await chmod(path(), 0o666);
    await expect(record("2")).rejects.toThrow("can be written to by other users");
    await chmod(path(), 0o600);
    await record("2");
    expect(await ids()).toEqual(["1", "2"]);
  });
});

describe("the state file", () => {
  const path = (): string => join(directory, `${NAME}.state`);

  async function poll(lastRun: number): Promise<MailboxState> {
    const mailbox = await ledger.open("ann");
    await mailbox.close({ state: { lastRun } });
    return mailbox.state;
  }

  test.each(obstacles)("is not %s", async (obstacle) => {
    await poll(1);
    await poll(2);
    await rm(path());
    const look = await place(obstacle, path());
    expect((await ledger.read("ann")).state, "the journal counts").toEqual({ lastRun: 1 });
    expect(await poll(3)).toEqual({ lastRun: 1 });
    expect((await ledger.read("ann")).state).toEqual({ lastRun: 3 });
    expect(await poll(4)).toEqual({ lastRun: 3 });
    expect(await look()).toEqual({ isUntouched: true });
    if (obstacle !== "a directory") expect((await stat(path())).size).toBe(1024);
  });

  test("is not a file to which other users may write", async () => {
    await poll(1);
    await poll(2);
    await chmod(path(), 0o666);
    expect((await ledger.read("ann")).state).toEqual({ lastRun: 1 });
    for await (const { state } of ledger.mailboxes()) expect(state).toEqual({ lastRun: 1 });
    expect(await poll(3)).toEqual({ lastRun: 1 });
    expect((await stat(path())).mode & 0o777, "it was replaced").toBe(0o600);
    expect(await poll(4)).toEqual({ lastRun: 3 });
  });

  test("is not believed if the journal may be written by other users", async () => {
    await poll(1);
    await poll(2);
    await chmod(join(directory, `${NAME}.journal`), 0o666);
    await expect(ledger.open("ann")).rejects.toThrow("can be written to by other users");
  });
});

test.each(
  [`journal.${HEX}.tmp`, `lock.${HEX}`, `lock.${HEX}.tmp`, `lock.${HEX}.${HEX}.tmp`].flatMap((name) =>
    obstacles.map((obstacle) => [name, obstacle] as const),
  ),
)("a run ignores a leftover %s, %s", async (name, obstacle) => {
  const look = await place(obstacle, join(directory, `${NAME}.${name}`), OLD);
  await writeFile(join(directory, `${NAME}.lock`), await lockText({ pid: deadPid() }));
  await record("1");
  expect(await ids()).toEqual(["1"]);
  expect(await look()).toEqual({ isUntouched: true });
  const left = obstacle === "a directory" ? [`${NAME}.${name}`] : [];
  expect((await readdir(directory)).sort()).toEqual(
    [`${NAME}.journal`, `${NAME}.state`, ...left, "precious"].sort(),
  );
});

test.each(obstacles)("a lock that is %s does not hang a run", async (obstacle) => {
  const lock = join(directory, `${NAME}.lock`);
  const look = await place(obstacle, lock);
  await expect(record("1")).rejects.toMatchObject({ code: "POP3_MAILBOX_BUSY" });
  expect(await look()).toEqual({ isUntouched: true });
});
