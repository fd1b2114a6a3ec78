// What a run did, in numbers and names, for people and for the program that decides what comes next.
import type { MalformedLine } from "../protocol/malformed-line.ts";
import type { PlannedRun } from "./plan/planned.ts";
import type { Skip } from "./plan/plan.ts";

/** A message that could not be delivered in this run. */
export interface FailedMessage {
  readonly number: number;
  readonly uid: string | undefined;
  /** Its name in the ledger; `undefined`: its content would be its name, and it did not come. */
  readonly id: string | undefined;
  /** What the destination or the server threw. */
  readonly error: unknown;
  /** Its words as the ledger keeps them: one printable line of at most 200 characters, without secrets. */
  readonly reason: string;
  /** When it failed; milliseconds since 1970. */
  readonly at: number;
  /** How often it has failed, this time included. */
  readonly tries: number;
  /** When it is tried again; milliseconds since 1970. `undefined`: it is left alone from now on. */
  readonly retryAt: number | undefined;
}

/** A message that was left alone, and why. */
export type SkippedMessage = Skip;

/** What came of one run over one mailbox. */
export interface FetchReport {
  readonly mailbox: string;
  /**
   * - `"done"`: all that was to be done is.
   * - `"deferred"`: it was too early, nothing was sent: see `nextPollAt`.
   * - `"stopped"`: it was told to stop, or met the limits of the policy; there is more.
   * - `"failed"`: an error ended it: a {@link FetchError} has this report.
   * - `"dry-run"`: nothing was to be done: see `planned`.
   */
  readonly outcome: "done" | "deferred" | "stopped" | "failed" | "dry-run";
  /** Messages that the server listed, and their octets. */
  readonly listed: number;
  readonly listedOctets: number;
  /**
   * Malformed lines in LIST and UIDL. A message that one of them names goes by its content, or has no known size: it is
   * not left out.
   */
  readonly malformed: readonly MalformedLine[];
  /** Messages that the destination took in. */
  readonly delivered: number;
  /** Messages that came, but were there already. */
  readonly known: number;
  /**
   * Messages of `known` that the destination had, and the ledger had never seen. A crash may leave one. More of them mean
   * that the ledger was lost, or that an older one was put in its place.
   */
  readonly unrecorded: number;
  /** Octets that were retrieved. */
  readonly octets: number;
  /** Messages that the server has confirmed to have deleted. */
  readonly deleted: number;
  readonly skipped: readonly SkippedMessage[];
  /** Messages that are to be retrieved by another run: beyond the limits of this one, or it was stopped. */
  readonly left: number;
  readonly failed: readonly FailedMessage[];
  /** With `policy.dryRun`: what a run would do now. */
  readonly planned?: PlannedRun;
  /**
   * Whether QUIT has deleted what was marked: `"unknown"` where its reply was lost, `undefined` where nothing was
   * marked. What was not deleted is deleted by the next run, without being retrieved again.
   */
  readonly committed: boolean | "unknown" | undefined;
  /** Milliseconds that it took. */
  readonly duration: number;
  /** When to come again: milliseconds since 1970. */
  readonly nextPollAt: number;
}

/** A report in the making. */
export type MutableReport = { -readonly [Name in keyof FetchReport]: FetchReport[Name] } & {
  skipped: SkippedMessage[];
  failed: FailedMessage[];
};

export function emptyReport(mailbox: string): MutableReport {
  return {
    mailbox,
    outcome: "done",
    listed: 0,
    listedOctets: 0,
    malformed: [],
    delivered: 0,
    known: 0,
    unrecorded: 0,
    octets: 0,
    deleted: 0,
    skipped: [],
    left: 0,
    failed: [],
    committed: undefined,
    duration: 0,
    nextPollAt: 0,
  };
}
