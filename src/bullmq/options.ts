// The options of a fleet and of its workers, their defaults and checks.
import type { Destination } from "../fetch/destinations/destination.ts";
import type { Deliver } from "../fetch/destinations/function.ts";
import type { Listener } from "../fetch/events.ts";
import type { Ledger } from "../fetch/ledger/ledger.ts";
import { checkRunOptions, type FetchAccount } from "../fetch/options.ts";
import type { FetchPolicy } from "../fetch/plan/policy.ts";
import type { Pop3ClientOptions } from "../options/client.ts";
import {
  checkDuration,
  checkFunction,
  checkNames,
  checkNumber,
  checkObject,
  configError,
  shown,
} from "../options/checks.ts";
import type { Duration } from "../options/duration.ts";
import { checkClient, type RedisClient } from "../redis/client.ts";
import { checkTimes } from "../redis/options.ts";
import type { FleetPoll } from "./report.ts";

/** The options that a {@link Fleet} and its workers share. */
export interface FleetOptions {
  /**
   * A client of `ioredis` with `maxRetriesPerRequest: null`, which you close yourself: a `Redis` or a `Cluster`. It must
   * not have the option `keyPrefix`.
   */
  readonly redis: RedisClient;
  /** The name of the queue: letters, digits, `_` and `-`, at most 64. @default "mail" */
  readonly queue?: string;
  /**
   * The beginning of all keys, as the option `prefix` of BullMQ. The braces let a cluster keep all of a queue on one
   * node. @default "{popwright}"
   */
  readonly prefix?: string;
  /** Called with errors that concern no single mailbox, such as a lost connection to Redis. @default ignored */
  readonly onError?: (error: Error) => void;
}

/** An account as a fleet polls it. */
export interface FleetAccount {
  /** Host, login and everything else of a session. */
  readonly account: FetchAccount;
  /** The policy of this mailbox. @default the worker's */
  readonly policy?: FetchPolicy;
  /** The destination of this mailbox. @default the worker's */
  readonly destination?: Destination | Deliver;
  /** The name of the mailbox in the ledger and in keys. @default the id */
  readonly mailbox?: string;
  /** Leaves the mailbox alone for an hour, and then asks again. `pollNow` of the fleet asks at once. @default false */
  readonly paused?: boolean;
}

/** The options of {@link createFetchWorker}. */
export interface FetchWorkerOptions extends FleetOptions {
  /**
   * Returns the account of a mailbox. It is called before each poll, so a new password, a new token or a pause counts
   * from the next poll on. `undefined`: there is no such mailbox any more, and its job is removed. If it rejects, the
   * worker pauses for a short time. The signal is aborted when the worker must end.
   */
  readonly account: (
    id: string,
    signal: AbortSignal,
  ) => FleetAccount | undefined | Promise<FleetAccount | undefined>;
  /** Records what was fetched. */
  readonly ledger: Ledger;
  /** Receives the mail. */
  readonly destination: Destination | Deliver;
  /** What to fetch, delete and retry. */
  readonly policy?: FetchPolicy;
  /** The number of mailboxes that this worker polls at a time. @default 50 */
  readonly concurrency?: number;
  /** The maximum number of sessions with one host, over all workers. @default 5 */
  readonly maxPerHost?: number | ((host: string) => number);
  /**
   * How long BullMQ waits before it gives the mailbox of a dead worker to another one. A number is in milliseconds. It
   * may take twice as long, and then the lease in the ledger must have ended, too. @default 30000
   */
  readonly lock?: Duration;
  /** Called after each poll, for metrics and logs. What it throws goes to `onError`. @default ignored */
  readonly onPoll?: (poll: FleetPoll) => void;
  /** Called with each event of a run. The run waits for the promise that it returns. @default ignored */
  readonly onEvent?: Listener;
  /**
   * The logger of the runs and of their sessions, see {@link Pop3ClientOptions.logger}. An account may have its own.
   * @default no logger; `DEBUG=popwright:*` logs to standard error
   */
  readonly logger?: Pop3ClientOptions["logger"];
}

/** The shared options with their defaults. */
export interface FleetSettings {
  readonly redis: RedisClient;
  readonly queue: string;
  readonly prefix: string;
  readonly onError: (error: Error) => void;
}

