// What a run may do with the mail it finds: every wish has a default, and the defaults lose nothing.
import {
  checkBoolean,
  checkDuration,
  checkNames,
  checkNumber,
  checkObject,
  checkOneOf,
  configError,
  shown,
  withDefaults,
} from "../../options/checks.ts";
import { durationHint, parseDuration, type Duration, type DurationText } from "../../options/duration.ts";
import type { ListingMode } from "../../protocol/listing-block.ts";
import { loginRateAt } from "../../protocol/login-rates.ts";
import {
  pausesOf,
  retryOf,
  type CompleteRetry,
  type FixedPoll,
  type PollPauses,
  type PollRate,
  type RetryPauses,
} from "./pauses.ts";

const DAY = 24 * 60 * 60 * 1000;

/** When a delivered message is deleted: as soon as it meets one of the conditions. */
export interface DeleteWhen {
  /**
   * The time after the message was first seen. A number is in days and may be a fraction; a text has its own unit:
   * `"36 h"`. @default Infinity
   */
  readonly afterDays?: Duration;
  /** Bytes: a larger message is deleted at once. @default Infinity */
  readonly largerThan?: number;
}

/** What a run fetches, deletes, tries again and leaves on the server. */
export interface FetchPolicy {
  /**
   * The mail that is already in the mailbox at the first run: fetch `"all"` of it, `"none"` of it, or only
   * the `newest` messages. What the first run leaves out is never fetched and never deleted. @default "all"
   */
  readonly firstRun?:
    | "all"
    | "none"
    | {
        /** The number of messages with the highest numbers. */
        readonly newest: number;
      };
  /**
   * Which delivered messages are deleted from the server. A text such as `"14 days"` is short for
   * `{ afterDays: "14 days" }`. @default "never"
   */
  readonly delete?: "never" | "delivered" | DurationText | DeleteWhen;
  /** Bytes, as LIST announces them: `tooLarge` decides about a larger message. @default Infinity */
  readonly maxSize?: number;
  /**
   * What happens to a message larger than `maxSize`. `"skip"`: it stays on the server. `"headers"`: its
   * headers are delivered (with TOP, if the server has it), and the message stays on the server. `"delete"`:
   * it is deleted, although it was never delivered. @default "skip"
   */
  readonly tooLarge?: "skip" | "headers" | "delete";
  /** Which messages come first, by message number: servers number messages by arrival. @default "oldest" */
  readonly order?: "oldest" | "newest";
  /** How much one run may retrieve, and how long it may take. @default see {@link RunLimits} */
  readonly limits?: Partial<RunLimits>;
  /**
   * The number of messages after which the run commits with QUIT and opens a new session. @default Infinity
   */
  readonly commitEvery?: number;
  /** The number of failures after which a message is no longer tried. @default 5 */
  readonly tries?: number;
  /**
   * The pause before a failed message is tried again. It doubles with each failure.
   * @default see {@link RetryPauses}
   */
  readonly retry?: Partial<RetryPauses>;
  /**
   * The pause between the end of a run and the next one. `{ every: "30 s" }` is always the same pause. Otherwise it is
   * halved after a run that brought mail, doubled after one that did not, and a part of it is random.
   * @default see {@link PollPauses}
   */
  readonly poll?: FixedPoll | Partial<PollPauses>;
  /**
   * What to do if the server does not support UIDL. `"refuse"`: the run fails with `POP3_NO_UIDL`. `"content"`: messages
   * are identified by their content, so each run retrieves every message. @default "refuse"
   */
  readonly noUidl?: "refuse" | "content";
  /**
   * How malformed lines in LIST and UIDL are handled. `"lenient"`: they are reported in `report.malformed`,
   * and a message with a malformed or blank unique-id is identified by its content. `"strict"`: the run fails
   * with `POP3_BAD_LISTING`. @default `listings` of the account, which is `"lenient"` by default
   */
  readonly listings?: ListingMode;
  /**
   * What to do if all unique-ids seem to have changed at once. `"stop"`: the run fails with `POP3_UIDS_CHANGED`.
   * `"match"`: it recognises messages by their headers. `"new"`: it fetches them as new messages.
   * @default "stop"
   */
  readonly uidsChanged?: "stop" | "match" | "new";
  /**
   * For how long the ledger keeps a message that the server no longer lists. A number is in days. Some servers list only
   * a part of the maildrop at a time. @default 30
   */
  readonly keepDays?: Duration;
  /**
   * Reports what a run would do, in `report.planned`, without doing it: the run logs in, lists and ends. It
   * does not retrieve or delete a message, does not call the destination, and does not write to the ledger.
   * It reads the ledger without a lease on the mailbox, so it does not disturb another run. @default false
   */
  readonly dryRun?: boolean;
}

