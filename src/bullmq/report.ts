// What a fleet tells of its polls, and what is wrong with a mailbox: sorted by what to do about it.
import type { Pop3ErrorCode } from "../errors.ts";
import type { FetchError } from "../fetch/fetch-error.ts";
import type { FetchReport } from "../fetch/report.ts";
import type { FetchScope } from "../fetch/scope.ts";

/** One turn of a mailbox, as told to `onPoll`. */
export interface FleetPoll {
  /** The id of the mailbox. */
  readonly id: string;
  /** The host; `undefined` if the account is not known. */
  readonly host: string | undefined;
  /**
   * `"done"`, `"stopped"`, `"deferred"`: the outcome of the run. `"failed"`: it has failed. `"held-back"`: there was no
   * run, because the host is down. `"full"`: no session, because the host is full. `"paused"`: the account is paused.
   * `"gone"`: there is no such account.
   */
  readonly outcome: "done" | "stopped" | "deferred" | "failed" | "held-back" | "full" | "paused" | "gone";
  /** How late the poll began, in milliseconds; `undefined` if it is not known when it was due. */
  readonly lag: number | undefined;
  /** How long it took, in milliseconds. */
  readonly duration: number;
  /** What the run did, if there was one. */
  readonly report: FetchReport | undefined;
  /** Why it failed: a {@link FetchError}, or what `account` has thrown. */
  readonly error: Error | undefined;
  /** When the mailbox is polled next, in milliseconds since 1970; `undefined`: never. */
  readonly nextPollAt: number | undefined;
}

/**
 * What is wrong with a mailbox, by what to do.
 *
 * - `"login"`: the server does not accept the user or the password. Ask the user for the right one.
 * - `"poison"`: run after run has died with its process. Look at the memory of the workers.
 * - `"attention"`: another error that does not pass by itself, such as a host that does not exist or an invalid option.
 * - `"host"`: the host cannot be reached.
 * - `"failing"`: another error that may pass by itself.
 * - `"paused"`: nothing is wrong: it is paused.
 */
export type MailboxTrouble = "login" | "poison" | "attention" | "host" | "failing" | "paused";

export const TROUBLES: readonly MailboxTrouble[] = Object.keys({
  login: true,
  poison: true,
  attention: true,
  host: true,
  failing: true,
  paused: true,
} satisfies Record<MailboxTrouble, true>) as MailboxTrouble[];

/** These say nothing of the mailbox: another run has it, the host is full, or the worker ends. */
const PASSING: ReadonlySet<Pop3ErrorCode> = new Set([
  "POP3_HOST_BUSY",
  "POP3_MAILBOX_BUSY",
  "POP3_LEASE_LOST",
  "POP3_ABORTED",
]);

const LOGIN: ReadonlySet<Pop3ErrorCode> = new Set(["POP3_AUTH_REJECTED", "POP3_TOKEN_REFUSED"]);

/** Returns what an error says of its mailbox; `undefined`: nothing. */
export function troubleOf({ code, scope, temporary }: FetchError): MailboxTrouble | undefined {
  if (PASSING.has(code)) return undefined;
  if (code === "POP3_MAILBOX_POISON") return "poison";
  if (temporary) return scope === "host" ? "host" : "failing";
  return LOGIN.has(code) ? "login" : "attention";
}

/** The trouble of a mailbox, as Redis keeps it. Without texts of the server: they may have addresses. */
export interface TroubleRecord {
  /** What is wrong. */
  readonly trouble: MailboxTrouble;
  /** The code of the error, if there was one. */
  readonly code?: Pop3ErrorCode;
  /** What the error concerns: a message, the mailbox, the host, the destination and so on. */
  readonly scope?: FetchScope;
  /** The response code of the server, such as `IN-USE`. */
  readonly responseCode?: string;
  /** When it was last so, in milliseconds since 1970. */
  readonly at: number;
}
