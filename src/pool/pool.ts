// Sessions for many maildrops: one at a time for each, so many for each host, so many in all. What is done with one
// is a transaction, which the pool ends: it commits what came off, and rolls back what did not.
import { inspect, type InspectOptions } from "node:util";
import type { Pop3Client } from "../client.ts";
import { Pop3ConnectionError, Pop3Error, Pop3ReplyError } from "../errors.ts";
import { SessionEnd, throwIfAborted } from "../net/failures.ts";
import { settle, untilAborted } from "../net/settle.ts";
import { checkBoolean, withDefaults } from "../options/checks.ts";
import type { Pop3ClientOptions } from "../options/client.ts";
import { Account } from "./account.ts";
import { FirstAbort } from "../net/first-abort.ts";
import { IdleSessions } from "./idle-sessions.ts";
import { openSession } from "./opening.ts";
import { completePoolOptions, type Pop3PoolOptions, type PoolSettings, type UseOptions } from "./options.ts";
import type { PooledClient } from "./pooled-client.ts";
import { Counts, type Pop3PoolStatistics } from "./statistics.ts";
import { traceUse, type Pop3PoolTrace } from "./trace.ts";
import { closed, Scheduler, type Permit } from "./scheduler.ts";

/** What a session that was kept may take to answer NOOP; milliseconds. */
const PROOF = 5000;

/** One `use`, from the call to its end. */
interface Use {
  readonly account: Account;
  readonly signal: AbortSignal | undefined;
  readonly retryFor: number;
  readonly fresh: boolean;
  readonly trace: Pop3PoolTrace;
}

/**
 * Sessions for many maildrops: one session at a time for each, as a server locks a maildrop; no more than
 * `maxPerHost` for each host, and `maxSessions` in all. Whoever comes first goes first, of those whose maildrop and
 * host are free.
 *
 * @example
 * ```ts
 * await using pool = new Pop3Pool({ maxSessions: 50, maxPerHost: 5, retryFor: 600_000 });
 * await Promise.all(
 *   accounts.map((account) =>
 *     pool.use(account, async (client) => {
 *       for await (const message of client.retrieve()) {
 *         await save(message.uid, await message.buffer());
 *         await client.dele(message.number);
 *       }
 *     }),
 *   ),
 * );
 * ```
 */
export class Pop3Pool {
  readonly #settings: PoolSettings;
  readonly #turns: Scheduler;
  readonly #idle: IdleSessions;
  readonly #counts: Counts = new Counts();
  readonly #closing: AbortController = new AbortController();
  #closed: Promise<void> | undefined;

  /** Throws `POP3_CONFIG` for options that make no sense. */
  constructor(options: Pop3PoolOptions = {}) {
    this.#settings = completePoolOptions(options);
    const { maxSessions, maxPerHost, maxWaiting, idleTimeout } = this.#settings;
    this.#turns = new Scheduler({ all: maxSessions, perHost: maxPerHost, waiting: maxWaiting });
    this.#idle = new IdleSessions(idleTimeout);
  }

  static {
    // What `console.log(pool)` shows: numbers.
    Object.defineProperty(this.prototype, inspect.custom, {
      value(this: Pop3Pool, _depth: number, options: InspectOptions): string {
        return `Pop3Pool ${inspect(this.statistics, options)}`;
      },
    });
  }

  /** What the pool is doing now, and what it has done: a snapshot. */
  get statistics(): Pop3PoolStatistics {
    const { inUse, connecting, pausing, opened, reused, retried, failed } = this.#counts;
    const idle = this.#idle.size;
    const open = inUse + idle + connecting;
    const waiting = this.#turns.waiting + pausing;
    return Object.freeze({ inUse, idle, connecting, open, waiting, opened, reused, retried, failed });
  }

  /**
   * Does `work` in a session of its own, and gives what that gives: waits for its turn, connects, logs in, and when
   * the work is done commits by QUIT and waits for the reply. Where the work throws, what it has marked is rolled
   * back, and its error is thrown on. Work that ends the session itself, by `quit()` or `close()`, has done so.
   *
   * Rejects with what {@link Pop3Client.connect} and {@link Pop3Client.quit} reject with: behind
   * `POP3_COMMIT_FAILED` and `POP3_COMMIT_UNKNOWN` the work itself has come off. With `POP3_POOL_FULL` and
   * `POP3_POOL_CLOSED` nothing was done. With `POP3_ABORTED` the call settles at once, wherever it is: its session is
   * rolled back, and work that is still under way fails at its next command.
   *
   * `work` waits for all that it begins; behind its end the client is not its own any more. It must not `use` the
   * same maildrop once more from within: that waits for itself.
   */
  async use<T>(
    account: Pop3ClientOptions | string | URL,
    work: (client: Pop3Client) => Promise<T> | T,
    options: UseOptions = {},
  ): Promise<T> {
    const use = this.#useOf(account, options);
    if (typeof (work as unknown) !== "function")
      throw new Pop3Error("POP3_INVALID_ARGUMENT", "work is a function that takes a client");
    const endTrace = traceUse(use.trace);
    try {
      const value = await this.#use(use, work);
      endTrace?.();
      return value;
    } catch (error) {
      endTrace?.(error);
      throw error;
    }
  }

