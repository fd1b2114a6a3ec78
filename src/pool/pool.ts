// A pool of sessions for many maildrops: one session per maildrop, a limit per host and a limit in total.
// Each use is a transaction: the pool commits it if the caller's function succeeds, and rolls it back if the
// function throws.
import { inspect, type InspectOptions } from "node:util";
import { isDismissed, type Pop3Client } from "../client.ts";
import { Pop3ConnectionError, Pop3ReplyError, type Pop3Error } from "../errors.ts";
import { SessionEnd, throwIfAborted } from "../net/failures.ts";
import { settle, untilAborted } from "../net/settle.ts";
import { checkBoolean, checkNames, checkDuration, checkObject, checkSignal } from "../options/checks.ts";
import type { Pop3ClientOptions } from "../options/client.ts";
import { Account } from "./account.ts";
import { located } from "../session/caller.ts";
import { checkWork, runUse } from "../session/use.ts";
import { FirstAbort } from "../net/abort.ts";
import { IdleSessions } from "./idle-sessions.ts";
import { openSession } from "./opening.ts";
import {
  USE,
  completePoolOptions,
  type Pop3PoolOptions,
  type PoolSettings,
  type UseOptions,
} from "./options.ts";
import { SessionPlaces } from "./places.ts";
import { Counts, type Pop3PoolStatistics } from "./statistics.ts";
import { traceUse, type Pop3PoolTrace } from "./trace.ts";
import { factsOf, loadDebug, Log, mustLoadDebug } from "../net/log.ts";
import { tracePeer } from "../net/trace.ts";
import { secretsOf } from "../options/secrets.ts";
import { closed, Scheduler, type Permit } from "./scheduler.ts";
import { steadyTime } from "../system/clock.ts";

/** The longest time for an idle session to answer NOOP; milliseconds. */
const PROOF = 5000;

/** One call of `use`. */
interface Use {
  readonly account: Account;
  readonly signal: AbortSignal | undefined;
  readonly retryFor: number;
  readonly fresh: boolean;
  readonly trace: Pop3PoolTrace;
  readonly log: Log;
}

