// What a run may do with the mail it finds: every wish has a default, and the defaults lose nothing.
import {
  checkBoolean,
  checkNames,
  checkNumber,
  checkObject,
  checkOneOf,
  configError,
  shown,
  withDefaults,
} from "../../options/checks.ts";
import type { ListingMode } from "../../protocol/listing-block.ts";

const DAY = 24 * 60 * 60 * 1000;

/** What of a maildrop is deleted, once it was delivered: whatever meets one of the conditions. */
export interface DeleteWhen {
  /** So many days after it was first seen; a fraction is one. */
  readonly afterDays?: number;
  /** At once, where it is larger than so many octets. */
  readonly largerThan?: number;
}

export interface FetchPolicy {
  /**
   * What is done with the mail that is there before the first run: `"all"` is fetched, `"none"` of it, or the
   * newest so many. What is not fetched then never is, and is not deleted. @default "all"
   */
  readonly firstRun?: "all" | "none" | { readonly newest: number };
  /** What is deleted of what was delivered. @default "never" */
  readonly delete?: "never" | "delivered" | DeleteWhen;
  /** What is larger is not fetched as it is; octets, as LIST announces them. @default Infinity */
  readonly maxSize?: number;
  /**
   * What becomes of it: left alone; its headers delivered (TOP; without that it is left alone) and the rest left alone;
   * or deleted, though nobody has it. @default "skip"
   */
  readonly tooLarge?: "skip" | "headers" | "delete";
  /** By message number, which servers give in the order of arrival. @default "oldest" first */
  readonly order?: "oldest" | "newest";
  /** How much one run retrieves at most, and how long it may take. */
  readonly limits?: Partial<RunLimits>;
  /** QUIT, which commits, and a new session, after so many messages. @default Infinity */
  readonly commitEvery?: number;
  /** After how many failures a message is left alone. @default 5 */
  readonly tries?: number;
  /** The pause before a message that failed is tried again: doubled each time. */
  readonly retry?: Partial<RetryPauses>;
  /** The pause between two polls: halved while mail comes, doubled while none does. */
  readonly poll?: Partial<PollPauses>;
  /**
   * Where the server knows no UIDL: `"refuse"` with `POP3_NO_UIDL`, or go by the `"content"`, for which every message
   * is retrieved in every run. @default "refuse"
   */
  readonly noUidl?: "refuse" | "content";
  /**
   * What is done about malformed lines in LIST and UIDL. `"lenient"`: they are in `report.malformed`; a message without
   * a good unique-id goes by its content, as one with a blank one does. `"strict"`: the run fails with
   * `POP3_BAD_LISTING`. @default what the account says, which is `"lenient"` by default
   */
  readonly listings?: ListingMode;
  /**
   * Where all unique-ids have changed at once: `"stop"` with `POP3_UIDS_CHANGED`, `"match"` the messages by their
   * headers, or take them for new ones. @default "stop"
   */
  readonly uidsChanged?: "stop" | "match" | "new";
  /** For how many days it is remembered what the server lists no more: some list only a part of the maildrop. @default 30 */
  readonly keepDays?: number;
  /**
   * Says what a run would do, in `report.planned`, and does not do it: it logs in, lists, and ends. No message is
   * retrieved or deleted, the destination is not asked, and nothing is written in the ledger, which is read without
   * taking the mailbox from another run. @default false
   */
  readonly dryRun?: boolean;
}

export interface RunLimits {
  /** @default Infinity */
  readonly messages: number;
  /** As LIST announces them; the first message may be larger. @default Infinity */
  readonly octets: number;
  /**
   * Seconds after which no message is begun, and the one in progress is given up. It is not to blame, and comes again.
   * @default Infinity
   */
  readonly seconds: number;
  /**
   * Seconds that the server may take over one message; the time that the destination takes does not count. A message
   * that takes longer has failed, which counts as one of `tries`; the others get a session of their own. The third one
   * in a row ends the run. Raise it for large mail over a slow line. `Infinity`: no bound. @default 3600 (an hour)
   */
  readonly messageSeconds: number;
}

/** Milliseconds. */
export interface RetryPauses {
  /** @default 60000 (a minute) */
  readonly first: number;
  /** @default 21600000 (6 hours) */
  readonly longest: number;
}

/** Milliseconds. LOGIN-DELAY of the server prolongs both. */
export interface PollPauses {
  /** @default 60000 (a minute) */
  readonly shortest: number;
  /** @default 3600000 (an hour) */
  readonly longest: number;
}

