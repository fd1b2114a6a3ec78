// Fetches the mail of many mailboxes: with a limit in total and per host, in fair order, and without one
// failure affecting another mailbox.
import { setMaxListeners } from "node:events";
import { checkNames, checkObject, configError } from "../options/checks.ts";
import { Pop3Pool } from "../pool/pool.ts";
import { Scheduler } from "../pool/scheduler.ts";
import type { Destination } from "./destinations/destination.ts";
import type { Deliver } from "./destinations/function.ts";
import { EventQueue } from "./event-queue.ts";
import type { FetchEvent } from "./events.ts";
import { FetchError } from "./fetch-error.ts";
import { completeFetchOptions, type FetchAccount, type FetchOptions, type FetchSettings } from "./options.ts";
import type { FetchPolicy } from "./plan/policy.ts";
import { emptyReport } from "./report.ts";
import { runFetch } from "./run/run.ts";
import { sleep } from "../net/sleep.ts";

/** An account, optionally with its own mailbox name, policy or destination. */
export type FetchTarget =
  | FetchAccount
  | {
      readonly account: FetchAccount;
      readonly mailbox?: string;
      readonly policy?: FetchPolicy;
      readonly destination?: Destination | Deliver;
    };

export interface FetchAllOptions extends Pick<
  FetchOptions,
  "ledger" | "destination" | "policy" | "force" | "stop" | "signal"
> {
  /** The maximum number of sessions at a time. @default 50 */
  readonly maxSessions?: number;
  /** The maximum number of sessions at a time with one host. @default 5 */
  readonly maxPerHost?: number;
  /**
   * Polls each mailbox again at the time in its report, until `stop` or `signal` is aborted. @default false
   */
  readonly repeat?: boolean;
}

const NAMES: readonly string[] = Object.keys({
  ledger: true,
  destination: true,
  policy: true,
  force: true,
  stop: true,
  signal: true,
  maxSessions: true,
  maxPerHost: true,
  repeat: true,
} satisfies Record<keyof FetchAllOptions, true>);

/**
 * Fetches the mail of many mailboxes, each like {@link fetchMail}, and yields the events of all runs. If one
 * mailbox fails, the loop gets a `"failed"` event and the others continue. Leaving the loop ends all runs
 * like `stop`. A slow loop slows the runs down. Rejects if `targets` throws, and with `POP3_CONFIG` if
 * `maxSessions` or `maxPerHost` is invalid.
 *
 * @example
 * for await (const event of fetchAll(accounts, { ledger, destination, repeat: true })) {
 *   if (event.type === "failed") console.error(event.mailbox, event.error.message);
 * }
 */
export async function* fetchAll(
  targets: Iterable<FetchTarget> | AsyncIterable<FetchTarget>,
  options: FetchAllOptions,
): AsyncGenerator<FetchEvent, void, undefined> {
  checkObject("options", options);
  checkNames("", options, NAMES);
  const leave = new AbortController();
  const { maxSessions = 50, maxPerHost = 5 } = options;
  const pool = new Pop3Pool({ maxSessions, maxPerHost });
  const queue = new EventQueue<FetchEvent>();
  // Derived signals, so that the caller's signals do not warn: one listener per mailbox is not a leak.
  const stop = AbortSignal.any([leave.signal, ...(options.stop === undefined ? [] : [options.stop])]);
  const signal = AbortSignal.any(options.signal === undefined ? [] : [options.signal]);
  setMaxListeners(0, stop, signal);
  const all = new Mailboxes(
    { ...options, stop, signal },
    pool,
    queue,
    new Scheduler({ all: maxSessions, perHost: maxPerHost, waiting: Infinity }),
  );
  const running = all.run(targets).finally(() => {
    queue.end();
  });
  // Awaited below, after all events are delivered. Until then, this prevents an unhandled rejection.
  running.catch(() => undefined);
  try {
    for (let events = await queue.take(); events.length > 0; events = await queue.take()) yield* events;
    await running;
  } finally {
    leave.abort();
    queue.close();
    await running.catch(() => undefined);
    await pool.close();
  }
}

/** The options, with both signals set. */
interface Wishes extends FetchAllOptions {
  readonly stop: AbortSignal;
  readonly signal: AbortSignal;
}

