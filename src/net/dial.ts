// Opens a connected stream from options: TCP with Happy Eyeballs, a proxy or the caller's own socket.
import * as net from "node:net";
import type { Duplex } from "node:stream";
import { Pop3ConnectionError, Pop3Error } from "../errors.ts";
import { errorFrom, foreignError, isPromise, messageOf } from "../protocol/foreign-error.ts";
import { printable, shown } from "../protocol/printable.ts";
import type { Secrets } from "../protocol/secrets.ts";
import { asciiHost, authority } from "./authority.ts";
import type { Inlet } from "./inlet.ts";
import { loadPart } from "./load-part.ts";
import { nextAddress } from "./local-addresses.ts";
import { proxyText, type Proxy } from "./proxy.ts";
import { secure, type Handshake } from "./secure.ts";
import { settle, type Clock } from "./settle.ts";
import { isRecorded, record } from "./wire-log.ts";

/** The caller's own connection: a connected stream, or a function that returns one. */
export type SocketSource =
  Duplex | ((target: { host: string; port: number; signal?: AbortSignal }) => Duplex | Promise<Duplex>);

/** How long a connection is idle before TCP probes it, in milliseconds. */
const KEEP_ALIVE = 60_000;

export interface DialOptions {
  readonly host: string;
  readonly port: number;
  readonly proxy?: Proxy | undefined;
  /**
   * The handshake, if TLS begins with the first octet: then the server must not have sent anything before. A socket of
   * our own is created by it, and is secure when the handshake is complete.
   */
  readonly handshake?: Handshake | undefined;
  readonly socket?: SocketSource | undefined;
  /** The addresses to connect from, in turn. */
  readonly localAddress?: readonly string[] | undefined;
  readonly family?: 4 | 6 | undefined;
  readonly lookup?: net.LookupFunction | undefined;
  /** The timeout for name resolution and TCP together, in milliseconds. */
  readonly timeout: number;
  /** Receives the chunks of our own socket, from when the caller resumes the socket. */
  readonly inlet?: Inlet | undefined;
  /** What no error may show. */
  readonly secrets?: Secrets | undefined;
}

/** Opens a connected stream. Rejects with `POP3_CONNECT`, `POP3_CONNECT_TIMEOUT` or `POP3_ABORTED`. */
export async function dial(options: DialOptions, signal?: AbortSignal): Promise<Duplex> {
  const clock = connectClock(options.timeout, `no connection to ${authority(options)}`);
  const { socket, proxy } = options;
  const stream = await (socket !== undefined
    ? ownSocket(socket, options, clock, signal)
    : proxy !== undefined
      ? tunnel(proxy, options, signal)
      : tcp(options, authority(options), clock, signal));
  if (isRecorded()) record({ step: "connected" });
  return stream;
}

function connectClock(timeout: number, what: string): Clock {
  return {
    timeout,
    late: () =>
      new Pop3ConnectionError(
        "POP3_CONNECT_TIMEOUT",
        `${what} within ${String(timeout)} ms (timeouts.connect)`,
        { limit: "timeouts.connect" },
      ),
  };
}

/** Opens a TCP connection. `peer` names the other end in errors. */
function tcp(options: DialOptions, peer: string, clock: Clock, signal?: AbortSignal): Promise<net.Socket> {
  const { host, port, handshake, inlet } = options;
  return settle<net.Socket>(signal, clock, (resolve, reject) => {
    let socket: net.Socket | undefined;
    const undo = (): void => {
      socket?.destroy();
    };
    const onError = (cause: unknown): void => {
      reject(Pop3Error.is(cause) ? cause : connectError(peer, cause, options.secrets));
    };
    // The types do not know the option, because `net.connect` takes it. But that leaks a socket if it throws.
    const reading = inlet && ({ onread: inlet.onread } as net.SocketConstructorOpts);
    const target: net.TcpSocketConnectOpts = {
      host,
      port,
      ...(options.localAddress !== undefined && { localAddress: nextAddress(host, options.localAddress) }),
      ...(options.family !== undefined && { family: options.family }),
      ...(options.lookup !== undefined && { lookup: careful(options.lookup) }),
      // RFC 8305: an unreachable address of the host does not use up the whole timeout.
      autoSelectFamily: options.family === undefined,
    };
    try {
      if (handshake !== undefined) socket = handshake.connect({ ...target, ...reading });
      else {
        socket = new net.Socket(reading).on("error", ignore);
        socket.connect(target);
      }
    } catch (cause) {
      // Node does not accept the address or the TLS options.
      onError(cause);
      return undo;
    }
    const opened = socket;
    if (inlet !== undefined) inlet.socket = opened;
    opened.once("error", onError).once("connect", () => {
      opened.off("error", onError);
      opened.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE);
      resolve(opened);
    });
    return undo;
  });
}

/** Makes an error of what a lookup function throws, rejects with or passes on: Node would leave the socket open. */
export function careful(lookup: net.LookupFunction): net.LookupFunction {
  return (host, options, done) => {
    const failed = (cause: unknown): void => {
      done(errorFrom(cause), []);
    };
    try {
      // An async function is of the type, too.
      const ask: (...given: Parameters<net.LookupFunction>) => unknown = lookup;
      const returned = ask(host, options, (error: unknown, ...found) => {
        done(Boolean(error) ? errorFrom(error) : null, ...found);
      });
      isPromise(returned, failed);
    } catch (cause) {
      failed(cause);
    }
  };
}

