// Places on hosts in Redis: a limit per host over all processes, and reserved times for those that find it full.
import { randomBytes } from "node:crypto";
import { throwIfAborted } from "../net/failures.ts";
import {
  argumentError,
  checkNames,
  checkNumber,
  checkObject,
  checkSignal,
  checkText,
  withDefaults,
} from "../options/checks.ts";
import type { Duration } from "../options/duration.ts";
import type { HostPlace, HostPlaces, PlaceOutcome, PlaceRequest } from "../pool/places.ts";
import { checkClient, checkPrefix, Connection, type RedisClient } from "./client.ts";
import type { RedisHost } from "./host.ts";
import { checkTimes } from "./options.ts";
import { LOOK, RELEASE, RENEW, TAKE } from "./place-scripts.ts";

/** The options of {@link RedisPlaces}. */
export interface RedisPlacesOptions {
  /**
   * The beginning of all keys: letters, digits, and characters of `:._-`, at most 64. All processes that share the limits
   * need the same one. @default "popwright:places:"
   */
  readonly prefix?: string;
  /**
   * How long a place stays taken without being renewed. A number is in milliseconds. It is renewed three times as often. After a
   * crash, the place is taken until then, unless the same mailbox comes again: it gets its place back.
   * @default 600000 (10 minutes)
   */
  readonly lifetime?: Duration;
  /** How long Redis may take to answer a command. A number is in milliseconds. @default 10000 */
  readonly timeout?: Duration;
}

/** How long a session takes on a host of which nothing is known, in milliseconds. Too short costs some turns at first. */
const FIRST_MEAN = 200;

/**
 * How long a place is left free for a maildrop that does not come at its reserved time, in milliseconds. Its process may
 * have died, or its mailbox may be gone.
 */
const HELD = 5000;

/** After that time it has to queue again, in milliseconds. */
const FORGOTTEN = 60_000;

/** How often a host that is in use is put on the list of hosts, in milliseconds. */
const LIST_AGAIN = 60_000;

const TIMES = { lifetime: 600_000, timeout: 10_000 };

/**
 * Keeps the limit of sessions per host over all processes that share a Redis: the option `places` of `Pop3Pool`. A
 * session that finds its host full gets a reserved time, from the average length of the sessions there, so it does not
 * have to ask again and again. At that time it goes before all that came later. Times are by the clock of Redis.
 *
 * If Redis loses its data, the limit can be exceeded once, by the sessions that are open then. A process that was
 * stopped for longer than `lifetime` keeps its connection, but not its place.
 *
 * @example
 * ```ts
 * const pool = new Pop3Pool({ maxPerHost: 5, places: new RedisPlaces(new Redis("redis://127.0.0.1:6379")) });
 * ```
 */
export class RedisPlaces implements HostPlaces {
  readonly #connection: Connection;
  readonly #prefix: string;
  readonly #lifetime: number;
  /** When hosts were put on the list, by `performance.now()`. */
  readonly #listed: Map<string, number> = new Map();

  /**
   * `redis` is a client of `ioredis`, which you close yourself. Throws `POP3_CONFIG` if it is not one, if it has the
   * option `keyPrefix`, or if an option is invalid.
   */
  constructor(redis: RedisClient, options: RedisPlacesOptions = {}) {
    checkClient(redis);
    checkObject("options", options);
    checkNames("places", options, ["prefix", ...Object.keys(TIMES)]);
    const { prefix = "popwright:places:", ...given } = options;
    checkPrefix("places.prefix", prefix);
    const times = withDefaults("places", TIMES, given, "ms");
    checkTimes("places", times);
    this.#prefix = prefix;
    this.#lifetime = times.lifetime;
    this.#connection = new Connection(redis, times.timeout);
  }

  /**
   * Takes a place, or reserves a time. A pool calls it. Rejects with what `ioredis` rejects with, and with
   * `POP3_INVALID_ARGUMENT` if the request is invalid.
   */
  async take(request: PlaceRequest): Promise<
    | HostPlace
    | {
        /** When to ask again, in milliseconds since 1970. */
        readonly comeAt: number;
      }
  > {
    checkRequest(request);
    const { host, maildrop, limit, signal } = request;
    throwIfAborted(signal);
    const token = randomBytes(9).toString("base64url");
    const args = [maildrop, token, limit, this.#lifetime, FIRST_MEAN, HELD, FORGOTTEN];
    const [wait] = await Promise.all([
      this.#connection.run(TAKE, this.#keysOf(host), args),
      this.#list(host),
    ]);
    // By our clock, as the caller compares it with that.
    if (wait !== 0) return { comeAt: Date.now() + Number(wait) };
    return this.#place(host, maildrop, token);
  }

  /** The hosts that have places now, in any order: for status pages. Rejects with what `ioredis` rejects with. */
  async hosts(): Promise<readonly RedisHost[]> {
    const names = (await this.#connection.call("smembers", this.#listKey)) as string[];
    const hosts = await Promise.all(names.map((host) => this.#look(host)));
    const gone = names.filter((_, at) => hosts[at] === undefined);
    if (gone.length > 0) await this.#connection.call("srem", this.#listKey, ...gone);
    return hosts.filter((host) => host !== undefined);
  }

  async #look(host: string): Promise<RedisHost | undefined> {
    const answer = await this.#connection.run(LOOK, this.#keysOf(host), []);
    const [limit, mean, tail, taken] = answer as [string, string, string, number];
    if (limit === "") return undefined;
    return { host, taken, limit: Number(limit), mean: Number(mean), reservedUntil: Number(tail) };
  }

  #place(host: string, maildrop: string, token: string): HostPlace {
    const keys = this.#keysOf(host);
    const renew = (): void => {
      // If it is not renewed, it expires.
      this.#connection.run(RENEW, keys, [maildrop, token, this.#lifetime]).catch(() => undefined);
    };
    const timer = setInterval(renew, Math.max(1, this.#lifetime / 3)).unref();
    return {
      release: async ({ ms, error }: PlaceOutcome) => {
        clearInterval(timer);
        const length = error === undefined ? Math.ceil(ms) : "";
        await this.#connection.run(RELEASE, keys, [maildrop, token, length]);
      },
    };
  }

  /** Puts a host on the list. Redis may have lost it, so again and again. */
  async #list(host: string): Promise<void> {
    const now = performance.now();
    if (now - (this.#listed.get(host) ?? -Infinity) < LIST_AGAIN) return;
    this.#listed.set(host, now);
    // The list is for status pages only.
    await this.#connection.call("sadd", this.#listKey, host).catch(() => undefined);
  }

  /** In braces: what decides where a cluster stores the keys. */
  #keysOf(host: string): readonly [host: string, waiting: string] {
    const key = `${this.#prefix}{${encodeURIComponent(host)}}`;
    return [key, `${key}:waiting`];
  }

  get #listKey(): string {
    return `${this.#prefix}hosts`;
  }
}

function checkRequest(request: PlaceRequest): void {
  checkObject("request", request, argumentError);
  const { host, maildrop, limit, signal } = request;
  checkText("request.host", host, argumentError);
  checkText("request.maildrop", maildrop, argumentError);
  checkNumber("request.limit", limit, 1, argumentError);
  checkSignal("request.signal", signal, argumentError);
}