/** The options of a worker with their defaults. */
export interface WorkerSettings extends FleetSettings, FetchWorkerOptions {
  readonly queue: string;
  readonly prefix: string;
  readonly onError: (error: Error) => void;
  readonly concurrency: number;
  readonly lock: number;
  readonly limitOf: (host: string) => number;
  readonly onPoll: (poll: FleetPoll) => void;
}

const SHARED: readonly string[] = Object.keys({
  redis: true,
  queue: true,
  prefix: true,
  onError: true,
} satisfies Record<keyof FleetOptions, true>);

const WORKER: readonly string[] = Object.keys({
  account: true,
  ledger: true,
  destination: true,
  policy: true,
  concurrency: true,
  maxPerHost: true,
  lock: true,
  onPoll: true,
  onEvent: true,
  logger: true,
} satisfies Record<Exclude<keyof FetchWorkerOptions, keyof FleetOptions>, true>);

/** Returns the options of a fleet. Throws `POP3_CONFIG` if one is unknown or invalid. */
export function fleetSettings(options: FleetOptions): FleetSettings {
  checkObject("options", options);
  checkNames("", options, SHARED);
  return shared(options);
}

/** Returns the options of a worker. Throws `POP3_CONFIG` if one is unknown or invalid. */
export function workerSettings(options: FetchWorkerOptions): WorkerSettings {
  checkObject("options", options);
  checkNames("", options, [...SHARED, ...WORKER]);
  const {
    account,
    ledger,
    destination,
    policy,
    concurrency = 50,
    maxPerHost = 5,
    lock: given = 30_000,
  } = options;
  const { onPoll = ignore, onEvent, logger } = options;
  const settings = shared(options);
  if (typeof account !== "function")
    throw configError(`account must be a function that returns an account (got ${shown(account)})`);
  if ((destination as unknown) === undefined)
    throw configError("destination is missing: it receives the mail");
  checkRunOptions({
    ledger,
    destination,
    ...(policy === undefined ? {} : { policy }),
    ...(logger === undefined ? {} : { logger }),
  });
  checkFunction("onPoll", onPoll);
  checkFunction("onEvent", onEvent);
  checkNumber("concurrency", concurrency, 1);
  if (!Number.isInteger(concurrency))
    throw configError(`concurrency must be a whole number (got ${String(concurrency)})`);
  const lock = checkDuration("options.lock", given, "ms");
  checkTimes("options", { lock });
  if (typeof maxPerHost !== "function") checkLimit("maxPerHost", maxPerHost);
  const limitOf = (host: string): number => {
    if (typeof maxPerHost !== "function") return maxPerHost;
    const limit = maxPerHost(host);
    checkLimit("maxPerHost()", limit);
    return limit;
  };
  return { ...options, ...settings, concurrency, lock, limitOf, onPoll };
}

function shared({
  redis,
  queue = "mail",
  prefix = "{popwright}",
  onError = ignore,
}: FleetOptions): FleetSettings {
  checkClient(redis);
  const { maxRetriesPerRequest } = (redis.options ?? {}) as { readonly maxRetriesPerRequest?: unknown };
  if (typeof maxRetriesPerRequest === "number")
    throw configError(
      `redis must have the option maxRetriesPerRequest: null, as BullMQ demands (it has ${String(maxRetriesPerRequest)})`,
    );
  // A colon would end the name in a key.
  if (typeof queue !== "string" || !/^[\w-]{1,64}$/.test(queue))
    throw configError(`queue must be 1 to 64 letters, digits, "_" and "-" (got ${shown(queue)})`);
  if (typeof prefix !== "string" || !/^[\w:.{}-]{1,64}$/.test(prefix))
    throw configError(
      `prefix must be 1 to 64 letters, digits, and characters of "{}:._-" (got ${shown(prefix)})`,
    );
  checkFunction("onError", onError);
  const tell = (error: Error): void => {
    try {
      onError(error);
    } catch {
      // What tells of errors must not cause others.
    }
  };
  return { redis, queue, prefix, onError: tell };
}

function checkLimit(what: string, limit: unknown): void {
  if (!Number.isInteger(limit) || (limit as number) < 1)
    throw configError(`${what} must be a whole number >= 1 (got ${shown(limit)})`);
}

const ignore = (): void => undefined;
