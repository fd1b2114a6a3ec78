// From options to a connected stream: TCP with happy eyeballs, the caller's own socket, TLS on either.
import * as net from "node:net";
import type { Duplex } from "node:stream";
import type * as tls from "node:tls";
import { Pop3ConnectionError, Pop3Error } from "../errors.ts";
import { printable } from "../protocol/printable.ts";
import type { Inlet } from "./inlet.ts";
import { httpConnect, socksConnect, type Proxy } from "./proxy.ts";
import { settle, type Clock } from "./settle.ts";
import { rememberedSession, rememberSessions, sessionRefused } from "./tls-sessions.ts";

/** The caller's own connection: a stream that is connected already, or what makes one. */
export type SocketSource =
  Duplex | ((target: { host: string; port: number; signal?: AbortSignal }) => Duplex | Promise<Duplex>);

export interface DialOptions {
  readonly host: string;
  readonly port: number;
  readonly proxy?: Proxy | undefined;
  /** TLS begins with the first octet: nothing may have come from the server before. */
  readonly secure: boolean;
  readonly socket?: SocketSource | undefined;
  readonly localAddress?: string | undefined;
  readonly family?: 4 | 6 | undefined;
  readonly lookup?: net.LookupFunction | undefined;
  /** Milliseconds for name resolution and TCP together. */
  readonly timeout: number;
  /** Where a socket of ours is to put what it reads. It stays paused then until somebody resumes it. */
  readonly inlet?: Inlet | undefined;
}

/** Gives a connected stream. Rejects with `POP3_CONNECT`, `POP3_CONNECT_TIMEOUT` or `POP3_ABORTED`. */
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
    // The types know `onread` only as an option of `net.connect`, which leaves a socket behind where it throws.
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
        // RFC 8305: a dead address of a name does not cost the whole time.
        autoSelectFamily: options.family === undefined,
      });
    } catch (cause) {
      // An address or a lookup that Node does not take.
      undo();
      reject(connectError(options, cause));
    }
    return undo;
  });
}

/** The server's connection inside that to the proxy; each step has the whole time. */
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
    throw new Pop3ConnectionError("POP3_TLS_INJECTION", "octets came through the proxy before TLS began");
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
          reject(new Pop3ConnectionError("POP3_CONNECT", "the socket that was given is not open"));
        } else if (stream.readableEncoding !== null || stream.readableObjectMode) {
          stream.destroy();
          reject(new Pop3Error("POP3_CONFIG", "the socket that was given gives text or objects, not octets"));
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

/** What Node says; where it tried several addresses, what it says of each. */
function reason(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(reason).join(", ");
  return cause instanceof Error ? cause.message : String(cause);
}

export interface TlsSettings {
  /** The name that the certificate has to be for. */
  readonly host: string;
  readonly port: number;
  /** As `tls.connect` takes them. The same object again, and the same server: the TLS session is taken up again. */
  readonly tls: tls.ConnectionOptions;
  /** Milliseconds for the handshake. */
  readonly timeout: number;
}

/** TLS on a stream. Rejects with `POP3_TLS_CERT`, `POP3_TLS_HANDSHAKE`, `POP3_TLS_TIMEOUT` or `POP3_ABORTED`; the stream is closed then. */
export function secure(stream: Duplex, settings: TlsSettings, signal?: AbortSignal): Promise<tls.TLSSocket> {
  const { host, timeout } = settings;
  // An address is no server name (RFC 6066 section 3), and is compared as an address.
  const servername = settings.tls.servername ?? (net.isIP(host) === 0 ? host : "");
  const server = `${host} ${String(settings.port)} ${servername}`;
  const late = (): Pop3Error =>
    new Pop3ConnectionError(
      "POP3_TLS_TIMEOUT",
      `no TLS handshake with ${host} within ${String(timeout)} ms (timeouts.tls)`,
      { limit: "timeouts.tls" },
    );
  // An abort that came before the handshake still has to close what was dialled.
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
    // The stream below may fail for itself, at the same time or later: never unheard.
    stream.on("error", fail);
    let socket: tls.TLSSocket;
    try {
      // Loaded with the first connection: it takes as long as the whole package.
      socket = process.getBuiltinModule("node:tls").connect({
        session,
        ...settings.tls,
        servername,
        host,
        socket: stream,
      });
    } catch (cause) {
      reject(
        new Pop3Error("POP3_CONFIG", `Node does not take the options for TLS: ${reason(cause)}`, { cause }),
      );
      return () => stream.destroy();
    }
    rememberSessions(socket, settings.tls, server);
    socket.on("error", fail);
    const onClose = (): void => {
      fail(new Error("the server closed the connection within the handshake"));
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
      `the certificate of ${host} is not accepted: ${cause.message}`,
      { cause },
    );
  }
  const hint =
    code === "ERR_SSL_WRONG_VERSION_NUMBER" || code === "ERR_SSL_PACKET_LENGTH_TOO_LONG"
      ? " (the server does not speak TLS here: a port for STLS, perhaps)"
      : "";
  return new Pop3ConnectionError(
    "POP3_TLS_HANDSHAKE",
    `no TLS with ${host}: ${printable(words(cause))}${hint}`,
    {
      cause,
    },
  );
}

/** OpenSSL's own words, where Node has them apart from the places in its source. */
function words(cause: Error & { readonly reason?: unknown }): string {
  return typeof cause.reason === "string" ? cause.reason : cause.message;
}

// Node names certificate failures after OpenSSL's X509_V_ERR_*, without a common prefix.
const CERTIFICATE_CODE =
  /^(?:CERT_|CRL_|UNABLE_TO_|ERROR_IN_CERT_|ERROR_IN_CRL_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH|ERR_TLS_CERT_ALTNAME)/;

function ignore(): void {
  // The failure was told already.
}
