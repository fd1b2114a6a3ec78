// Publishes each use of a pool on the tracing channel `popwright:pool` of `node:diagnostics_channel`.
import { tracingChannel, type TracingChannel } from "node:diagnostics_channel";
import { beginTrace, type EndTrace } from "../net/trace.ts";

/** The message for subscribers of `popwright:pool`: one object for all events of a use, updated in place. */
export interface Pop3PoolTrace {
  /** The host name of the server, as given in the options. */
  readonly host: string;
  /** The port of the server. */
  readonly port: number;
  /** How long the call waited for its permit, in milliseconds; `undefined` while it waits. */
  waited: number | undefined;
  /** The number of attempts to connect; 0 for a reused session. */
  attempts: number;
  /** Whether an idle session was reused. */
  reused: boolean;
  /** The error of the use, if it failed. */
  error?: unknown;
}

const channel: TracingChannel<Pop3PoolTrace> = tracingChannel("popwright:pool");

/** Starts the trace of one use. Returns `undefined` if there is no subscriber. */
export function traceUse(trace: Pop3PoolTrace): EndTrace | undefined {
  return beginTrace(channel, trace);
}