/** Opens the connection through a proxy. The timeout applies to each step separately. */
async function tunnel(given: Proxy, options: DialOptions, signal?: AbortSignal): Promise<Duplex> {
  const proxy: Proxy = { ...given, secrets: options.secrets };
  const name = proxyText(proxy);
  const overSocks = proxy.kind.startsWith("socks");
  const { httpConnect, loadSocks, socksConnect } = await loadPart(() => import("./tunnel.ts"));
  if (overSocks) await loadSocks();
  const { timeout } = options;
  const way = { ...options, host: proxy.host, port: proxy.port, inlet: undefined, handshake: undefined };
  const socket = await tcp(way, name, connectClock(timeout, `no connection to ${name}`), signal);
  const lookup = options.lookup && careful(options.lookup);
  const target = { ...options, host: asciiHost(options.host) || options.host, lookup };
  const clock = connectClock(timeout, `${name} did not connect to ${authority(options)}`);
  try {
    const stream = proxy.kind === "https" ? await secureProxy(socket, proxy, timeout, signal) : socket;
    if (overSocks) await socksConnect(socket, proxy, target, clock, signal);
    else await httpConnect(stream, proxy, target, clock, signal);
    if (options.handshake === undefined || stream.readableLength === 0) return stream;
    throw new Pop3ConnectionError(
      "POP3_TLS_INJECTION",
      `${name} sent unencrypted bytes before TLS began: the server must not send anything before the handshake`,
    );
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function secureProxy(
  socket: net.Socket,
  proxy: Proxy,
  timeout: number,
  signal?: AbortSignal,
): Promise<Duplex> {
  const { host, port, secrets } = proxy;
  const peer = proxyText(proxy);
  const settings = { host, port, tls: {}, timeout, limit: "timeouts.connect", peer, secrets };
  const stream = await secure(socket, settings, signal);
  return stream.on("error", ignore);
}

function ownSocket(
  source: SocketSource,
  { host, port, secrets }: DialOptions,
  clock: Clock,
  signal?: AbortSignal,
): Promise<Duplex> {
  return settle<Duplex>(signal, clock, (resolve, reject) => {
    let wanted = true;
    const made =
      typeof source === "function"
        ? Promise.resolve().then(() => source(signal ? { host, port, signal } : { host, port }))
        : Promise.resolve(source);
    made.then(
      (stream) => {
        if (!isStream(stream)) {
          reject(
            new Pop3Error(
              "POP3_CONFIG",
              `the function given as \`socket\` must return a connected stream (got ${shown(stream)})`,
            ),
          );
        } else if (!wanted) {
          stream.on("error", ignore);
          stream.destroy();
        } else if (stream.destroyed || !stream.readable || !stream.writable) {
          reject(
            new Pop3ConnectionError(
              "POP3_CONNECT",
              "the stream given as `socket` is not open: it must be connected, readable and writable",
            ),
          );
        } else if (stream.readableEncoding !== null || stream.readableObjectMode) {
          stream.destroy();
          reject(
            new Pop3Error(
              "POP3_CONFIG",
              "the stream given as `socket` returns strings or objects: it must return Buffers (no setEncoding, no objectMode)",
            ),
          );
        } else resolve(stream);
      },
      (cause: unknown) => {
        reject(Pop3Error.is(cause) ? cause : connectError(authority({ host, port }), cause, secrets));
      },
    );
    return () => {
      wanted = false;
    };
  });
}

/** The function of the caller may return anything, for example nothing. */
function isStream(given: unknown): boolean {
  const { pipe, write, destroy } = (given ?? {}) as Partial<Duplex>;
  return [pipe, write, destroy].every((each) => typeof each === "function");
}

function connectError(peer: string, cause: unknown, secrets: Secrets | undefined): Pop3ConnectionError {
  return new Pop3ConnectionError(
    "POP3_CONNECT",
    `cannot connect to ${printable(peer)}: ${printable(reason(peer, cause), secrets)}`,
    { cause: foreignError(cause, secrets) },
  );
}

/**
 * The message of Node's error, without an address that `peer` names already. If Node tried several addresses, the message
 * for each of them. The function of the caller may throw anything.
 */
function reason(peer: string, cause: unknown): string {
  try {
    const all = cause instanceof AggregateError ? (cause.errors as readonly unknown[]) : [cause];
    const reasons = all.map((each) => withoutAddress(peer, each));
    if (reasons.length > 0) return reasons.join(", ");
  } catch {
    // Not an error of Node.
  }
  return messageOf(cause);
}

function withoutAddress(peer: string, cause: unknown): string {
  const message = messageOf(cause);
  const { address, port } = (cause ?? {}) as { readonly address?: unknown; readonly port?: unknown };
  if (typeof address !== "string" || typeof port !== "number") return message;
  return peer.endsWith(authority({ host: address, port }))
    ? message.replace(` ${address}:${String(port)}`, "")
    : message;
}

function ignore(): void {
  // A step may fail when the listeners of the one before it are removed. The next one notices that.
}
