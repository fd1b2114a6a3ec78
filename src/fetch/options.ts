// What runs over one mailbox or many are given, and what is made of it.
import {
  checkBoolean,
  checkFunction,
  checkLogger,
  checkNames,
  checkObject,
  checkSignal,
  checkText,
  configError,
  shown,
} from "../options/checks.ts";
import { completeOptions, optionsFrom, type Pop3ClientOptions } from "../options/client.ts";
import type { Pop3Pool } from "../pool/pool.ts";
import type { Destination } from "./destinations/destination.ts";
import { deliverTo, type Deliver } from "./destinations/function.ts";
import type { Listener } from "./events.ts";
import type { Ledger } from "./ledger/ledger.ts";
import { mailboxName } from "./mailbox.ts";
import { printable } from "../protocol/printable.ts";
import { completePolicy, type CompletePolicy, type FetchPolicy } from "./plan/policy.ts";

/** The account whose mail is fetched: the options or URL of a `Pop3Client`, with a login. */
export type FetchAccount = Pop3ClientOptions | string | URL;

/** The options of {@link fetchMail}. */
export interface FetchOptions {
  /** Records what was fetched, so that nothing is delivered twice. */
  readonly ledger: Ledger;
  /** Receives the mail. A function is called with each message, as by {@link deliverTo}. */
  readonly destination: Destination | Deliver;
  /** What to fetch, delete and retry. By default a run fetches everything and deletes nothing. */
  readonly policy?: FetchPolicy;
  /**
   * The name of the mailbox in the ledger and in keys. Set it if user, host or port may change later.
   * @default user, host and port, such as `ann@pop.example.com:995`
   */
  readonly mailbox?: string;
  /** The pool that opens the sessions. @default a new pool for one session */
  readonly pool?: Pop3Pool;
  /** Connects even if the ledger says that it is too early. @default false */
  readonly force?: boolean;
  /** Called with each event. The run waits for the promise that it returns. */
  readonly onEvent?: Listener;
  /**
   * The logger of the run and of its sessions, see {@link Pop3ClientOptions.logger}. An account may have its own.
   * @default no logger; `DEBUG=popwright:*` logs to standard error
   */
  readonly logger?: Pop3ClientOptions["logger"];
  /**
   * Ends the run in an orderly way: it delivers the current message and commits all deletions that are due.
   * If more messages were already requested, it commits in a new session.
   */
  readonly stop?: AbortSignal;
  /**
   * Ends the run as soon as the destination, which gets this signal too, has settled. The ledger records what
   * was delivered; nothing more is deleted.
   */
  readonly signal?: AbortSignal;
}

/** An account, optionally with its own mailbox name, policy or destination. */
export type FetchTarget =
  | FetchAccount
  | {
      /** The account: a URL, or options of a client. */
      readonly account: FetchAccount;
      /** The name of the mailbox in the ledger. @default `user@host:port` */
      readonly mailbox?: string;
      /** The policy for this mailbox, in place of the common one. */
      readonly policy?: FetchPolicy;
      /** The destination for this mailbox, in place of the common one. */
      readonly destination?: Destination | Deliver;
    };

/** The options of {@link fetchAll}. */
export interface FetchAllOptions extends Pick<
  FetchOptions,
  "ledger" | "destination" | "policy" | "force" | "logger" | "stop" | "signal"
> {
  /** The maximum number of sessions at a time. @default 50 */
  readonly maxSessions?: number;
  /** The maximum number of sessions at a time with one host. @default 5 */
  readonly maxPerHost?: number;
  /**
   * Polls each mailbox again at the time in its report, until `stop` or `signal` is aborted. @default false
   */
  readonly repeat?: boolean;
  /**
   * Whether to try again, with `repeat`, if none of the servers can be reached the first time. Without it, the loop
   * rejects, because a wrong host or port looks like a network that is down. @default false
   */
  readonly retryFirst?: boolean;
}

/** The names of all options of `fetchAll`. The compiler reports a missing one. */
export const FETCH_ALL_OPTIONS: readonly string[] = Object.keys({
  ledger: true,
  destination: true,
  policy: true,
  force: true,
  logger: true,
  stop: true,
  signal: true,
  maxSessions: true,
  maxPerHost: true,
  repeat: true,
  retryFirst: true,
} satisfies Record<keyof FetchAllOptions, true>);

/** The options with all their defaults. */
export interface FetchSettings {
  readonly account: Pop3ClientOptions;
  readonly mailbox: string;
  readonly ledger: Ledger;
  readonly destination: Destination;
  readonly policy: CompletePolicy;
  readonly pool: Pop3Pool | undefined;
  readonly force: boolean;
  readonly onEvent: Listener;
  readonly stop: AbortSignal | undefined;
  readonly signal: AbortSignal | undefined;
}

