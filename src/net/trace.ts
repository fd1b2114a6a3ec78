// Tells `node:diagnostics_channel` subscribers of commands and sessions, as `TracingChannel.tracePromise` would:
// `start` and `end` when it begins, `error` where it fails, `asyncStart` and `asyncEnd` when it is over.
import { channel, tracingChannel, type Channel, type TracingChannel } from "node:diagnostics_channel";
import type { MalformedLine } from "../protocol/malformed-line.ts";

/** What subscribers of `popwright:command` and `popwright:session` get; one object for all events of one call. */
export interface Pop3Trace {
  readonly host: string;
  readonly port: number;
  /** The command in its printable form; with a session, `undefined`. */
  readonly command: string | undefined;
  error?: unknown;
}

const commandChannel: TracingChannel<Pop3Trace> = tracingChannel("popwright:command");
const sessionChannel: TracingChannel<Pop3Trace> = tracingChannel("popwright:session");

/** What subscribers of `popwright:malformed` get: the malformed lines of one LIST or UIDL. */
export interface Pop3MalformedTrace {
  readonly host: string;
  readonly port: number;
  readonly lines: readonly MalformedLine[];
}

const malformedChannel: Channel = channel("popwright:malformed");

/** Reports malformed lines of a listing, if there are any. */
export function traceMalformed(host: string, port: number, lines: readonly MalformedLine[]): void {
  if (lines.length > 0 && malformedChannel.hasSubscribers)
    malformedChannel.publish({ host, port, lines } satisfies Pop3MalformedTrace);
}

/** Reports the end of what was begun: well, or with an error. */
export type EndTrace = (error?: unknown) => void;

/** `undefined` while nobody listens, which costs nothing. */
export function traceCommand(host: string, port: number, command: string): EndTrace | undefined {
  return beginTrace(commandChannel, { host, port, command });
}

export function traceSession(host: string, port: number): EndTrace | undefined {
  return beginTrace(sessionChannel, { host, port, command: undefined });
}

/** The same for a channel of one's own. */
export function beginTrace<T extends { error?: unknown }>(
  channel: TracingChannel<T>,
  trace: T,
): EndTrace | undefined {
  const { start, end, error, asyncStart, asyncEnd } = channel;
  // TracingChannel.hasSubscribers is younger than the oldest Node that we run on.
  const heard =
    start.hasSubscribers ||
    end.hasSubscribers ||
    error.hasSubscribers ||
    asyncStart.hasSubscribers ||
    asyncEnd.hasSubscribers;
  if (!heard) return undefined;
  start.publish(trace);
  end.publish(trace);
  return (failure) => {
    if (failure !== undefined) {
      trace.error = failure;
      error.publish(trace);
    }
    asyncStart.publish(trace);
    asyncEnd.publish(trace);
  };
}
