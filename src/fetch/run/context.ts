// What the parts of one session of a run share.
import type { Pop3Client } from "../../client.ts";
import type { FetchEvent } from "../events.ts";
import type { FetchSettings } from "../options.ts";
import type { CompletePolicy } from "../plan/policy.ts";
import type { MutableReport } from "../report.ts";
import type { Circumstances } from "./blame.ts";
import type { Deadline } from "./deadline.ts";
import type { RunLedger } from "./run-ledger.ts";
import type { SessionTask } from "./task.ts";

export interface SessionContext {
  readonly client: Pop3Client;
  readonly ledger: RunLedger;
  readonly settings: FetchSettings;
  /** The policy of the run, with the part of its limits that earlier sessions have not used. */
  readonly policy: CompletePolicy;
  /** The report of the run so far. */
  readonly report: MutableReport;
  readonly task: SessionTask;
  /** Ends the calls to the server. */
  readonly deadline: Deadline;
  /** When the session began, in milliseconds since 1970. */
  readonly now: number;
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** Reports an event. The session must wait for the promise, if one is returned. */
export function tell(
  { settings: { mailbox, onEvent } }: SessionContext,
  event: DistributiveOmit<FetchEvent, "mailbox">,
): Promise<void> | void {
  return onEvent({ mailbox, ...event });
}

/** Returns the state of the run, by which to judge an error. */
export function circumstancesOf({
  client,
  deadline,
  ledger,
  policy,
  settings,
}: SessionContext): Circumstances {
  return {
    isLost: ledger.isLost,
    isAborted: settings.signal?.aborted === true,
    isStopping: settings.stop?.aborted === true,
    timeIsOver: deadline.passed,
    isSerial: client.pipelining === "broken",
    messageSeconds: policy.limits.messageSeconds,
  };
}