/** Runs all mailboxes and puts their events into the queue. */
class Mailboxes {
  readonly #options: Wishes;
  readonly #pool: Pop3Pool;
  readonly #queue: EventQueue<FetchEvent>;
  readonly #turns: Scheduler;
  /** The error that ends everything: not of one mailbox, but for example of the iterator of targets. */
  #failure: { readonly error: unknown } | undefined;
  readonly #failed: AbortController = new AbortController();
  /** Ends every wait. */
  readonly #end: AbortSignal;
  /** The names in the ledger of the mailboxes that are in use. */
  readonly #fetched: Set<string> = new Set();

  constructor(options: Wishes, pool: Pop3Pool, queue: EventQueue<FetchEvent>, turns: Scheduler) {
    this.#options = options;
    this.#pool = pool;
    this.#queue = queue;
    this.#turns = turns;
    this.#end = AbortSignal.any([options.stop, options.signal, this.#failed.signal]);
    setMaxListeners(0, this.#end);
  }

  async run(targets: Iterable<FetchTarget> | AsyncIterable<FetchTarget>): Promise<void> {
    const tasks = new Set<Promise<void>>();
    let count = 0;
    try {
      for await (const target of until(this.#end, targets)) {
        if (this.#isOver) break;
        const task = this.#mailbox(target, ++count).catch(this.#fail);
        tasks.add(task);
        void task.then(() => tasks.delete(task));
      }
    } catch (error) {
      this.#fail(error);
    }
    // Wait for the runs in progress, even after a failure.
    await Promise.all(tasks);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  readonly #fail = (error: unknown): void => {
    this.#failure ??= { error };
    this.#failed.abort();
  };

  get #isOver(): boolean {
    return this.#end.aborted;
  }

  async #mailbox(target: FetchTarget, place: number): Promise<void> {
    let settings: FetchSettings;
    try {
      settings = this.#settings(target);
      // With equal names, the ledger would confuse the mail of the two accounts.
      if (this.#fetched.has(settings.mailbox))
        throw configError(
          `two accounts have the mailbox name ${settings.mailbox}: give one of them another \`mailbox\``,
        );
    } catch (cause) {
      const mailbox = `account ${String(place)}`;
      const report = { ...emptyReport(mailbox), outcome: "failed" as const, nextPollAt: Infinity };
      const error = new FetchError({ cause, temporary: false, report });
      await this.#queue.push({ mailbox, type: "failed", error });
      return;
    }
    this.#fetched.add(settings.mailbox);
    try {
      do {
        const next = await this.#turn(settings);
        if (this.#options.repeat !== true) return;
        await sleep(next - Date.now(), this.#end);
      } while (!this.#isOver);
    } finally {
      this.#fetched.delete(settings.mailbox);
    }
  }

  #settings(target: FetchTarget): FetchSettings {
    const { ledger, destination, policy, force, stop, signal } = this.#options;
    const own = typeof target === "object" && "account" in target ? target : { account: target };
    checkNames("", own, ["account", "mailbox", "policy", "destination"]);
    const { account, ...rest } = own;
    return completeFetchOptions(account, {
      ledger,
      destination,
      pool: this.#pool,
      stop,
      signal,
      ...(policy === undefined ? {} : { policy }),
      ...(force === undefined ? {} : { force }),
      ...rest,
      onEvent: (event) => this.#queue.push(event),
    });
  }

  /**
   * Waits for this mailbox's permit and does one run. Returns when the next run is due, in milliseconds since
   * 1970.
   */
  async #turn(settings: FetchSettings): Promise<number> {
    const key = { maildrop: settings.mailbox, host: settings.account.host.toLowerCase() };
    const turn = await this.#turns.take(key, this.#end).catch((error: unknown) => {
      if (this.#isOver) return undefined;
      throw error;
    });
    if (turn === undefined) return Infinity;
    try {
      return (await runFetch(settings)).nextPollAt;
    } catch (error) {
      if (error instanceof FetchError) return error.report.nextPollAt;
      throw error;
    } finally {
      turn.release();
    }
  }
}

/** Yields the items until the signal is aborted, even if the next item is still awaited then. */
async function* until<T>(
  signal: AbortSignal,
  items: Iterable<T> | AsyncIterable<T>,
): AsyncGenerator<T, void, undefined> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const end = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  let ended = false as boolean; // set in a callback, which the compiler does not see
  const take = async (): Promise<IteratorResult<T, unknown> | undefined> => {
    const next = await Promise.race([iterator.next(), end]);
    ended = next?.done === true;
    return next;
  };
  try {
    for (let next = await take(); next !== undefined && next.done !== true; next = await take())
      yield next.value;
  } finally {
    // The iterator may handle `return` only after its next item, so do not wait for it.
    if (!ended) Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}