/**
 * A pool of sessions for many maildrops. It has one session at a time per maildrop, because servers lock a
 * maildrop, at most `maxPerHost` sessions per host, and at most `maxSessions` in total. The queue is fair:
 * the oldest call whose maildrop and host are free goes next.
 *
 * In a loop, put `await using` into a function of its own: esbuild 0.28, which `tsx` uses, keeps the error of an
 * earlier iteration and throws it again.
 *
 * @example
 * ```ts
 * await using pool = new Pop3Pool({ maxSessions: 50, maxPerHost: 5, retryFor: "10 min" });
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
  readonly #scheduler: Scheduler;
  readonly #idle: IdleSessions;
  readonly #places: SessionPlaces;
  readonly #counts: Counts = new Counts();
  readonly #closing: AbortController = new AbortController();
  #closed: Promise<void> | undefined;

  /** Checks the options; throws `POP3_CONFIG` if they are invalid. Opens no session. */
  constructor(options: Pop3PoolOptions = {}) {
    this.#settings = completePoolOptions(options);
    const { maxSessions, maxPerHost, maxWaiting, idleTimeout, places } = this.#settings;
    this.#scheduler = new Scheduler({ all: maxSessions, perHost: maxPerHost, waiting: maxWaiting });
    this.#places = new SessionPlaces(places, maxPerHost);
    this.#idle = new IdleSessions(idleTimeout, (client) => {
      this.#places.release(client);
    });
  }

  static {
    // `console.log(pool)` shows only the statistics.
    Object.defineProperty(this.prototype, inspect.custom, {
      value(this: Pop3Pool, _depth: number, options: InspectOptions): string {
        return `Pop3Pool ${inspect(this.statistics, options)}`;
      },
    });
  }

  /** A snapshot of the current state of the pool and of its counters. */
  get statistics(): Pop3PoolStatistics {
    const { inUse, connecting, pausing, opened, reused, retried, failed } = this.#counts;
    const idle = this.#idle.size;
    const open = inUse + idle + connecting;
    const waiting = this.#scheduler.waiting + pausing;
    return Object.freeze({ inUse, idle, connecting, open, waiting, opened, reused, retried, failed });
  }

  /**
   * Waits for a permit, opens a session, and calls `work(client)`. When `work` resolves, commits with QUIT,
   * waits for the reply, and resolves with the value of `work`. When `work` throws, rolls back and rejects
   * with that error. `work` may end the session itself with `quit()` or `close()`; then the pool does not end
   * it again.
   *
   * Rejects as {@link Pop3Client.connect} and {@link Pop3Client.quit} do. After `POP3_COMMIT_FAILED` and
   * `POP3_COMMIT_UNKNOWN`, `work` itself has succeeded. `POP3_POOL_FULL` and `POP3_POOL_CLOSED` mean that
   * `work` was not called. With `POP3_ABORTED` the call rejects at once: the session is rolled back, and if
   * `work` still runs, its next command fails.
   *
   * `work` must wait for everything it starts: after it has settled, it must not use the client. Do not call
   * `use` for the same maildrop inside `work`: that is a deadlock.
   */
  use<T>(
    account: Pop3ClientOptions | string | URL,
    work: (client: Pop3Client) => Promise<T> | T,
    options?: UseOptions,
  ): Promise<T> {
    return located(() => this.#traced(account, work, options));
  }

  async #traced<T>(
    account: Pop3ClientOptions | string | URL,
    work: (client: Pop3Client) => Promise<T> | T,
    options: UseOptions = {},
  ): Promise<T> {
    const use = this.#useOf(account, options);
    checkWork(work);
    if (mustLoadDebug()) await loadDebug();
    try {
      return await traceUse(use.trace, () => this.#use(use, work));
    } catch (error) {
      if (use.log.hears("pool", "warn")) {
        const facts = { ...factsOf(error), ...factsOfUse(use) };
        use.log.write(
          "pool",
          "warn",
          `the use of a session with ${facts.host} failed: ${facts.error}`,
          facts,
        );
      }
      throw error;
    }
  }

  /**
   * Closes the pool. Calls that wait for a session, and later calls, reject with `POP3_POOL_CLOSED`. Ends
   * idle sessions with QUIT, waits for sessions in use, and resolves when no session is left. You may call it
   * more than once.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Calls {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const released = this.#scheduler.close();
    this.#closing.abort(new SessionEnd(closed()));
    await Promise.all([released, this.#idle.shrink(0)]);
    // A cancelled call may have left an idle session in the meantime.
    await this.#idle.shrink(0);
    await this.#places.settled();
  }

  #useOf(given: Pop3ClientOptions | string | URL, options: UseOptions): Use {
    checkObject("options", options);
    checkNames("options", options, Object.keys(USE));
    const { signal, fresh } = options;
    checkSignal("options.signal", signal);
    checkBoolean("options.fresh", fresh);
    const { retryFor: time = this.#settings.retryFor } = options;
    const retryFor = checkDuration("options.retryFor", time, "ms");
    const account = new Account(given, this.#settings.logger);
    const { settings } = account;
    const trace: Pop3PoolTrace = {
      ...tracePeer(settings),
      session: undefined,
      waited: undefined,
      attempts: 0,
      reused: false,
    };
    const log = new Log(settings.logger, secretsOf(settings));
    return { account, signal, retryFor, fresh: fresh ?? false, trace, log };
  }

  async #use<T>(use: Use, work: (client: Pop3Client) => Promise<T> | T): Promise<T> {
    const { account, signal, trace, log } = use;
    const began = steadyTime();
    const permit = await this.#scheduler.take(account, signal);
    trace.waited = steadyTime() - began;
    let client: Pop3Client;
    try {
      client = await this.#session(use, permit);
    } catch (error) {
      permit.release();
      throw error;
    }
    trace.session = client.id;
    if (log.hears("pool", "debug")) {
      const facts = factsOfUse(use);
      log.write(
        "pool",
        "debug",
        `${facts.reused ? "reuses a" : "has a new"} session with ${facts.host}`,
        facts,
      );
    }
    this.#counts.inUse++;
    let isKept = false;
    const finish = (error?: unknown): void => {
      this.#counts.inUse--;
      // Before the permit: the next session with this host may need the place.
      if (!isKept) this.#places.release(client, error);
      permit.release();
    };
    const keeps = (): boolean => (isKept = this.#keeps(client, account));
    return runUse({ client, work, signal, dismissed: () => isDismissed(client), keeps, over: finish });
  }

  /** Keeps the session for reuse, if that is possible. */
  #keeps(client: Pop3Client, account: Account): boolean {
    const isWanted = this.#settings.idleTimeout > 0 && this.#closed === undefined && account.reusable;
    if (!isWanted || client.state !== "transaction" || client.marked.size > 0) return false;
    this.#idle.keep(account, client);
    return true;
  }

  /** Returns an idle session or opens a new one. */
  async #session(use: Use, permit: Permit): Promise<Pop3Client> {
    const { account, retryFor, trace, log } = use;
    const giveUp = new FirstAbort(use.signal, this.#closing.signal);
    const { signal } = giveUp;
    try {
      const kept = await this.#kept(use, signal);
      if (kept !== undefined) return kept;
      const makeRoom = (): Promise<unknown> => this.#makeRoom(account.host);
      return await openSession({
        account,
        permit,
        retryFor,
        signal,
        makeRoom,
        places: this.#places,
        counts: this.#counts,
        trace,
        log,
      });
    } catch (error) {
      if (!signal.aborted) this.#counts.failed++;
      throw error;
    } finally {
      giveUp.release();
    }
  }

  /** Returns the idle session of the account if it is alive; otherwise ends it and frees the maildrop. */
  async #kept({ account, fresh, trace }: Use, signal: AbortSignal): Promise<Pop3Client | undefined> {
    throwIfAborted(signal);
    const client = fresh ? undefined : this.#idle.take(account);
    if (client !== undefined) {
      if (await this.#counts.during("connecting", this.#isAlive(client, signal))) {
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

  /** Returns whether an idle session can be reused. If the signal ends the wait, the session ends as well. */
  async #isAlive(client: Pop3Client, signal: AbortSignal): Promise<boolean> {
    try {
      return await isAlive(client, signal);
    } catch (error) {
      this.#places.release(client, error);
      throw error;
    }
  }

  /** Ends idle sessions so that each holder of a permit can open a session within the limits. */
  async #makeRoom(host: string): Promise<void> {
    const { maxSessions, maxPerHost } = this.#settings;
    await Promise.all([
      this.#idle.shrink(maxPerHost - this.#scheduler.activeOn(host), host),
      this.#idle.shrink(maxSessions - this.#scheduler.active),
    ]);
  }
}

/** What the log says of a use. */
function factsOfUse({ trace: { host, port, session, waited, attempts, reused } }: Use): {
  readonly host: string;
  readonly reused: boolean;
} {
  const facts = { host, port, waited: Math.round(waited ?? 0), attempts, reused };
  return { ...facts, ...(session !== undefined && { session }) };
}

/** Returns whether an idle session can be reused: it answers NOOP and has no marked messages. */
async function isAlive(client: Pop3Client, signal: AbortSignal): Promise<boolean> {
  const late = (): Pop3Error =>
    new Pop3ConnectionError("POP3_COMMAND_TIMEOUT", "the idle session did not reply to NOOP");
  try {
    await settle(signal, { timeout: PROOF, late }, (resolve, reject) => {
      client.noop().then(resolve, reject);
      return () => undefined;
    });
    // The previous use may have left a DELE that it did not wait for. Such marks must not be committed.
    return client.marked.size === 0;
  } catch (error) {
    // A session that refused NOOP still works: it can be ended with QUIT.
    if (signal.aborted || !(error instanceof Pop3ReplyError)) client.close();
    throwIfAborted(signal);
    return false;
  }
}
