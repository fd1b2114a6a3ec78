// Publishes calls to `node:diagnostics_channel`, as `TracingChannel.tracePromise` does. A store that is bound to
// `start` is in effect during the call, and when its end is published: in the context of the caller, not in that of
// the socket.
import { AsyncResource } from "node:async_hooks";
import { channel, tracingChannel, type Channel, type TracingChannel } from "node:diagnostics_channel";
import type { MalformedLine } from "../protocol/malformed-line.ts";

/** The server and the session, in the messages of all tracing channels. */
export interface Pop3TracePeer {
  /** The host name of the server, as given in the options. */
  readonly host: string;
  /** The port of the server. */
  readonly port: number;
  /** The same as `host`: the name that other libraries use. */
  readonly serverAddress: string;
  /** The same as `port`. */
  readonly serverPort: number;
}

/**
 * The message of the tracing channels `popwright:command` and `popwright:session`. All events of one call
 * share one object, which is completed in place.
 *
 * @example
 * ```ts
 * tracingChannel<unknown, Pop3Trace>("popwright:command").subscribe({
 *   start() {},
 *   end() {},
 *   asyncStart() {},
 *   error() {},
 *   asyncEnd: ({ session, command, received }) => console.log(session, command, received),
 * });
 * ```
 */
export interface Pop3Trace extends Pop3TracePeer {
  /** The `id` of the client. */
  readonly session: string;
  /** The command without secrets; `undefined` for a session. */
  readonly command: string | undefined;
  /** The bytes of the response: its lines, and its block with dots unstuffed. For a session: all bytes of `connect`. */
  received: number;
  /** The extended response code, such as `IN-USE`, if the server refused and gave one. */
  responseCode?: string;
  /** For a session: how it logged in, such as `SCRAM-SHA-256`, `APOP` or `USER`. */
  mechanism?: string;
  /** For a session: the version of TLS, such as `TLSv1.3`. */
  tls?: string;
  /** The error of the command or the session, if it failed. */
  error?: unknown;
}

const commandChannel: TracingChannel<Pop3Trace> = tracingChannel("popwright:command");
const sessionChannel: TracingChannel<Pop3Trace> = tracingChannel("popwright:session");

/** The message of the channel `popwright:malformed`: the malformed lines of one LIST or UIDL. */
export interface Pop3MalformedTrace extends Pop3TracePeer {
  /** The `id` of the client. */
  readonly session: string;
  /** The malformed lines. */
  readonly lines: readonly MalformedLine[];
}

const malformedChannel: Channel = channel("popwright:malformed");

/** Publishes the malformed lines of a listing, if there are any. */
export function traceMalformed(
  { host, port }: { readonly host: string; readonly port: number },
  session: string,
  lines: readonly MalformedLine[],
): void {
  if (lines.length > 0 && malformedChannel.hasSubscribers)
    malformedChannel.publish({ ...tracePeer({ host, port }), session, lines } satisfies Pop3MalformedTrace);
}

/** Returns the fields that name the server. */
export function tracePeer({ host, port }: { readonly host: string; readonly port: number }): Pop3TracePeer {
  return { host, port, serverAddress: host, serverPort: port };
}

/** Publishes the end of a call. `error`: why it failed. */
export type EndTrace = (error?: unknown) => void;

/** A command in progress whose trace is heard. */
export interface CommandTrace {
  readonly trace: Pop3Trace;
  readonly end: EndTrace;
}

/** Whether the traces of commands are heard. If not, a command makes none, which costs almost nothing. */
export function areCommandsHeard(): boolean {
  return isHeard(commandChannel);
}

/** Publishes the start of a command, and calls `submit` in the context of its trace. */
export function traceCommand(
  peer: { readonly host: string; readonly port: number },
  session: string,
  command: string,
  submit: (trace: CommandTrace) => void,
): void {
  const trace: Pop3Trace = { ...tracePeer(peer), session, command, received: 0 };
  begin(commandChannel, trace, (end) => {
    submit({ trace, end });
  });
}

/** Publishes a session: `open` completes its trace. */
export function traceSession(
  peer: { readonly host: string; readonly port: number },
  session: string,
  open: (trace: Pop3Trace) => Promise<void>,
): Promise<void> {
  const trace: Pop3Trace = { ...tracePeer(peer), session, command: undefined, received: 0 };
  return traced(sessionChannel, trace, () => open(trace));
}

/** Whether a tracing channel has a subscriber or a bound store. */
export function isHeard<T extends object>(given: TracingChannel<T>): boolean {
  const { start, end, error, asyncStart, asyncEnd } = given;
  // TracingChannel.hasSubscribers is not available in the oldest supported Node.
  return (
    start.hasSubscribers ||
    end.hasSubscribers ||
    error.hasSubscribers ||
    asyncStart.hasSubscribers ||
    asyncEnd.hasSubscribers
  );
}

/** Publishes a call on any channel: its start, and its end in the context in which it was made. */
export function traced<M extends { error?: unknown }, T>(
  given: TracingChannel<M>,
  trace: M,
  work: () => Promise<T>,
): Promise<T> {
  if (!isHeard(given)) return work();
  return begin(given, trace, (end) =>
    work().then(
      (value) => {
        end();
        return value;
      },
      (error: unknown) => {
        end(error);
        throw error;
      },
    ),
  );
}

/** Publishes the start of a call, and runs `work` in the context of the trace. `work` gets what publishes the end. */
export function begin<M extends { error?: unknown }, T>(
  given: TracingChannel<M>,
  trace: M,
  work: (end: EndTrace) => T,
): T {
  const { start, end, error, asyncStart, asyncEnd } = given;
  return start.runStores(trace, () => {
    const context = new AsyncResource("popwright", { requireManualDestroy: true });
    const finish = (failure?: unknown): void => {
      if (failure !== undefined) {
        trace.error = failure;
        error.publish(trace);
      }
      asyncStart.publish(trace);
      asyncEnd.publish(trace);
    };
    const result = work((failure) => context.runInAsyncScope(finish, undefined, failure));
    end.publish(trace);
    return result;
  });
}
