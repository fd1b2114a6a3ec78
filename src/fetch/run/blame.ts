// Decides who is to blame if a message was not delivered: the message itself, the destination, the server, the
// caller, or another run. Only a failure of the message counts as one of its tries.
import { Pop3ConnectionError, Pop3Error } from "../../errors.ts";
import { isTemporary } from "../../retry.ts";
import { isDown, isLater } from "../destinations/destination-error.ts";
import type { Retrieve } from "../plan/steps.ts";
import { isRefusal, RefusedByDestination } from "./delivery.ts";

/** A failed delivery, to be recorded at the end of the session. */
export interface Failure {
  readonly step: Retrieve;
  /** The name of the message in the ledger, if it has one. */
  readonly id: string | undefined;
  readonly cause: unknown;
  /** Who refused the message. `"time"`: it took too long, which ended the session. */
  readonly by: "destination" | "server" | "time";
}

/** Who is to blame, and what that means for the session. */
export type Blame =
  /** The message has failed, and the session continues, if it is not lost. */
  | { readonly on: "message"; readonly failure: Failure }
  /** The destination is down: no other message is begun. */
  | { readonly on: "destination"; readonly failure: Failure; readonly down: Error }
  /** The server has ended the session. `suspect`: the message may have made it do so. */
  | { readonly on: "server"; readonly error: unknown; readonly suspect: boolean }
  /** The run was stopped or has no time left: the next run tries the message. */
  | { readonly on: "caller"; readonly error: undefined }
  /** The run was aborted, which ends the session. */
  | { readonly on: "caller"; readonly error: Error }
  /** Another run may have taken over the mailbox: record nothing. */
  | { readonly on: "other run"; readonly error: unknown };

/** The state of the run at the time of the error. */
export interface Circumstances {
  /** Another run may hold the mailbox. */
  readonly isLost: boolean;
  /** `signal` is aborted. */
  readonly isAborted: boolean;
  /** `stop` is aborted. */
  readonly isStopping: boolean;
  /** The time limit of the run has passed. */
  readonly timeIsOver: boolean;
  /** The session failed while several commands were in flight. */
  readonly isSerial: boolean;
  /** `policy.limits.messageSeconds` */
  readonly messageSeconds: number;
}

/** Returns who is to blame for the error with which the delivery of a message ended. */
export function blame(error: unknown, step: Retrieve, circumstances: Circumstances): Blame {
  const { isLost, isAborted, isSerial, messageSeconds } = circumstances;
  if (isLost) return { on: "other run", error };
  if (error instanceof RefusedByDestination) return blameForRefusal(error, step, circumstances);
  if (isRefusal(error)) return { on: "message", failure: { step, id: step.id, cause: error, by: "server" } };
  if (endedByTime(error, circumstances)) return { on: "caller", error: undefined };
  if (isTooSlow(error, circumstances)) {
    const cause = tooSlow(error, messageSeconds);
    return { on: "message", failure: { step, id: step.id, cause, by: "time" } };
  }
  // After a fault of pipelining, the run tries the message again at once, one command at a time.
  return { on: "server", error, suspect: !isSerial && !isAborted };
}

function blameForRefusal(
  { id, cause }: RefusedByDestination,
  step: Retrieve,
  { isAborted, isStopping }: Circumstances,
): Blame {
  if (isAborted) return { on: "caller", error: cause as Error };
  const failure: Failure = { step, id, cause, by: "destination" };
  if (!isDown(cause)) return { on: "message", failure };
  // The destination may have ended its work because of `stop` too: the message did not fail.
  if (isStopping) return { on: "caller", error: undefined };
  return { on: "destination", failure, down: cause as Error };
}

/**
 * Returns whether a failure counts as one of the `tries` of the message. `works`: the destination took other
 * messages in this run; otherwise a refusal may be its own fault.
 */
export function isMessagesFault({ by, cause }: Failure, works: boolean): boolean {
  if (by === "time") return true;
  return (by === "server" || works) && !isLater(cause) && !isTemporary(cause);
}

/** Returns whether a call was given up because the time limit of the run has passed. */
export function endedByTime(error: unknown, { timeIsOver }: Pick<Circumstances, "timeIsOver">): boolean {
  return timeIsOver && Pop3Error.is(error) && error.code === "POP3_ABORTED";
}

/**
 * Returns whether a message took longer than the policy allows: no other call of a run has a `totalTimeout`.
 * With one command at a time it may have come, and only the next reply is missing.
 */
export function isTooSlow(
  error: unknown,
  { isSerial }: Pick<Circumstances, "isSerial">,
): error is Pop3ConnectionError {
  return !isSerial && Pop3Error.is(error) && (error as Partial<Pop3ConnectionError>).limit === "totalTimeout";
}

function tooSlow(cause: Pop3ConnectionError, seconds: number): Pop3ConnectionError {
  const words = `the message took longer than ${seconds} seconds (policy.limits.messageSeconds)`;
  return new Pop3ConnectionError(cause.code, words, { command: cause.command, cause });
}
