// A run that was suspended while another run took over its mailbox delivers nothing when it wakes up.
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  FileLedger,
  type DeliveryWriter,
  type Destination,
  type MailboxLedger,
} from "../../src/fetch/index.ts";
import { fileName } from "../../src/fetch/ledger/file-name.ts";
import { Fetcher } from "./fetcher.ts";
import { silence } from "../support/holders.ts";
import { scratch } from "../support/scratch.ts";
import { mail, said, serverWith } from "../support/mail.ts";
import { ledgerWith } from "../support/ledger.ts";

/** The default times of a `FileLedger`; milliseconds. */
const [HEARTBEAT, STALE] = [10_000, 60_000];
const SMALL = mail(1);
const LARGE = mail(1, "x".repeat(70).concat("\r\n").repeat(10_000));

let directory: string;
beforeEach(async () => {
  directory = await scratch();
  // Neither timers nor `performance`: a machine that sleeps may stop that clock.
  vi.useFakeTimers({ toFake: ["Date"] });
});
afterEach(() => void vi.useRealTimers());

/** Sleeps for too long: another run holds the mailbox afterwards. */
async function oversleep(mailbox: string): Promise<MailboxLedger> {
  await silence(join(directory, `${fileName(mailbox)}.lock`), STALE + 1000);
  const other = await new FileLedger(directory).open(mailbox);
  vi.setSystemTime(Date.now() + HEARTBEAT + 1);
  return other;
}

/** What was asked of it, in order; it may sleep in the middle. */
class Observed implements Destination {
  readonly calls: string[] = [];
  readonly #onCall: (call: string) => Promise<void>;

  constructor(onCall: (call: string) => Promise<void> = async () => undefined) {
    this.#onCall = onCall;
  }

  async begin(): Promise<DeliveryWriter> {
    await this.#call("begin");
    return {
      write: () => this.#call("write"),
      prepare: () => this.#call("prepare"),
      commit: () => this.#call("commit").then(() => "new"),
      abort: () => this.#call("abort"),
    };
  }

  async #call(call: string): Promise<void> {
    if (this.calls.at(-1) !== call) this.calls.push(call);
    await this.#onCall(call);
  }
}

describe.each([
  ["a small message", SMALL],
  ["a large message", LARGE],
])("%s", (_size, message) => {
  test.each([
    ["before the message is delivered", "event listed", []],
    ["when the destination has begun", "begin", ["begin", "write", "prepare", "abort"]],
    ["during the delivery", "write", ["begin", "write", "prepare", "abort"]],
    ["during the sync", "prepare", ["begin", "write", "prepare", "abort"]],
  ])("the run is suspended %s", async (_when, moment, calls) => {
    await using server = await serverWith([message]);
    const fetcher = new Fetcher(server, {
      policy: { delete: "delivered" },
      ledger: new FileLedger(directory),
    });
    let other: MailboxLedger | undefined;
    const at = async (now: string): Promise<void> => {
      if (now === moment) other ??= await oversleep(fetcher.mailbox);
    };
    const destination = new Observed(at);
    const error = await fetcher.failure({ destination, onEvent: ({ type }) => at(`event ${type}`) });
    expect(error).toMatchObject({
      code: "POP3_LEASE_LOST",
      message: expect.stringContaining("the lock was taken over by another run") as string,
      report: { delivered: 0, failed: [], deleted: 0 },
    });
    expect(destination.calls).toEqual(calls);
    expect(said(server)).toEqual(["RETR 1"]);
    // It has noted nothing against the message, which the other run has in hand.
    expect([...(await (other as MailboxLedger).load()).values()]).toEqual([]);
    await other?.close();
    expect((await new FileLedger(directory).read(fetcher.mailbox)).entries.size).toBe(0);
    expect(await fetcher.run()).toMatchObject({ delivered: 1, deleted: 1 });
    expect(fetcher.inbox.texts).toEqual([message]);
  });
});

test("a run that was suspended and still holds its mailbox continues and renews its lease", async () => {
  await using server = await serverWith([SMALL]);
  const fetcher = new Fetcher(server, { ledger: new FileLedger(directory) });
  const lock = join(directory, `${fileName(fetcher.mailbox)}.lock`);
  const destination = new Observed(async (call) => {
    if (call === "write") {
      await silence(lock, STALE + 1000);
      vi.setSystemTime(Date.now() + HEARTBEAT + 1);
    } else if (call === "commit") {
      await expect(new FileLedger(directory).open(fetcher.mailbox)).rejects.toMatchObject({
        code: "POP3_MAILBOX_BUSY",
      });
    }
  });
  expect(await fetcher.run({ destination })).toMatchObject({ outcome: "done", delivered: 1 });
  expect(destination.calls).toEqual(["begin", "write", "prepare", "commit"]);
});

test("a custom ledger is asked to confirm before each delivery, and may reject", async () => {
  await using server = await serverWith([SMALL]);
  let [asked, allowed] = [0, 1];
  const confirm = (): Promise<void> =>
    ++asked > allowed ? Promise.reject(new Error("the lease is gone")) : Promise.resolve();
  const ledger = ledgerWith(() => ({ confirm }));
  const fetcher = new Fetcher(server, { ledger });
  const destination = new Observed();
  expect((await fetcher.failure({ destination })).cause).toMatchObject({ message: "the lease is gone" });
  expect(destination.calls).toEqual(["begin", "write", "prepare", "abort"]);
  allowed = Infinity;
  expect(await fetcher.run({ destination, force: true })).toMatchObject({ delivered: 1 });
  // Twice for each of the two deliveries, and before the QUIT of the run that succeeded.
  expect(asked).toBe(5);
});
