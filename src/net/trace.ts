// Publishes commands and sessions to `node:diagnostics_channel`, in the same way as
// `TracingChannel.tracePromise`: `start` and `end` at the beginning, `error` after a failure, `asyncStart`
// and `asyncEnd` at the end.
import { channel, tracingChannel, type Channel, type TracingChannel } from "node:diagnostics_channel";
import type { MalformedLine } from "../protocol/malformed-line.ts";

/**
 * The message of the tracing channels `popwright:command` and `popwright:session`. All events of one call
 * share one object.
 */
export interface Pop3Trace {
  /** The host name of the server, as given in the options. */
  readonly host: string;
  /** The port of the server. */
  readonly port: number;
  /** The command without secrets; `undefined` for a session. */
  readonly command: string | undefined;
  /** The error of the command or the session, if it failed. */
  error?: unknown;
}

const commandChannel: TracingChannel<Pop3Trace> = tracingChannel("popwright:command");
const sessionChannel: TracingChannel<Pop3Trace> = tracingChannel("popwright:session");

/** The message of the channel `popwright:malformed`: the malformed lines of one LIST or UIDL. */
export interface Pop3MalformedTrace {
  /** The host name of the server, as given in the options. */
  readonly host: string;
  /** The port of the server. */
  readonly port: number;
  /** The malformed lines. */
  readonly lines: readonly MalformedLine[];
}

const malformedChannel: Channel = channel("popwright:malformed");

/** Publishes the malformed lines of a listing, if there are any. */
export function traceMalformed(host: string, port: number, lines: readonly MalformedLine[]): void {
  if (lines.length > 0 && malformedChannel.hasSubscribers)
    malformedChannel.publish({ host, port, lines } satisfies Pop3MalformedTrace);
}

/** Publishes the end of a call. `error`: why it failed. */
export type EndTrace = (error?: unknown) => void;

/**
 * Publishes the start of a command. Returns `undefined` if there is no subscriber, which costs almost
 * nothing.
 */
export function traceCommand(host: string, port: number, command: string): EndTrace | undefined {
  return beginTrace(commandChannel, { host, port, command });
}

export function traceSession(host: string, port: number): EndTrace | undefined {
  return beginTrace(sessionChannel, { host, port, command: undefined });
}

/** Publishes the start of a call on any channel. */
export function beginTrace<T extends { error?: unknown }>(
  channel: TracingChannel<T>,
  trace: T,
): EndTrace | undefined {
  const { start, end, error, asyncStart, asyncEnd } = channel;
  // TracingChannel.hasSubscribers is not available in the oldest supported Node.
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
