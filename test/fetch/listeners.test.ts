// Many runs may share a signal: each signal gets one listener, and none stays after the runs.
import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { Pop3Pool } from "popwright";
import { Pop3Server } from "popwright/testing";
import { fetchAll, fetchMail, MemoryLedger, newMail } from "../../src/fetch/index.ts";
import { sleep } from "../../src/net/settle.ts";
import { accountOf, mail } from "../support/mail.ts";

/** Node warns of a leak from the eleventh listener on. */
const RUNS = 12;

const userOf = (run: number): string => `user${run}`;
const runs = Array.from({ length: RUNS }, (_, run) => run);

function serverForAll(): Promise<Pop3Server> {
  return Pop3Server.listen({
    users: Object.fromEntries(runs.map((run) => [userOf(run), { pass: "secret", messages: [mail(run)] }])),
  });
}

class Signals {
  readonly stop: AbortSignal = new AbortController().signal;
  readonly signal: AbortSignal = new AbortController().signal;

  /** The number of listeners on each signal. */
  get listeners(): number[] {
    return [this.stop, this.signal].map((signal) => getEventListeners(signal, "abort").length);
  }
}

/** Resolves for all when the last of the runs has arrived. */
class Barrier {
  #left = RUNS;
  #open: () => void = () => undefined;
  readonly #opened: Promise<void> = new Promise((resolve) => (this.#open = resolve));

  async arrive(): Promise<void> {
    if (--this.#left === 0) this.#open();
    await this.#opened;
  }
}

test.each<[string, (server: Pop3Server, signals: Signals, meet: () => Promise<void>) => Promise<unknown>]>([
  [
    "fetchMail",
    (server, { stop, signal }, meet) =>
      Promise.all(
        runs.map((run) =>
          fetchMail(accountOf(server, userOf(run)), {
            ledger: new MemoryLedger(),
            destination: meet,
            stop,
            signal,
          }),
        ),
      ),
  ],
  [
    "fetchMail with one pool",
    async (server, { stop, signal }, meet) => {
      await using pool = new Pop3Pool({ maxPerHost: RUNS });
      await Promise.all(
        runs.map((run) =>
          fetchMail(accountOf(server, userOf(run)), {
            ledger: new MemoryLedger(),
            destination: meet,
            pool,
            stop,
            signal,
          }),
        ),
      );
    },
  ],
  [
    "newMail",
    (server, { stop, signal }, meet) =>
      Promise.all(
        runs.map(async (run) => {
          const options = { ledger: new MemoryLedger(), repeat: false, stop, signal };
          for await (const message of newMail(accountOf(server, userOf(run)), options)) {
            await meet();
            message.done();
          }
        }),
      ),
  ],
  [
    "fetchAll",
    async (server, { stop, signal }, meet) => {
      const accounts = runs.map((run) => accountOf(server, userOf(run)));
      const options = { ledger: new MemoryLedger(), destination: meet, maxPerHost: RUNS, stop, signal };
      let ended = 0;
      for await (const event of fetchAll(accounts, options)) if (event.type === "end") ended++;
      expect(ended).toBe(RUNS);
    },
  ],
])("%s: one listener per signal during twelve runs, and none after them", async (_name, run) => {
  await using server = await serverForAll();
  const signals = new Signals();
  const barrier = new Barrier();
  const most = [0, 0];
  await run(server, signals, async () => {
    await barrier.arrive();
    for (const [index, count] of signals.listeners.entries()) most[index] = Math.max(most[index] ?? 0, count);
  });
  expect(most).toEqual([1, 1]);
  expect(signals.listeners).toEqual([0, 0]);
});

test("twelve pauses have one listener, and none after an abort", async () => {
  const controller = new AbortController();
  const pauses = runs.map(() => sleep(60_000, controller.signal));
  expect(getEventListeners(controller.signal, "abort")).toHaveLength(1);
  controller.abort();
  await Promise.all(pauses);
  expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
});

test("a pause that has passed leaves no listener", async () => {
  const { signal } = new AbortController();
  await sleep(1, signal);
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});