/** The names of all options. The compiler reports a missing one. */
export const FETCH_OPTIONS: readonly string[] = Object.keys({
  ledger: true,
  destination: true,
  policy: true,
  mailbox: true,
  pool: true,
  force: true,
  onEvent: true,
  logger: true,
  stop: true,
  signal: true,
} satisfies Record<keyof FetchOptions, true>);

/** Checks what a run is given, and completes it. Throws `POP3_CONFIG`, with a hint for an unknown name. */
export function completeFetchOptions(account: FetchAccount, options: FetchOptions): FetchSettings {
  checkObject("options", options);
  checkNames("", options, FETCH_OPTIONS);
  const { ledger, destination, policy, mailbox, pool, force, onEvent, logger, stop, signal } = options;
  checkRunOptions(options);
  const taking = destinationOf(destination);
  if (mailbox !== undefined) checkText("mailbox", mailbox);
  if (pool !== undefined && typeof (pool as Partial<Pop3Pool> | null)?.use !== "function")
    throw configError(`pool must be a Pop3Pool (got ${shown(pool)})`);
  checkFunction("onEvent", onEvent);
  const client = accountOf(account);
  const complete = completePolicy(policy, client);
  return {
    account: withOption(
      withOption(client, "listings", complete.listings, "lenient"),
      "logger",
      client.logger ?? logger,
    ),
    mailbox: mailbox ?? nameOf(client),
    ledger,
    destination: taking,
    policy: complete,
    pool,
    force: force ?? false,
    onEvent: onEvent ?? (() => undefined),
    stop,
    signal,
  };
}

/** Checks what is the same for one mailbox and for many. Throws `POP3_CONFIG`. */
export function checkRunOptions(
  options: Omit<FetchOptions, "destination"> & { readonly destination?: unknown },
): void {
  const { ledger, destination, policy, force, logger, stop, signal } = options;
  checkLogger("logger", logger);
  checkBoolean("force", force);
  checkSignal("stop", stop);
  checkSignal("signal", signal);
  const { open, read } = (ledger as Partial<Ledger> | undefined | null) ?? {};
  if (typeof open !== "function" || typeof read !== "function")
    throw configError(
      "ledger must be a Ledger, with the methods open and read, such as " +
        `new FileLedger("./ledger") (got ${shown(ledger)})`,
    );
  if (destination !== undefined) destinationOf(destination);
  completePolicy(policy);
}

function destinationOf(given: unknown): Destination {
  // As a function, a class would refuse each message.
  if (
    typeof given === "function" &&
    typeof (given.prototype as Partial<Destination> | undefined)?.begin === "function"
  )
    throw configError(
      `destination is a class: did you mean an instance of it, new ${printable(given.name)}(…)?`,
    );
  const destination = typeof given === "function" ? deliverTo(given as Deliver) : given;
  if (typeof (destination as Partial<Destination> | undefined | null)?.begin !== "function")
    throw configError(
      `destination must be a function or a Destination, such as new Maildir("./Mail") (got ${shown(given)})`,
    );
  return destination as Destination;
}

/** Checks the account. Throws `POP3_CONFIG` if it is invalid or has no login. */
function accountOf(account: FetchAccount): Pop3ClientOptions {
  const options = optionsFrom(account);
  if (completeOptions(options).auth === undefined)
    throw configError("auth is missing: fetching mail needs a login");
  return options;
}

/**
 * Overrides an option of the account. Derives from the caller's object, so that later changes to it still
 * take effect. `byDefault`: the value of an option that is not given.
 */
function withOption<N extends keyof Pop3ClientOptions>(
  account: Pop3ClientOptions,
  name: N,
  value: Pop3ClientOptions[N],
  byDefault?: Pop3ClientOptions[N],
): Pop3ClientOptions {
  if ((account[name] ?? byDefault) === value) return account;
  return Object.create(account, { [name]: { value, enumerable: true } }) as Pop3ClientOptions;
}

/**
 * Returns the default name of the account's mailbox, see {@link mailboxName}. Throws `POP3_CONFIG` if the
 * account has no user.
 */
export function nameOf(account: Pop3ClientOptions): string {
  const { host, port, auth } = completeOptions(account);
  const user = auth?.authzid ?? auth?.user;
  if (user === undefined)
    throw configError("auth.user is missing: give it, or name the mailbox with the option mailbox");
  return mailboxName(user, host, port);
}
