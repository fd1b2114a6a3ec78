// Fences of a mailbox grow with each open: also after a crash, a take-over, a deletion, and if the clock is put back.
// A crash is told from a run that has ended.
import { copyFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { fenceOf, nextFence } from "../../../src/fetch/files/fence.ts";
import { FileLedger } from "../../../src/fetch/ledger/file-ledger.ts";
import { fileName } from "../../../src/fetch/ledger/file-name.ts";
import { encode, encodeLine } from "../../../src/fetch/ledger/journal-line.ts";
import type { LedgerChanges, MailboxLedger } from "../../../src/fetch/ledger/ledger.ts";
import { decodeState, encodeState, type KeptState } from "../../../src/fetch/ledger/state-file.ts";
import { fileHandles, systemError } from "../../support/file-handles.ts";
import { deadPid, lockText, silence } from "../../support/holders.ts";
import { codeOf } from "../../support/outcome.ts";
import { scratch } from "../../support/scratch.ts";

const ANN = "ann@pop.example.com:995";
const HOUR = 3_600_000;
const STATE: LedgerChanges = { state: { lastRun: 1 } };

let ledger: FileLedger;
let lock: string;
let state: string;
beforeEach(async () => {
  ledger = new FileLedger(await scratch());
  [lock = "", state = ""] = ["lock", "state"].map((kind) =>
    join(ledger.directory, `${fileName(ANN)}.${kind}`),
  );
});
afterEach(() => void vi.useRealTimers());

async function poll(changes?: LedgerChanges): Promise<bigint> {
  const mailbox = await new FileLedger(ledger.directory).open(ANN);
  await mailbox.close(changes);
  return mailbox.fence;
}

/** Leaves the lock of a process that has died. */
async function crash(more: object = {}): Promise<void> {
  await writeFile(
    lock,
    JSON.stringify({ ...(JSON.parse(await lockText({ pid: deadPid() })) as object), ...more }),
  );
}

function expectGrowing(fences: readonly bigint[]): void {
  for (const [at, fence] of fences.entries())
    if (at > 0) expect(fence > (fences[at - 1] as bigint), fences.join(" ")).toBe(true);
}

/** The fence that the state file has: another process has written it. */
async function keep(fence: bigint): Promise<void> {
  const kept = decodeState(await readFile(state)) as KeptState;
  await writeFile(state, encodeState({ ...kept, fence }));
}

const later = (milliseconds: number): bigint => BigInt(Date.now() + milliseconds) * 1000n;

describe("the fence", () => {
  test("is the time in microseconds, and grows within one", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + HOUR });
    const clock = later(0);
    const fences = [await poll(STATE), await poll(STATE), await poll(), await poll({})];
    expect(fences[0]).toBe(clock);
    expectGrowing(fences);
  });

  test("is also in the lock file and in the state file", async () => {
    const mailbox = await ledger.open(ANN);
    expect(JSON.parse(await readFile(lock, "utf8"))).toMatchObject({ fence: String(mailbox.fence) });
    await mailbox.close(STATE);
    expect(decodeState(await readFile(state))).toMatchObject({ fence: mailbox.fence });
    expectGrowing([mailbox.fence, await poll()]);
  });

  test("grows after a run of another process that had a later clock", async () => {
    await poll(STATE);
    const fence = later(HOUR);
    await keep(fence);
    const mailbox = await ledger.open(ANN);
    expectGrowing([fence, mailbox.fence]);
    // If this run dies now, and its lock is removed by hand, the next one still knows.
    expect(decodeState(await readFile(state))).toMatchObject({ fence: mailbox.fence, state: { lastRun: 1 } });
    await mailbox.close();
    expectGrowing([mailbox.fence, await poll()]);
  });

  test("grows if the clock shows the time of the former one", async () => {
    await poll(STATE);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 7 * HOUR });
    await keep(later(0));
    expectGrowing([later(0), await poll()]);
  });

  test.each<[when: string, fence: bigint, opens: boolean]>([
    ["is known from the clock", 1n, true],
    ["would be forgotten after a crash", later(8 * HOUR), false],
  ])("that cannot be written %s: whether the mailbox opens", async (_, fence, opens) => {
    await poll(STATE);
    await keep(fence);
    await crash();
    const handles = await fileHandles();
    const original = Reflect.get(handles, "writeFile") as (
      this: unknown,
      ...args: unknown[]
    ) => Promise<void>;
    const writing = vi.spyOn(handles, "writeFile").mockImplementation(async function (
      this: unknown,
      ...args
    ) {
      if (String(args[0]).includes('"lastRun"')) throw systemError("ENOSPC");
      return original.apply(this, args);
    });
    const opening = ledger.open(ANN);
    const opened = await codeOf(opening);
    writing.mockRestore();
    if (opens) await (await opening).close();
    expect(opened).toBe(opens ? "resolved" : "POP3_LEDGER");
    expectGrowing([fence, await poll(STATE)]);
  });

  test("grows after a crash of a process that had a later clock", async () => {
    const fence = later(2 * HOUR);
    await crash({ fence: String(fence) });
    // That one has died while it took over the lock.
    const { token } = JSON.parse(await readFile(lock, "utf8")) as { token: string };
    await copyFile(lock, `${lock}.${token}`);
    expectGrowing([fence, await poll(STATE), await poll()]);
  });

  test("grows with each take-over", async () => {
    const held: MailboxLedger[] = [];
    for (let at = 0; at < 4; at++) {
      held.push(await new FileLedger(ledger.directory).open(ANN));
      await silence(lock, 61_000);
    }
    expectGrowing(held.map(({ fence }) => fence));
    for (const mailbox of held) await mailbox.close();
  });

  test("grows after a deletion, even if the clock was put back", async () => {
    await poll(STATE);
    const fence = later(3 * HOUR);
    await keep(fence);
    await ledger.delete(ANN);
    expectGrowing([fence, await poll()]);
  });

  test("grows after a renaming", async () => {
    await poll(STATE);
    const fence = later(4 * HOUR);
    await keep(fence);
    await ledger.rename(ANN, "bea");
    const bea = await ledger.open("bea");
    await bea.close();
    expectGrowing([fence, bea.fence]);
  });

  test("grows if the state file describes another journal", async () => {
    await poll(STATE);
    const fence = later(5 * HOUR);
    await keep(fence);
    await rm(join(ledger.directory, `${fileName(ANN)}.journal`));
    expectGrowing([fence, await poll(STATE), await poll()]);
  });

  test.each([undefined, 7, "", "-1", "7e3", "9".repeat(19)])(
    "in a lock file that says %j does not count",
    async (fence) => {
      expect(fenceOf(fence)).toBe(0n);
      await crash({ fence });
      expectGrowing([0n, await poll(), BigInt("9".repeat(18)) + 1n]);
    },
  );

  test("is greater than the former one, and than all of this process", () => {
    const former = nextFence() + 1_000_000n;
    const next = nextFence(former);
    expect([next, nextFence()]).toEqual([former + 1n, former + 2n]);
  });
});

