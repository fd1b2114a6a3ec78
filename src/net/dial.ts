// Opens a connected stream from options: TCP with Happy Eyeballs, a proxy or the caller's own socket, and TLS
// on it.
import * as net from "node:net";
import type { Duplex } from "node:stream";
import type * as tls from "node:tls";
import { Pop3ConnectionError, Pop3Error } from "../errors.ts";
import { printable } from "../protocol/printable.ts";
import type { Inlet } from "./inlet.ts";
import { httpConnect, socksConnect, type Proxy } from "./proxy.ts";
import { settle, type Clock } from "./settle.ts";
import { rememberedSession, rememberSessions, sessionRefused } from "./tls-sessions.ts";

/** The caller's own connection: a connected stream, or a function that returns one. */
export type SocketSource =
  Duplex | ((target: { host: string; port: number; signal?: AbortSignal }) => Duplex | Promise<Duplex>);

export interface DialOptions {
  readonly host: string;
  readonly port: number;
  readonly proxy?: Proxy | undefined;
  /** Whether TLS begins with the first octet. Then the server must not have sent anything before. */
  readonly secure: boolean;
  readonly socket?: SocketSource | undefined;
  readonly localAddress?: string | undefined;
  readonly family?: 4 | 6 | undefined;
  readonly lookup?: net.LookupFunction | undefined;
  /** The timeout for name resolution and TCP together, in milliseconds. */
  readonly timeout: number;
  /** Receives the chunks of our own socket. With it, the socket stays paused until the caller resumes it. */
  readonly inlet?: Inlet | undefined;
}

/** Opens a connected stream. Rejects with `POP3_CONNECT`, `POP3_CONNECT_TIMEOUT` or `POP3_ABORTED`. */
export async function dial(options: DialOptions, signal?: AbortSignal): Promise<Duplex> {
  const { host, port, timeout } = options;
  const clock: Clock = {
    timeout,
    late: () =>
      new Pop3ConnectionError(
        "POP3_CONNECT_TIMEOUT",
        `no connection to ${host}:${String(port)} within ${String(timeout)} ms (timeouts.connect)`,
        { limit: "timeouts.connect" },
      ),
  };
  if (options.socket !== undefined) return ownSocket(options.socket, options, clock, signal);
  if (options.proxy !== undefined) return tunnel(options.proxy, options, clock, signal);
  return tcp(options, clock, signal);
}

function tcp(options: Omit<DialOptions, "secure">, clock: Clock, signal?: AbortSignal): Promise<net.Socket> {
  const { host, port } = options;
  return settle<net.Socket>(signal, clock, (resolve, reject) => {
    const { inlet } = options;
    // The types know `onread` only as an option of `net.connect`. But `net.connect` leaks a socket if it
    // throws.
    const socket = new net.Socket(inlet && ({ onread: inlet.onread } as net.SocketConstructorOpts));
    if (inlet !== undefined) socket.pause();
    const onError = (cause: Error): void => {
      reject(connectError(options, cause));
    };
    socket.once("connect", () => {
      socket.off("error", onError);
      resolve(socket);
    });
    socket.on("error", onError);
    const undo = (): void => {
      socket.on("error", ignore);
      socket.destroy();
    };
    try {
      socket.connect({
        host,
        port,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: 60_000,
        ...(options.localAddress !== undefined && { localAddress: options.localAddress }),
        ...(options.family !== undefined && { family: options.family }),
        ...(options.lookup !== undefined && { lookup: options.lookup }),
        // RFC 8305: an unreachable address of the host does not use up the whole timeout.
        autoSelectFamily: options.family === undefined,
      });
    } catch (cause) {
      // Node does not accept the address or the lookup function.
      undo();
      reject(connectError(options, cause));
    }
    return undo;
  });
}

/** Opens the connection through a proxy. The timeout applies to each step separately. */
async function tunnel(
  proxy: Proxy,
  options: DialOptions,
  clock: Clock,
  signal?: AbortSignal,
): Promise<Duplex> {
  if (proxy.kind === "socks5" || proxy.kind === "socks4a") {
    return socksConnect(proxy, options, clock, signal);
  }
  const way = { ...options, host: proxy.host, port: proxy.port, inlet: undefined };
  const socket = await tcp(way, clock, signal);
  const stream =
    proxy.kind === "https"
      ? await secure(socket, { host: proxy.host, port: proxy.port, tls: {}, timeout: clock.timeout }, signal)
      : socket;
  await httpConnect(stream, proxy, options, clock, signal);
  if (options.secure && stream.readableLength > 0) {
    stream.destroy();
    throw new Pop3ConnectionError(
      "POP3_TLS_INJECTION",
      "the proxy sent unencrypted bytes before TLS began: the server must not send anything before the handshake",
    );
  }
  return stream;
}