/** How much one run may retrieve, and how long it may take. */
export interface RunLimits {
  /** The number of new messages to retrieve. @default Infinity */
  readonly messages: number;
  /** The bytes to retrieve, as LIST announces them. The first message may exceed the limit. @default Infinity */
  readonly octets: number;
  /**
   * The time after which the run begins no other message and gives up the current one. A number is in seconds. This does
   * not count as a failure of that message: the next run retrieves it again. @default Infinity
   */
  readonly seconds: Duration;
  /**
   * The time that the server may take for one message. A number is in seconds. The time that the destination takes does
   * not count. A message that takes longer has failed, which counts as one of `tries`, and the other messages get a new
   * session. The third such message in a row ends the run. Raise the limit for large mail over a slow line.
   * `Infinity`: no limit.
   * @default 3600 (an hour)
   */
  readonly messageSeconds: Duration;
}

/** How much one run may retrieve: times in seconds. */
type CompleteLimits = Readonly<Record<keyof RunLimits, number>>;

/** A policy with all its defaults; `keep` and `delete.after` are in milliseconds. */
export interface CompletePolicy extends PollRate {
  readonly firstRun: "all" | "none" | { readonly newest: number };
  /**
   * When a delivered message is deleted: `after` milliseconds since it was first seen, or at once if it has
   * more octets than `largerThan`.
   */
  readonly delete: { readonly after: number; readonly largerThan: number };
  readonly maxSize: number;
  readonly tooLarge: "skip" | "headers" | "delete";
  readonly order: "oldest" | "newest";
  readonly limits: CompleteLimits;
  readonly commitEvery: number;
  readonly tries: number;
  readonly retry: CompleteRetry;
  readonly noUidl: "refuse" | "content";
  readonly listings: ListingMode;
  readonly uidsChanged: "stop" | "match" | "new";
  readonly keep: number;
  readonly dryRun: boolean;
}

const LIMITS: CompleteLimits = {
  messages: Infinity,
  octets: Infinity,
  seconds: Infinity,
  messageSeconds: 3600,
};

/** What counts if an option is not given. The names are all options that there are. */
const DEFAULTS = {
  firstRun: "all",
  delete: "never",
  maxSize: Infinity,
  tooLarge: "skip",
  order: "oldest",
  limits: {},
  commitEvery: Infinity,
  tries: 5,
  retry: {},
  poll: {},
  noUidl: "refuse",
  listings: "lenient",
  uidsChanged: "stop",
  keepDays: 30,
  dryRun: false,
} as const satisfies Required<FetchPolicy>;

/** What the account says about the defaults of its policy. */
export interface PolicyDefaults {
  /** @default "lenient" */
  readonly listings?: ListingMode | undefined;
  /** The server, which may be one of a known provider. */
  readonly host?: string;
}

/**
 * Checks a policy and adds the defaults. Throws `POP3_CONFIG` for an invalid value, and for an unknown name,
 * because a typo must not delete mail.
 */