describe("a mailbox", () => {
  test("is taken over after a crash, until a run has closed it", async () => {
    await poll(STATE);
    await crash();
    const second = await ledger.open(ANN);
    expect(second.takenOver).toBe(true);
    await second.close();
    const third = await ledger.open(ANN);
    expect(third.takenOver).toBe(false);
    await third.close();
  });

  test("is not taken over from a run that could not remove its lock", async () => {
    await poll(STATE);
    await writeFile(lock, (await lockText({ token: "0123456789abcdef" })).replace("{", "-"));
    const mailbox = await ledger.open(ANN);
    expect(mailbox.takenOver).toBe(false);
    await mailbox.close();
  });

  test("is taken over from a run of an earlier version that has not ended, once", async () => {
    const journal = join(ledger.directory, `${fileName(ANN)}.journal`);
    await poll(STATE);
    const running = encodeLine(encode({ state: { lastRun: 1, running: true } }), true);
    await writeFile(journal, (await readFile(journal, "latin1")) + running);
    expect((await ledger.read(ANN)).state).toEqual({ lastRun: 1 });
    const mailbox = await ledger.open(ANN);
    expect([mailbox.takenOver, mailbox.state]).toEqual([true, { lastRun: 1 }]);
    await mailbox.close({ state: { lastRun: 2 } });
    // The journal says that it has ended, whatever becomes of the state file.
    await rm(state);
    const next = await ledger.open(ANN);
    expect([next.takenOver, next.state]).toEqual([false, { lastRun: 2 }]);
    await next.close();
  });
});