function ownSocket(
  source: SocketSource,
  { host, port }: DialOptions,
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
        if (!wanted) {
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
        reject(Pop3Error.is(cause) ? cause : connectError({ host, port }, cause));
      },
    );
    return () => {
      wanted = false;
    };
  });
}

function connectError({ host, port }: { host: string; port: number }, cause: unknown): Pop3ConnectionError {
  return new Pop3ConnectionError(
    "POP3_CONNECT",
    `cannot connect to ${host}:${String(port)}: ${reason(cause)}`,
    { cause },
  );
}

/** The message of Node's error. If Node tried several addresses, the message for each of them. */
function reason(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(reason).join(", ");
  return cause instanceof Error ? cause.message : String(cause);
}

export interface TlsSettings {
  /** The host name that the certificate must be valid for. */
  readonly host: string;
  readonly port: number;
  /** Options for `tls.connect`. The same object with the same server resumes the previous TLS session. */
  readonly tls: tls.ConnectionOptions;
  /** The timeout of the handshake in milliseconds. */
  readonly timeout: number;
}

/**
 * Starts TLS on a stream. Rejects with `POP3_TLS_CERT`, `POP3_TLS_HANDSHAKE`, `POP3_TLS_TIMEOUT` or
 * `POP3_ABORTED`, and with `POP3_CONFIG` if Node rejects the options. In each case it closes the stream.
 */
export function secure(stream: Duplex, settings: TlsSettings, signal?: AbortSignal): Promise<tls.TLSSocket> {
  const { host, timeout } = settings;
  // An IP address is not a server name (RFC 6066 section 3). Node compares it as an address.
  const servername = settings.tls.servername ?? (net.isIP(host) === 0 ? host : "");
  const server = `${host} ${String(settings.port)} ${servername}`;
  const late = (): Pop3Error =>
    new Pop3ConnectionError(
      "POP3_TLS_TIMEOUT",
      `the TLS handshake with ${host} took longer than ${String(timeout)} ms (timeouts.tls)`,
      { limit: "timeouts.tls" },
    );
  // An abort before the handshake must also close the connection.
  if (signal?.aborted === true) stream.destroy();
  return settle<tls.TLSSocket>(signal, { timeout, late }, (resolve, reject) => {
    const session = rememberedSession(settings.tls, server);
    let secured = false;
    const fail = (cause: Error): void => {
      if (secured) return;
      const error = tlsError(host, cause);
      if (session !== undefined && error.code === "POP3_TLS_HANDSHAKE")
        sessionRefused(settings.tls, server, error);
      reject(error);
    };
    // The underlying stream may fail too, at the same time or later: it must always have an error listener.
    stream.on("error", fail);
    let socket: tls.TLSSocket;
    try {
      // Loaded at the first connection, because it takes as long to load as this whole package.
      socket = process.getBuiltinModule("node:tls").connect({
        session,
        ...settings.tls,
        servername,
        host,
        socket: stream,
      });
    } catch (cause) {
      reject(new Pop3Error("POP3_CONFIG", `the TLS options are invalid: ${reason(cause)}`, { cause }));
      return () => stream.destroy();
    }
    rememberSessions(socket, settings.tls, server);
    socket.on("error", fail);
    const onClose = (): void => {
      fail(new Error("the server closed the connection during the handshake"));
    };
    socket.once("close", onClose);
    socket.once("secureConnect", () => {
      socket.off("close", onClose);
      secured = true;
      resolve(socket);
    });
    return () => {
      socket.destroy();
      stream.destroy();
    };
  });
}

function tlsError(host: string, cause: NodeJS.ErrnoException): Pop3ConnectionError {
  const code = cause.code ?? "";
  if (CERTIFICATE_CODE.test(code)) {
    return new Pop3ConnectionError(
      "POP3_TLS_CERT",
      `the certificate of ${host} is not valid: ${cause.message}`,
      { cause },
    );
  }
  const hint =
    code === "ERR_SSL_WRONG_VERSION_NUMBER" || code === "ERR_SSL_PACKET_LENGTH_TOO_LONG"
      ? " (the server does not use TLS on this port; it may expect STLS)"
      : "";
  return new Pop3ConnectionError(
    "POP3_TLS_HANDSHAKE",
    `the TLS handshake with ${host} failed: ${printable(words(cause))}${hint}`,
    {
      cause,
    },
  );
}

/** OpenSSL's reason, if Node has it without the position in OpenSSL's source. */
function words(cause: Error & { readonly reason?: unknown }): string {
  return typeof cause.reason === "string" ? cause.reason : cause.message;
}

// Node names certificate failures after OpenSSL's X509_V_ERR_*, without a common prefix.
const CERTIFICATE_CODE =
  /^(?:CERT_|CRL_|UNABLE_TO_|ERROR_IN_CERT_|ERROR_IN_CRL_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH|ERR_TLS_CERT_ALTNAME)/;

function ignore(): void {
  // The failure was reported already.
}
