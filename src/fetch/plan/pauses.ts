// The pauses of a policy: between two polls of a mailbox, and between two tries of a message.
import {
  checkDuration,
  checkNames,
  checkObject,
  configError,
  shown,
  withDefaults,
} from "../../options/checks.ts";
import type { Duration } from "../../options/duration.ts";
import type { LoginRate } from "../../protocol/login-rates.ts";
import { printable } from "../../protocol/printable.ts";

/**
 * The pauses between two tries of a message. Numbers are in milliseconds. If you set only one of the two, the other is
 * moved if it must be.
 */
export interface RetryPauses {
  /** The pause after the first failure. @default 60000 (a minute) */
  readonly first: Duration;
  /** The longest pause; not less than `first`. @default 21600000 (6 hours) */
  readonly longest: Duration;
}

/**
 * The same pause after each run. A longer LOGIN-DELAY of the server takes precedence. After a failure the pause grows, up to
 * an hour, so a server that is down is not disturbed, and a wrong password does not lock the account.
 */
export interface FixedPoll {
  /**
   * The pause from the end of a run to the next one, greater than 0. A number is in milliseconds. Some providers refuse or
   * block an account that logs in too often: docs/fetching.md lists how often is safe.
   */
  readonly every: Duration;
  /** Not allowed: a fixed interval has no range. */
  readonly shortest?: never;
  /** Not allowed: a fixed interval has no range. */
  readonly longest?: never;
  /** Not allowed: a fixed interval is exact. */
  readonly jitter?: never;
}

/**
 * The range of the pauses between two polls. Numbers are in milliseconds. A longer LOGIN-DELAY of the server takes
 * precedence. If you set only one of `shortest` and `longest`, the other is moved if it must be.
 */
export interface PollPauses {
  /**
   * The shortest pause. At some providers the default is longer, because they refuse or block an account that logs
   * in more often: docs/fetching.md lists them. @default 60000 (a minute)
   */
  readonly shortest: Duration;
  /** The longest pause; not less than `shortest`. @default 3600000 (an hour) */
  readonly longest: Duration;
  /**
   * How far a pause is spread at random, as a part of it, from 0 to 1: mailboxes that were polled together do not
   * stay together. 0.1 makes 9 to 11 minutes of 10. A pause is never shorter than `shortest` or longer than
   * `longest`, so equal pauses are not spread. 0: no pause is spread. @default 0.1
   */
  readonly jitter: number;
  /** Not allowed: a range has no fixed interval. */
  readonly every?: never;
}

/** The pauses between two tries, in milliseconds. */
export type CompleteRetry = Readonly<Record<keyof RetryPauses, number>>;

/** The pauses between two polls: `shortest` and `longest` in milliseconds, `jitter` as a part. */
export interface CompletePauses extends Readonly<Record<"shortest" | "longest" | "jitter", number>> {
  /** The longest pause after a failure, in milliseconds. `undefined`: `longest`. */
  readonly afterFailure?: number;
}

/** The pauses between two polls of a mailbox, and what is known of its provider. */
export interface PollRate {
  readonly poll: CompletePauses;
  /**
   * The least pauses at a known provider, in milliseconds; 0: not known. `poll`: between two polls, unless the caller
   * has set the shortest one. `login`: between two logins.
   */
  readonly rate: { readonly poll: number; readonly login: number };
}

const RETRY: CompleteRetry = { first: 60_000, longest: 6 * 60 * 60_000 };
const POLL: CompletePauses = { shortest: 60_000, longest: 60 * 60_000, jitter: 0.1 };

/** Returns the pauses between polls. Throws `POP3_CONFIG` if an option is invalid. What the caller sets takes precedence over the rate of a known provider. */
export function pausesOf(
  given: FixedPoll | Partial<PollPauses> | undefined,
  known: LoginRate | undefined,
): PollRate {
  if (given !== undefined) {
    checkObject("policy.poll", given);
    checkNames("policy.poll", given, ["every", ...Object.keys(POLL)]);
  }
  if (given?.every !== undefined) {
    const poll = fixedPause(given);
    return { poll, rate: { poll: 0, login: Math.min(known?.login ?? 0, poll.shortest) } };
  }
  const { every: _, ...range } = given ?? {};
  const wanted = withDefaults("policy.poll", POLL, range, { shortest: "ms", longest: "ms" });
  if (wanted.jitter > 1)
    throw configError(
      `policy.poll.jitter must be a number from 0 to 1, as a part of the pause (got ${wanted.jitter})`,
    );
  const isSet = range.shortest !== undefined;
  const shortest = isSet || known === undefined ? wanted.shortest : known.poll;
  const [least, most] = ordered("policy.poll", "shortest", range, { ...wanted, shortest });
  const login = Math.min(known?.login ?? 0, least);
  return {
    poll: { shortest: least, longest: most, jitter: wanted.jitter },
    rate: { poll: isSet || known === undefined ? 0 : least, login },
  };
}

function fixedPause(given: FixedPoll): CompletePauses {
  const { every, ...range } = given;
  const other = Object.entries<unknown>(range).find(([, value]) => value !== undefined)?.[0];
  if (other !== undefined)
    throw configError(
      `policy.poll.every cannot be combined with policy.poll.${printable(other)}: it is the shortest and the longest pause, without jitter`,
    );
  const pause = checkDuration("policy.poll.every", every, "ms");
  if (pause === 0) throw configError(`policy.poll.every must be greater than 0 (got ${shown(every)})`);
  return { shortest: pause, longest: pause, jitter: 0, afterFailure: Math.max(pause, POLL.longest) };
}

/** Returns the pauses between two tries. Throws `POP3_CONFIG` if an option is invalid. */
export function retryOf(given: Partial<RetryPauses> = {}): CompleteRetry {
  const wanted = withDefaults("policy.retry", RETRY, given, "ms");
  const [first, longest] = ordered("policy.retry", "first", given, wanted);
  return { first, longest };
}

/**
 * Returns the shortest pause and the longest one. Throws `POP3_CONFIG` if the caller has set both, in the wrong order. A
 * default gives way to what the caller has set.
 */
function ordered<Least extends string>(
  what: string,
  least: Least,
  given: Readonly<Partial<Record<Least | "longest", unknown>>>,
  wanted: Readonly<Record<Least | "longest", number>>,
): [number, number] {
  const [shortest, longest] = [wanted[least], wanted.longest];
  if (shortest <= longest) return [shortest, longest];
  if (given[least] === undefined) return [longest, longest];
  if (given.longest === undefined) return [shortest, shortest];
  throw configError(
    `${what}.${least} must not be greater than ${what}.longest ` +
      `(got ${shown(given[least])}, with ${what}.longest ${shown(given.longest)})`,
  );
}
