// Publishes runs and messages on the tracing channels `popwright:fetch` and `popwright:message` of
// `node:diagnostics_channel`.
import { tracingChannel, type TracingChannel } from "node:diagnostics_channel";
import { begin, isHeard, traced, tracePeer, type EndTrace, type Pop3TracePeer } from "../../net/trace.ts";
import { completeOptions } from "../../options/client.ts";
import { secretsOf } from "../../options/secrets.ts";
import type { FetchSettings } from "../options.ts";
import type { Retrieve } from "../plan/steps.ts";
import type { FetchReport } from "../report.ts";
import { RefusedByDestination, type Delivered, type LeftAlone, type Received } from "./delivery.ts";

/**
 * The message of the tracing channel `popwright:fetch`: one run over a mailbox. One object for all events of the run,
 * completed in place.
 *
 * @example
 * ```ts
 * tracingChannel<unknown, Pop3FetchTrace>("popwright:fetch").subscribe({
 *   start() {},
 *   end() {},
 *   asyncStart() {},
 *   error() {},
 *   asyncEnd: ({ serverAddress, outcome, delivered }) => console.log(serverAddress, outcome, delivered),
 * });
 * ```
 */
export interface Pop3FetchTrace extends Pop3TracePeer {
  /** The name of the mailbox in the ledger. It contains the user name, which `logUser: false` masks. */
  readonly mailbox: string;
  /** The outcome of the run, see {@link FetchReport.outcome}; `undefined` until it has ended. */
  outcome: FetchReport["outcome"] | undefined;
  /** The number of messages that were delivered. */
  delivered: number;
  /** The number of messages that failed. */
  failed: number;
  /** The number of messages that were deleted. */
  deleted: number;
  /** Bytes that were retrieved. */
  received: number;
  /** The error of the run, if it failed: a {@link FetchError}. */
  error?: unknown;
}

/**
 * The message of the tracing channel `popwright:message`: one message, from its retrieval until the destination has
 * delivered it or it has failed. One object for all events of the message, completed in place.
 *
 * @example
 * ```ts
 * tracingChannel<unknown, Pop3MessageTrace>("popwright:message").subscribe({
 *   start() {},
 *   end() {},
 *   asyncStart() {},
 *   error() {},
 *   asyncEnd: ({ session, number, outcome, received }) => console.log(session, number, outcome, received),
 * });
 * ```
 */
export interface Pop3MessageTrace extends Pop3TracePeer {
  /** The name of the mailbox in the ledger, as in {@link Pop3FetchTrace}. */
  readonly mailbox: string;
  /** The `id` of the client. */
  readonly session: string;
  /** The message number in this session. */
  readonly number: number;
  /** The unique-id; `undefined` if the server gave none. */
  readonly uid: string | undefined;
  /** The size in bytes that LIST announced. */
  readonly size: number | undefined;
  /** Bytes that were retrieved; 0 until the message has arrived. */
  received: number;
  /**
   * `"known"`: the destination or the ledger had it before. `"skipped"`: its content shows that it failed before, and is
   * tried later. `undefined` until the end.
   */
  outcome: "delivered" | "known" | "skipped" | "failed" | undefined;
  /** Why it failed. */
  error?: unknown;
}

const fetchChannel: TracingChannel<Pop3FetchTrace> = tracingChannel("popwright:fetch");
const messageChannel: TracingChannel<Pop3MessageTrace> = tracingChannel("popwright:message");

interface Place extends Pop3TracePeer {
  readonly mailbox: string;
}

function placeOf({ account, mailbox }: FetchSettings): Place {
  const complete = completeOptions(account);
  return { ...tracePeer(complete), mailbox: secretsOf(complete).mask(mailbox) };
}

/** Runs over a mailbox, and publishes the run if there is a subscriber. */
export function traceRun(settings: FetchSettings, run: () => Promise<FetchReport>): Promise<FetchReport> {
  if (!isHeard(fetchChannel)) return run();
  const trace: Pop3FetchTrace = {
    ...placeOf(settings),
    outcome: undefined,
    delivered: 0,
    failed: 0,
    deleted: 0,
    received: 0,
  };
  const note = ({ outcome, delivered, failed, deleted, octets }: FetchReport): void => {
    Object.assign(trace, { outcome, delivered, failed: failed.length, deleted, received: octets });
  };
  return traced(fetchChannel, trace, async () => {
    try {
      const report = await run();
      note(report);
      return report;
    } catch (error) {
      const { report } = error as { readonly report?: FetchReport };
      if (report !== undefined) note(report);
      throw error;
    }
  });
}

/** Receives a message, and publishes it if there is a subscriber. The end comes with its result. */
export function traceMessage(
  settings: FetchSettings,
  session: string,
  { number, uid, size }: Retrieve,
  receive: () => Promise<Received>,
): Promise<Received> {
  if (!isHeard(messageChannel)) return receive();
  const trace: Pop3MessageTrace = {
    ...placeOf(settings),
    session,
    number,
    uid,
    size,
    received: 0,
    outcome: undefined,
  };
  return begin(messageChannel, trace, async (end) => {
    const failed = (error: unknown): void => {
      trace.outcome = "failed";
      end(error instanceof RefusedByDestination ? error.cause : error);
    };
    try {
      const received = await receive();
      trace.received = received.octets;
      Promise.resolve(received.result).then((came) => succeeded(trace, came, end), failed);
      return received;
    } catch (error) {
      failed(error);
      throw error;
    }
  });
}

function succeeded(trace: Pop3MessageTrace, came: Delivered | LeftAlone, end: EndTrace): void {
  if ("leftAlone" in came) trace.outcome = "skipped";
  else {
    trace.outcome = came.known ? "known" : "delivered";
    trace.received = came.octets;
  }
  end();
}
