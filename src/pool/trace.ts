// Publishes each use of a pool on the tracing channel `popwright:pool` of `node:diagnostics_channel`.
import { tracingChannel, type TracingChannel } from "node:diagnostics_channel";
import { traced, type Pop3TracePeer } from "../net/trace.ts";

/** The message for subscribers of `popwright:pool`: one object for all events of a use, updated in place. */
export interface Pop3PoolTrace extends Pop3TracePeer {
  /** The `id` of the client; `undefined` until there is a session. */
  session: string | undefined;
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

/** Runs one use, and publishes it if there is a subscriber. */
export function traceUse<T>(trace: Pop3PoolTrace, use: () => Promise<T>): Promise<T> {
  return traced(channel, trace, use);
}