/** The same, complete; times in milliseconds. */
export interface CompletePolicy {
  readonly firstRun: "all" | "none" | { readonly newest: number };
  /** Milliseconds after it was first seen, and octets from which on it is at once: what was delivered is deleted then. */
  readonly delete: { readonly after: number; readonly largerThan: number };
  readonly maxSize: number;
  readonly tooLarge: "skip" | "headers" | "delete";
  readonly order: "oldest" | "newest";
  readonly limits: RunLimits;
  readonly commitEvery: number;
  readonly tries: number;
  readonly retry: RetryPauses;
  readonly poll: PollPauses;
  readonly noUidl: "refuse" | "content";
  readonly listings: ListingMode;
  readonly uidsChanged: "stop" | "match" | "new";
  readonly keep: number;
  readonly dryRun: boolean;
}

const LIMITS: RunLimits = { messages: Infinity, octets: Infinity, seconds: Infinity, messageSeconds: 3600 };
const RETRY: RetryPauses = { first: 60_000, longest: 6 * 60 * 60_000 };
const POLL: PollPauses = { shortest: 60_000, longest: 60 * 60_000 };

const NAMES: readonly string[] = Object.keys({
  firstRun: true,
  delete: true,
  maxSize: true,
  tooLarge: true,
  order: true,
  limits: true,
  commitEvery: true,
  tries: true,
  retry: true,
  poll: true,
  noUidl: true,
  listings: true,
  uidsChanged: true,
  keepDays: true,
  dryRun: true,
} satisfies Record<keyof FetchPolicy, true>);

/**
 * Completes a policy; `otherwise`: what the account says of `listings`. Throws `POP3_CONFIG` for what makes no sense, and
 * for unknown names: a typo must not delete mail.
 */
export function completePolicy(policy: FetchPolicy = {}, otherwise: ListingMode = "lenient"): CompletePolicy {
  checkObject("policy", policy);
  checkNames("policy", policy, NAMES);
  checkOneOf("policy.tooLarge", policy.tooLarge, ["skip", "headers", "delete"]);
  checkOneOf("policy.order", policy.order, ["oldest", "newest"]);
  checkOneOf("policy.noUidl", policy.noUidl, ["refuse", "content"]);
  checkOneOf("policy.listings", policy.listings, ["lenient", "strict"]);
  checkOneOf("policy.uidsChanged", policy.uidsChanged, ["stop", "match", "new"]);
  checkBoolean("policy.dryRun", policy.dryRun);
  return {
    firstRun: firstRunOf(policy.firstRun),
    delete: deletionOf(policy.delete),
    maxSize: amount("maxSize", policy.maxSize, Infinity, 0),
    tooLarge: policy.tooLarge ?? "skip",
    order: policy.order ?? "oldest",
    limits: limitsOf(policy.limits),
    commitEvery: amount("commitEvery", policy.commitEvery, Infinity, 1),
    tries: amount("tries", policy.tries, 5, 1),
    retry: withDefaults("policy.retry", RETRY, policy.retry),
    poll: withDefaults("policy.poll", POLL, policy.poll),
    noUidl: policy.noUidl ?? "refuse",
    listings: policy.listings ?? otherwise,
    uidsChanged: policy.uidsChanged ?? "stop",
    keep: amount("keepDays", policy.keepDays, 30, 0) * DAY,
    dryRun: policy.dryRun ?? false,
  };
}

function limitsOf(given: FetchPolicy["limits"]): RunLimits {
  const limits = withDefaults("policy.limits", LIMITS, given);
  if (limits.messageSeconds === 0)
    throw configError("policy.limits.messageSeconds must be > 0 (got 0); Infinity stops the clock");
  return limits;
}

function firstRunOf(given: FetchPolicy["firstRun"] = "all"): CompletePolicy["firstRun"] {
  if (given === "all" || given === "none") return given;
  if (typeof given !== "object")
    throw configError(`policy.firstRun must be "all", "none" or { newest: N } (got ${shown(given)})`);
  checkObject("policy.firstRun", given);
  checkNames("policy.firstRun", given, ["newest"]);
  return { newest: amount("firstRun.newest", given.newest, NaN, 0) };
}

function deletionOf(given: FetchPolicy["delete"] = "never"): CompletePolicy["delete"] {
  if (given === "never") return { after: Infinity, largerThan: Infinity };
  if (given === "delivered") return { after: 0, largerThan: Infinity };
  if (typeof given !== "object") {
    throw configError(
      `policy.delete must be "never", "delivered" or { afterDays, largerThan } (got ${shown(given)})`,
    );
  }
  checkObject("policy.delete", given);
  const { afterDays, largerThan } = withDefaults(
    "policy.delete",
    { afterDays: Infinity, largerThan: Infinity },
    given,
  );
  return { after: afterDays * DAY, largerThan };
}

function amount(name: string, value: unknown, otherwise: number, least: number): number {
  const number = value ?? otherwise;
  checkNumber(`policy.${name}`, number, least);
  return number;
}
