// The mail of many mailboxes: so many at a time in all and on each host, each in its turn, none at the cost of another.
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

/** An account, or one with a name, a policy or a destination of its own. */
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
  /** Sessions at a time. @default 50 */
  readonly maxSessions?: number;
  /** Sessions at a time on one host. @default 5 */
  readonly maxPerHost?: number;
  /** Goes on, and polls each mailbox when its report says, until `stop` or `signal` ends it. @default false */
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
 * Fetches the mail of many mailboxes, as {@link fetchMail} does of each, and gives what happens as it happens.
 * What goes wrong with one mailbox is an event of its own, `failed`, and nothing else stops for it. Whoever leaves
 * the loop ends all runs in good order. Who reads slowly holds the runs back.
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
  // Signals of our own: there is a listener for each mailbox, which is no leak.
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
  // Looked at below, when all that was told has been heard.
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

/** The options, with signals that are there. */
interface Wishes extends FetchAllOptions {
  readonly stop: AbortSignal;
  readonly signal: AbortSignal;
}

class Mailboxes {
  readonly #options: Wishes;
  readonly #pool: Pop3Pool;
  readonly #queue: EventQueue<FetchEvent>;
  readonly #turns: Scheduler;
  /** What ends all of it, and is nobody's mailbox: who gives them has failed. */
  #failure: { readonly error: unknown } | undefined;
  readonly #failed: AbortController = new AbortController();
  /** Ends whatever waits. */
  readonly #end: AbortSignal;
  /** The mailboxes that are being fetched, by their names in the ledger. */
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
    // Runs that are under way come to their end, whatever ended the rest.
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
      // The ledger would take the mail of one for that of the other.
      if (this.#fetched.has(settings.mailbox))
        throw configError(`two accounts have the mailbox ${settings.mailbox}: \`mailbox\` tells them apart`);
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

  /** One run, when it is this mailbox's turn. Returns when the next is due. */
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

/** The same, until the signal: whoever gives them may take its time. */
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
    // It may come to that only when it gives the next one: nobody waits.
    if (!ended) Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}
