// Places on hosts, which the pools of several processes share: a session is opened only with a place, and gives it back
// when it has ended. The places themselves are kept by the caller, for example in Redis.
import { crypto } from "../system/crypto.ts";
import type { Pop3Client } from "../client.ts";
import { Pop3Error, Pop3HostBusyError } from "../errors.ts";
import { throwIfAborted } from "../net/failures.ts";
import { untilAborted } from "../net/settle.ts";
import { configError, shown } from "../options/checks.ts";
import { foreignError, messageOf } from "../protocol/foreign-error.ts";
import { printable } from "../protocol/printable.ts";
import type { Account } from "./account.ts";
import { steadyTime, wallTime } from "../system/clock.ts";
import { random } from "../system/random.ts";

/** What a place is for. */
export interface PlaceRequest {
  /** The server's name, in lower case. */
  readonly host: string;
  /**
   * Identifies the maildrop: the same text in each process for the same user, host and port. It is a digest and does
   * not show the user. If a process dies with a place, its next session of the same maildrop can be given the same one.
   */
  readonly maildrop: string;
  /** The option `maxPerHost` of the pool: at most this many places of the host are taken at a time. */
  readonly limit: number;
  /** Aborted when the place is no longer wanted. A place that is given after that is released at once. */
  readonly signal: AbortSignal;
}

/** How a session went that had a place. */
export interface PlaceOutcome {
  /** How long the place was taken, in milliseconds. */
  readonly ms: number;
  /** What failed: connecting, logging in, the work, or the commit. `undefined`: nothing did. */
  readonly error?: unknown;
}

/** A place that was taken. */
export interface HostPlace {
  /** Gives the place back. Called once, when the session has ended. If it rejects, that is ignored. */
  readonly release: (outcome: PlaceOutcome) => Promise<void> | void;
}

/**
 * Places on hosts, shared by processes: see the option `places` of {@link Pop3Pool}. `take` resolves with a place, or,
 * if the host is full, with `comeAt`: when to ask again, in milliseconds since 1970. Reserve that time for the caller, so
 * that callers do not have to ask again and again.
 *
 * @example
 * ```ts
 * let taken = 0;
 * const places: HostPlaces = {
 *   async take({ limit }) {
 *     if (taken >= limit) return { comeAt: Date.now() + 5000 };
 *     taken++;
 *     return { release: () => void taken-- };
 *   },
 * };
 * const pool = new Pop3Pool({ maxPerHost: 5, places });
 * ```
 */
export interface HostPlaces {
  /** Takes a place, or says when to ask again. If it rejects, the pool treats the host as busy for about half a minute. */
  take(request: PlaceRequest): Promise<
    | HostPlace
    | {
        /** When to ask again, in milliseconds since 1970. */
        readonly comeAt: number;
      }
  >;
}

/** A place from the time it was taken. It is released once. */
export interface TakenPlace {
  release(error?: unknown): void;
}

/** The places that the sessions of one pool have. */
export class SessionPlaces {
  readonly #places: HostPlaces | undefined;
  readonly #limit: number;
  readonly #taken: WeakMap<Pop3Client, TakenPlace> = new WeakMap();
  /** Calls of `release` that have not settled. */
  readonly #releases: Set<Promise<void>> = new Set();

  constructor(places: HostPlaces | undefined, limit: number) {
    this.#places = places;
    this.#limit = limit;
  }

  /**
   * Takes a place. Rejects with `POP3_HOST_BUSY` if there is none or `take` fails, and with `POP3_ABORTED` as soon as
   * the signal is aborted: a place that comes after that is released.
   */
  async take({ host, maildrop }: Account, signal: AbortSignal): Promise<TakenPlace> {
    if (this.#places === undefined) return NO_PLACE;
    throwIfAborted(signal);
    const request = { host, maildrop: placeName(maildrop), limit: this.#limit, signal };
    const taking = this.#ask(this.#places, request);
    try {
      return await untilAborted(signal, () => taking);
    } catch (error) {
      // After an abort a place may still come. Nothing waits for it: the caller's code may never answer.
      taking.then(
        (place) => place.release(error),
        () => undefined,
      );
      throw error;
    }
  }

  /** The place belongs to a session from now on, in use or idle. */
  give(client: Pop3Client, place: TakenPlace): void {
    this.#taken.set(client, place);
  }

  /** Releases the place of a session that has ended. May be called more than once. */
  release(client: Pop3Client, error?: unknown): void {
    const place = this.#taken.get(client);
    this.#taken.delete(client);
    place?.release(error);
  }

  /** Resolves when every call of `release` has settled. */
  async settled(): Promise<void> {
    await Promise.all(this.#releases);
  }

  async #ask(places: HostPlaces, request: PlaceRequest): Promise<TakenPlace> {
    let answer: unknown;
    try {
      answer = await places.take(request);
    } catch (error) {
      throw Pop3Error.is(error) ? error : unavailable(request.host, error);
    }
    const { release, comeAt } = (answer ?? {}) as Partial<HostPlace & { readonly comeAt: number }>;
    if (typeof release === "function") {
      // The call may have waited for the place.
      const began = steadyTime();
      return {
        release: (error) => {
          const ms = steadyTime() - began;
          this.#release(answer as HostPlace, { ms, error });
        },
      };
    }
    if (typeof comeAt !== "number" || Number.isNaN(comeAt))
      throw configError(
        `places.take() must resolve with { release } or { comeAt }, a time in milliseconds (got ${shown(answer)})`,
      );
    throw new Pop3HostBusyError(
      `no session with ${printable(request.host)} is allowed now: it is full`,
      comeAt,
    );
  }

  #release(place: HostPlace, outcome: PlaceOutcome): void {
    // The session is over, so no call could be told of a failure.
    const released: Promise<void> = settled(() => place.release(outcome)).finally(() =>
      this.#releases.delete(released),
    );
    this.#releases.add(released);
  }
}

/** Calls `call` at once. Resolves when it has settled. */
async function settled(call: () => Promise<void> | void): Promise<void> {
  try {
    await call();
  } catch {
    // A place that is not released expires.
  }
}

/** The place of a session of a pool without `places`. */
const NO_PLACE: TakenPlace = {
  release: () => undefined,
};

/** When to ask again if the places cannot be asked, in milliseconds. */
const AGAIN = 30_000;

function unavailable(host: string, cause: unknown): Pop3HostBusyError {
  const words = messageOf(cause);
  // At random, so that not all callers come back together.
  const comeAt = wallTime() + AGAIN * (0.5 + random());
  return new Pop3HostBusyError(
    `no session with ${printable(host)} is allowed now: places.take() failed: ${printable(words)}`,
    comeAt,
    { cause: foreignError(cause) },
  );
}

/** Tells this process from others: the names of maildrops without a user have a number that is unique only in it. */
let ownProcess: string | undefined;

function placeName(maildrop: string): string {
  ownProcess ??= crypto().randomUUID();
  const hash = crypto().createHash("sha256");
  return hash
    .update(maildrop.startsWith("\0") ? ownProcess : "")
    .update(maildrop)
    .digest("hex");
}
