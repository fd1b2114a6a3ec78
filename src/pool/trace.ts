// Tells `node:diagnostics_channel` subscribers of the uses of a pool, as of commands and sessions.
import { tracingChannel, type TracingChannel } from "node:diagnostics_channel";
import { beginTrace, type EndTrace } from "../net/trace.ts";

/** What subscribers of `popwright:pool` get; one object for all events of one `use`. It says more as that goes on. */
export interface Pop3PoolTrace {
  readonly host: string;
  readonly port: number;
  /** Milliseconds that the call has waited for its turn; `undefined` as long as it waits. */
  waited: number | undefined;
  /** How often a connection was tried; 0 with a session that was kept. */
  attempts: number;
  /** Whether the session is one that was kept. */
  reused: boolean;
  error?: unknown;
}

const channel: TracingChannel<Pop3PoolTrace> = tracingChannel("popwright:pool");

/** `undefined` while nobody listens. */
export function traceUse(trace: Pop3PoolTrace): EndTrace | undefined {
  return beginTrace(channel, trace);
}