  /**
   * Opens no more sessions: calls without one reject with `POP3_POOL_CLOSED`. Sessions that are kept end by QUIT,
   * those in use are waited for. Resolves when none is left. More than one call does no harm.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** As `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const turns = this.#turns.close();
    this.#closing.abort(new SessionEnd(closed()));
    await Promise.all([turns, this.#idle.shrink(0)]);
    // A call that was given up may have left one.
    await this.#idle.shrink(0);
  }

  #useOf(given: Pop3ClientOptions | string | URL, options: UseOptions): Use {
    const { signal, fresh, ...rest } = options;
    checkBoolean("options.fresh", fresh);
    const { retryFor } = withDefaults("options", { retryFor: this.#settings.retryFor }, rest);
    const account = new Account(given);
    const { host, port } = account.settings;
    const trace = { host, port, waited: undefined, attempts: 0, reused: false };
    return { account, signal, retryFor, fresh: fresh ?? false, trace };
  }

  async #use<T>(use: Use, work: (client: Pop3Client) => Promise<T> | T): Promise<T> {
    const { account, signal, trace } = use;
    const began = performance.now();
    const turn = await this.#turns.take(account, signal);
    trace.waited = performance.now() - began;
    let client: PooledClient;
    try {
      client = await this.#session(use, turn);
    } catch (error) {
      turn.release();
      throw error;
    }
    this.#counts.inUse++;
    const over = (): void => {
      this.#counts.inUse--;
      turn.release();
    };
    try {
      const value = await abortable(signal, () => work(client));
      await this.#end(client, use);
      over();
      return value;
    } catch (error) {
      const left = client[Symbol.asyncDispose]().then(over);
      // The turn is given back when the session is over; who has given up does not wait for that.
      await abortable(signal, () => left).catch(() => undefined);
      throw error;
    }
  }

  /** A session that was kept, or a new one. */
  async #session(use: Use, turn: Permit): Promise<PooledClient> {
    const { account, retryFor, trace } = use;
    const giveUp = new FirstAbort(use.signal, this.#closing.signal);
    const { signal } = giveUp;
    try {
      const kept = await this.#kept(use, signal);
      if (kept !== undefined) return kept;
      const makeRoom = (): Promise<unknown> => this.#makeRoom(account.host);
      return await openSession({ account, turn, retryFor, signal, makeRoom, counts: this.#counts, trace });
    } catch (error) {
      if (!signal.aborted) this.#counts.failed++;
      throw error;
    } finally {
      giveUp.release();
    }
  }

  /** The session that was kept for the account, if it is alive. Behind it, none has the maildrop. */
  async #kept({ account, fresh, trace }: Use, signal: AbortSignal): Promise<PooledClient | undefined> {
    throwIfAborted(signal);
    const client = fresh ? undefined : this.#idle.take(account);
    if (client !== undefined) {
      if (await this.#counts.during("connecting", isAlive(client, signal))) {
        this.#counts.reused++;
        trace.reused = true;
        return client;
      }
      this.#idle.keep(account, client);
    }
    const cleared = this.#idle.clear(account.maildrop);
    await untilAborted(signal, () => cleared);
    return undefined;
  }

  /** Whoever has a turn may open a session; sessions that are kept have to go, as far as there are too many then. */
  async #makeRoom(host: string): Promise<void> {
    const { maxSessions, maxPerHost } = this.#settings;
    await Promise.all([
      this.#idle.shrink(maxPerHost - this.#turns.activeOn(host), host),
      this.#idle.shrink(maxSessions - this.#turns.active),
    ]);
  }

  /** Behind the work: keeps the session where nothing is marked and that is wanted, or else commits. */
  async #end(client: PooledClient, { account, signal }: Use): Promise<void> {
    if (await abortable(signal, () => client.dismissed())) return;
    const keeps = this.#settings.idleTimeout > 0 && this.#closed === undefined && account.reusable;
    if (keeps && client.state === "transaction" && client.marked.size === 0) {
      this.#idle.keep(account, client);
      return;
    }
    try {
      await client.quit({ signal });
    } catch (error) {
      // Where nothing is marked, nothing is lost with the session.
      if (client.marked.size > 0 || signal?.aborted === true) throw error;
      await client[Symbol.asyncDispose]();
    }
  }
}

/** What `call` gives, unless the signal is aborted before. */
async function abortable<T>(signal: AbortSignal | undefined, call: () => Promise<T> | T): Promise<T> {
  return signal === undefined ? call() : untilAborted(signal, call);
}

/** Whether a session that was kept can be used: it still answers, and has nothing marked. */
async function isAlive(client: PooledClient, signal: AbortSignal): Promise<boolean> {
  const late = (): Pop3Error => new Pop3ConnectionError("POP3_COMMAND_TIMEOUT", "no reply to NOOP");
  try {
    await settle(signal, { timeout: PROOF, late }, (resolve, reject) => {
      client.noop().then(resolve, reject);
      return () => undefined;
    });
    // A DELE that its work has not waited for: what nobody can tell of any more is not committed.
    return client.marked.size === 0;
  } catch (error) {
    // One that has refused can still be ended by QUIT.
    if (signal.aborted || !(error instanceof Pop3ReplyError)) client.close();
    throwIfAborted(signal);
    return false;
  }
}