export function completePolicy(
  policy: FetchPolicy = {},
  { listings = DEFAULTS.listings, host = "" }: PolicyDefaults = {},
): CompletePolicy {
  checkObject("policy", policy);
  checkNames("policy", policy, Object.keys(DEFAULTS));
  checkOneOf("policy.tooLarge", policy.tooLarge, ["skip", "headers", "delete"]);
  checkOneOf("policy.order", policy.order, ["oldest", "newest"]);
  checkOneOf("policy.noUidl", policy.noUidl, ["refuse", "content"]);
  checkOneOf("policy.listings", policy.listings, ["lenient", "strict"]);
  checkOneOf("policy.uidsChanged", policy.uidsChanged, ["stop", "match", "new"]);
  checkBoolean("policy.dryRun", policy.dryRun);
  const {
    maxSize = DEFAULTS.maxSize,
    commitEvery = DEFAULTS.commitEvery,
    tries = DEFAULTS.tries,
    keepDays = DEFAULTS.keepDays,
  } = policy;
  const { poll, rate } = pausesOf(policy.poll, loginRateAt(host));
  return {
    firstRun: firstRunOf(policy.firstRun),
    delete: deletionOf(policy.delete),
    maxSize: amount("maxSize", maxSize, 0),
    tooLarge: policy.tooLarge ?? DEFAULTS.tooLarge,
    order: policy.order ?? DEFAULTS.order,
    limits: limitsOf(policy.limits),
    commitEvery: amount("commitEvery", commitEvery, 1),
    tries: amount("tries", tries, 1),
    retry: retryOf(policy.retry),
    poll,
    rate,
    noUidl: policy.noUidl ?? DEFAULTS.noUidl,
    listings: policy.listings ?? listings,
    uidsChanged: policy.uidsChanged ?? DEFAULTS.uidsChanged,
    keep: Math.round(checkDuration("policy.keepDays", keepDays, "d") * DAY),
    dryRun: policy.dryRun ?? DEFAULTS.dryRun,
  };
}

function limitsOf(given: FetchPolicy["limits"]): CompleteLimits {
  const limits = withDefaults("policy.limits", LIMITS, given, { seconds: "s", messageSeconds: "s" });
  if (limits.messageSeconds === 0)
    throw configError("policy.limits.messageSeconds must be > 0 (got 0); Infinity stops the clock");
  return limits;
}

function firstRunOf(given: FetchPolicy["firstRun"] = DEFAULTS.firstRun): CompletePolicy["firstRun"] {
  if (given === "all" || given === "none") return given;
  if (typeof given !== "object")
    throw configError(`policy.firstRun must be "all", "none" or { newest: N } (got ${shown(given)})`);
  checkObject("policy.firstRun", given);
  checkNames("policy.firstRun", given, ["newest"]);
  return { newest: amount("firstRun.newest", given.newest, 0) };
}

function deletionOf(given: FetchPolicy["delete"] = DEFAULTS.delete): CompletePolicy["delete"] {
  if (given === "never") return { after: Infinity, largerThan: Infinity };
  if (given === "delivered") return { after: 0, largerThan: Infinity };
  if (typeof given === "string") {
    const after = parseDuration(given);
    if (after !== undefined) return { after, largerThan: Infinity };
  }
  if (typeof given !== "object") {
    const hint =
      typeof given === "number" ? `: did you mean "${shown(given)} days"?` : durationHint("d", given);
    throw configError(
      `policy.delete must be "never", "delivered", a time such as "14 days", or { afterDays, largerThan } (got ${shown(given)})${hint}`,
    );
  }
  checkObject("policy.delete", given);
  const { afterDays, largerThan } = withDefaults(
    "policy.delete",
    { afterDays: Infinity, largerThan: Infinity },
    given,
    { afterDays: "d" },
  );
  return { after: Math.round(afterDays * DAY), largerThan };
}

function amount(name: string, value: unknown, least: number): number {
  checkNumber(`policy.${name}`, value, least);
  return value;
}
