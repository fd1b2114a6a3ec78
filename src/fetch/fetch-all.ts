// Fetches the mail of many mailboxes: with a limit in total and per host, in fair order, and without one
// failure affecting another mailbox.
import { printable } from "../protocol/printable.ts";
import { setMaxListeners } from "node:events";
import { checkBoolean, checkNames, checkObject, configError, shown } from "../options/checks.ts";
import { Account } from "../pool/account.ts";
import { completePoolOptions } from "../pool/options.ts";
import { Scheduler } from "../pool/scheduler.ts";
import type { Destination } from "./destinations/destination.ts";
import type { Deliver } from "./destinations/function.ts";
import { EventQueue } from "./event-queue.ts";
import type { FetchEvent } from "./events.ts";
import { FetchError } from "./fetch-error.ts";
import {
  checkRunOptions,
  completeFetchOptions,
  type FetchAccount,
  type FetchOptions,
  type FetchSettings,
} from "./options.ts";
import type { FetchPolicy } from "./plan/policy.ts";
import { emptyReport } from "./report.ts";
import { runFetch } from "./run/run.ts";
import { FirstAbort, onAbort } from "../net/abort.ts";
import { sleep } from "../net/settle.ts";
import { callerOf, locatedLoop } from "../session/caller.ts";

/** An account, optionally with its own mailbox name, policy or destination. */
export type FetchTarget =
  | FetchAccount
  | {
      readonly account: FetchAccount;
      readonly mailbox?: string;
      readonly policy?: FetchPolicy;
      readonly destination?: Destination | Deliver;
    };

/** The options of {@link fetchAll}. */
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
 * ```ts
 * for await (const event of fetchAll(accounts, { ledger, destination, repeat: true })) {
 *   if (event.type === "failed") console.error(event.mailbox, event.error.message);
 * }
 * ```
 */
export function fetchAll(
  targets: Iterable<FetchTarget> | AsyncIterable<FetchTarget>,
  options: FetchAllOptions,
): AsyncGenerator<FetchEvent, void, undefined> {
  return locatedLoop(callerOf(), eventsOf(targets, options));
}

async function* eventsOf(
  targets: Iterable<FetchTarget> | AsyncIterable<FetchTarget>,
  options: FetchAllOptions,
): AsyncGenerator<FetchEvent, void, undefined> {
  checkObject("options", options);
  checkNames("", options, NAMES);
  checkRunOptions(options);
  checkBoolean("repeat", options.repeat);
  const isLoop = typeof targets === "object" && (targets as object | null) !== null;
  if (!isLoop || !(Symbol.iterator in targets || Symbol.asyncIterator in targets))
    throw configError(`targets must be an iterable of accounts, such as an array (got ${shown(targets)})`);
  const leave = new AbortController();
  const { maxSessions = 50, maxPerHost = 5 } = options;
  completePoolOptions({ maxSessions, maxPerHost });
  const queue = new EventQueue<FetchEvent>();
  const stop = new FirstAbort(leave.signal, options.stop);
  const signal = new FirstAbort(options.signal);
  // The destination gets this signal, and may listen to it once per message: with many mailboxes that is not a
  // leak.
  setMaxListeners(0, signal.signal);
  // Each run has one session at a time, so a permit for the run is a permit for its session.
  const scheduler = new Scheduler({ all: maxSessions, perHost: maxPerHost, waiting: Infinity });
  const all = new Mailboxes({ ...options, stop: stop.signal, signal: signal.signal }, queue, scheduler);
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
    stop.release();
    signal.release();
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
  readonly #queue: EventQueue<FetchEvent>;
  readonly #scheduler: Scheduler;
  /** The error that ends everything: not of one mailbox, but for example of the iterator of targets. */
  #failure: { readonly error: unknown } | undefined;
  readonly #failed: AbortController = new AbortController();
  /** Ends every wait. */
  readonly #end: FirstAbort;
  /** The names in the ledger of the mailboxes that are in use. */
  readonly #fetched: Set<string> = new Set();

  constructor(options: Wishes, queue: EventQueue<FetchEvent>, scheduler: Scheduler) {
    this.#options = options;
    this.#queue = queue;
    this.#scheduler = scheduler;
    this.#end = new FirstAbort(options.stop, options.signal, this.#failed.signal);
  }

  async run(targets: Iterable<FetchTarget> | AsyncIterable<FetchTarget>): Promise<void> {
    const tasks = new Set<Promise<void>>();
    let count = 0;
    try {
      for await (const target of until(this.#end.signal, targets)) {
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
    this.#end.release();
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  readonly #fail = (error: unknown): void => {
    this.#failure ??= { error };
    this.#failed.abort();
  };

  get #isOver(): boolean {
    return this.#end.signal.aborted;
  }

  async #mailbox(target: FetchTarget, place: number): Promise<void> {
    let settings: FetchSettings;
    let account: Account;
    try {
      settings = this.#settings(target);
      account = new Account(settings.account);
      // With equal names, the ledger would confuse the mail of the two accounts.
      if (this.#fetched.has(settings.mailbox))
        throw configError(
          `two accounts have the mailbox name ${printable(settings.mailbox)}: give one of them another \`mailbox\``,
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
        const next = await this.#runOnce(settings, account);
        if (this.#options.repeat !== true) return;
        await sleep(next - Date.now(), this.#end.signal);
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
      stop,
      signal,
      ...(policy === undefined ? {} : { policy }),
      ...(force === undefined ? {} : { force }),
      ...rest,
      onEvent: (event) => this.#queue.push(event),
    });
  }

  /**
   * Waits for the permit of this account and does one run. Returns when the next run is due, in milliseconds
   * since 1970.
   */
  async #runOnce(settings: FetchSettings, account: Account): Promise<number> {
    const permit = await this.#scheduler.take(account, this.#end.signal).catch((error: unknown) => {
      if (this.#isOver) return undefined;
      throw error;
    });
    if (permit === undefined) return Infinity;
    try {
      return (await runFetch(settings)).nextPollAt;
    } catch (error) {
      if (error instanceof FetchError) return error.report.nextPollAt;
      throw error;
    } finally {
      permit.release();
    }
  }
}

/** Yields the items until the signal is aborted, even if the next item is still awaited then. */
async function* until<T>(
  signal: AbortSignal,
  items: Iterable<T> | AsyncIterable<T>,
): AsyncGenerator<T, void, undefined> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let unsubscribe = (): void => undefined;
  const end = new Promise<undefined>((resolve) => {
    unsubscribe = onAbort(signal, () => resolve(undefined));
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
    unsubscribe();
    // The iterator may handle `return` only after its next item, so do not wait for it.
    if (!ended) Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}
