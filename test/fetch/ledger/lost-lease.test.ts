// A run that has lost its mailbox learns it, from a timer or from its next call, and changes nothing any more.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FileLedger } from "../../../src/fetch/ledger/file-ledger.ts";
import { fileName } from "../../../src/fetch/ledger/file-name.ts";
import { LedgerError } from "../../../src/fetch/ledger/ledger-error.ts";
import type { LedgerEntry, MailboxLedger } from "../../../src/fetch/ledger/ledger.ts";
import { fileHandles, intercept, systemError } from "../../support/file-handles.ts";
import { Gate } from "../../support/gate.ts";
import { lockText, silence } from "../../support/holders.ts";
import { scratch } from "../../support/scratch.ts";
import { turns, until } from "../../support/turns.ts";

const ANN = "ann@pop.example.com:995";
const [HEARTBEAT, STALE] = [10_000, 60_000];
const entry = (id: string): LedgerEntry => ({ id, status: "delivered", firstSeen: 1 });
const LOST = { code: "POP3_LEASE_LOST", temporary: true };

let ledger: FileLedger;
let lock: string;
beforeEach(async () => {
  ledger = new FileLedger(await scratch());
  lock = join(ledger.directory, `${fileName(ANN)}.lock`);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** Timers and one clock that stand still until the test moves them. */
function stopTime(clock: "Date" | "hrtime" = "Date"): void {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", clock] });
}

async function open(): Promise<MailboxLedger> {
  const mailbox = await ledger.open(ANN);
  await mailbox.record({ entries: [entry("a")], state: { lastRun: 1 } });
  return mailbox;
}

async function files(): Promise<ReadonlyMap<string, Buffer>> {
  const names = (await readdir(ledger.directory)).sort();
  const contents = names.map(async (name) => [name, await readFile(join(ledger.directory, name))] as const);
  return new Map(await Promise.all(contents));
}

/** Nothing that it does has an effect, and each call says why. */
async function expectLost(mailbox: MailboxLedger, message: RegExp): Promise<void> {
  expect(mailbox.lost.aborted).toBe(true);
  const reason = mailbox.lost.reason as LedgerError;
  expect(LedgerError.is(reason)).toBe(true);
  expect(reason).toMatchObject({ ...LOST, message: expect.stringMatching(message) as string });
  await expect(mailbox.confirm?.()).rejects.toBe(reason);
  await expect(mailbox.record({ entries: [entry("late")] })).rejects.toBe(reason);
  await expect(mailbox.close({ state: { lastRun: 9 } })).rejects.toBe(reason);
}

describe("a lock that another run has taken over", () => {
  test.each([
    ["by taking over", () => new FileLedger(ledger.directory).open(ANN)],
    ["by writing into it", async () => writeFile(lock, await lockText())],
  ])("%s is noticed by a timer", async (_how, takeOver) => {
    stopTime();
    const mailbox = await open();
    await silence(lock, STALE + 1000);
    const other = await takeOver();
    const before = await files();
    expect(mailbox.lost.aborted).toBe(false);
    vi.advanceTimersByTime(HEARTBEAT);
    await until(() => mailbox.lost.aborted);
    await expectLost(mailbox, /^the lock was taken over by another run: /);
    expect(await files()).toEqual(before);
    await other?.close();
  });

  test.each(["confirm", "record", "close"] as const)("is noticed by %s", async (call) => {
    stopTime();
    const mailbox = await open();
    await silence(lock, STALE + 1000);
    const other = await new FileLedger(ledger.directory).open(ANN);
    vi.setSystemTime(Date.now() + HEARTBEAT + 1);
    const before = await files();
    const changes = { entries: [entry("late")] };
    await expect(mailbox[call]?.(changes)).rejects.toMatchObject(LOST);
    expect(mailbox.lost.aborted).toBe(true);
    await mailbox.close().catch(() => undefined);
    expect(await files()).toEqual(before);
    await other.record({ entries: [entry("b")] });
    await other.close();
    expect([...(await ledger.read(ANN)).entries.keys()]).toEqual(["a", "b"]);
  });

  test("is not released by close() without changes, which resolves", async () => {
    const mailbox = await open();
    await silence(lock, STALE + 1000);
    const other = await new FileLedger(ledger.directory).open(ANN);
    await mailbox.close();
    expect(mailbox.lost.aborted).toBe(true);
    await expect(ledger.open(ANN)).rejects.toMatchObject({ code: "POP3_MAILBOX_BUSY" });
    await other.close();
  });
});

describe("a lock that was not renewed in time", () => {
  const EXPIRED = /^the lock was not renewed within 60000 ms, another run may hold it by now: /;

  test("by the wall clock: the machine has slept", async () => {
    stopTime();
    const mailbox = await open();
    vi.setSystemTime(Date.now() + STALE);
    await mailbox.confirm?.();
    vi.setSystemTime(Date.now() + STALE + 1);
    const before = await files();
    await expect(mailbox.confirm?.()).rejects.toMatchObject(LOST);
    await expectLost(mailbox, EXPIRED);
    const after = await files();
    expect([...after.keys()]).toEqual([...before.keys()]);
    expect(after.get(`${fileName(ANN)}.journal`)).toEqual(before.get(`${fileName(ANN)}.journal`));
    // Its process lives, and the lock is young: it was marked as free.
    const next = await ledger.open(ANN);
    expect(next.takenOver).toBe(false);
    await next.close();
  });

  test("by the clock that is never set: the process was stopped", async () => {
    stopTime("hrtime");
    const mailbox = await open();
    const beats = vi.spyOn(await fileHandles(), "write").mockRejectedValue(systemError("EIO"));
    for (let beat = 1; beat <= STALE / HEARTBEAT; beat++) {
      vi.advanceTimersByTime(HEARTBEAT);
      await until(() => beats.mock.calls.length === beat);
      await turns(3);
    }
    expect(mailbox.lost.aborted).toBe(false);
    vi.advanceTimersByTime(HEARTBEAT);
    beats.mockRestore();
    await expectLost(mailbox, EXPIRED);
  });

  test("while it was taken: the process was stopped in the middle, and no run begins", async () => {
    stopTime();
    await (await open()).close();
    const handles = await fileHandles();
    const stat = Reflect.get(handles, "stat") as (...given: unknown[]) => Promise<never>;
    vi.spyOn(handles, "stat").mockImplementationOnce(function (this: typeof handles, ...given) {
      vi.setSystemTime(Date.now() + STALE + 1);
      return stat.apply(this, given);
    });
    await expect(ledger.open(ANN)).rejects.toMatchObject(LOST);
    await (await ledger.open(ANN)).close();
  });

  test("because the disk does not answer is noticed by a timer", async () => {
    stopTime();
    const mailbox = await open();
    const disk = new Gate();
    const beats = await intercept("write", () => disk.opened);
    vi.advanceTimersByTime(HEARTBEAT);
    await until(() => beats.mock.calls.length === 1);
    vi.advanceTimersByTime(STALE - HEARTBEAT);
    expect(mailbox.lost.aborted).toBe(false);
    vi.advanceTimersByTime(HEARTBEAT);
    expect(mailbox.lost.aborted).toBe(true);
    beats.mockRestore();
    disk.open();
    await expectLost(mailbox, EXPIRED);
  });

  test("only for a while is not lost", async () => {
    stopTime();
    const mailbox = await open();
    let [beats, written] = [0, 0];
    await intercept("write", async (call) => {
      if (++beats < 3) throw systemError("EIO");
      await call();
      written++;
    });
    for (let beat = 1; beat <= 3; beat++) {
      vi.advanceTimersByTime(HEARTBEAT);
      await until(() => beats === beat);
    }
    await until(() => written === 1);
    await turns(3);
    vi.setSystemTime(Date.now() + STALE);
    await mailbox.confirm?.();
    await mailbox.close();
  });
});

describe("a former run that still writes", () => {
  /** Continues its last write when the mailbox was taken over: it was stopped in the middle of it. */
  async function stopInWrite(mailbox: MailboxLedger): Promise<() => Promise<void>> {
    const disk = new Gate();
    const spy = await intercept("appendFile", async (call) => {
      await disk.opened;
      return call();
    });
    const late = mailbox.record({ entries: [entry("late")] });
    late.catch(() => undefined);
    await until(() => spy.mock.calls.length === 1);
    spy.mockRestore();
    return async () => {
      disk.open();
      await expect(late).rejects.toMatchObject(LOST);
    };
  }

  test.each([
    ["before the next run has recorded anything", true],
    ["after it has", false],
  ])("is not heard, %s", async (_when, isEarly) => {
    const former = await open();
    const goOn = await stopInWrite(former);
    await silence(lock, STALE + 1000);
    const mailbox = await ledger.open(ANN);
    if (isEarly) await goOn();
    await mailbox.record({ entries: [entry("b")] });
    if (!isEarly) await goOn();
    await mailbox.record({ entries: [entry("c")] });
    await mailbox.close();
    await former.close();
    expect([...(await ledger.read(ANN)).entries.keys()]).toEqual(["a", "b", "c"]);
  });

  test("has no journal any more after a poll that found nothing", async () => {
    await (await open()).close();
    const former = await ledger.open(ANN);
    await former.record({ entries: [entry("b")] });
    const goOn = await stopInWrite(former);
    await silence(lock, STALE + 1000);
    await (await ledger.open(ANN)).close({ state: { lastRun: 2 } });
    const third = await ledger.open(ANN);
    await third.record({ entries: [entry("c")] });
    await goOn();
    await third.record({ entries: [entry("d")] });
    await third.close();
    expect([...(await ledger.read(ANN)).entries.keys()]).toEqual(["a", "b", "c", "d"]);
  });

  test("writes its state to a file that has no name any more", async () => {
    await (await open()).close();
    const former = await ledger.open(ANN);
    const disk = new Gate();
    const spy = await intercept("write", async (call) => {
      await disk.opened;
      return call();
    });
    const late = former.close({ state: { lastRun: 9 } });
    late.catch(() => undefined);
    await until(() => spy.mock.calls.length === 1);
    spy.mockRestore();
    await silence(lock, STALE + 1000);
    const mailbox = await ledger.open(ANN);
    await mailbox.close({ state: { lastRun: 2 } });
    disk.open();
    await late;
    expect((await ledger.read(ANN)).state).toEqual({ lastRun: 2 });
  });
});

describe("a signal", () => {
  const busy = { code: "POP3_MAILBOX_BUSY" };

  test("that is aborted opens nothing", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(ledger.open(ANN, { signal })).rejects.toMatchObject({ code: "POP3_ABORTED" });
    expect(await readdir(ledger.directory)).toEqual([]);
    const mailbox = await ledger.open(ANN, { signal: new AbortController().signal });
    await expect(ledger.open(ANN)).rejects.toMatchObject(busy);
    await mailbox.close();
  });

  test("that is aborted while the lock is taken leaves nothing", async () => {
    const controller = new AbortController();
    const opening = ledger.open(ANN, { signal: controller.signal });
    controller.abort();
    await expect(opening).rejects.toMatchObject({ code: "POP3_ABORTED" });
    expect(await readdir(ledger.directory)).toEqual([]);
    await (await ledger.open(ANN)).close();
  });
});
