// Opens a tunnel to the server on a connection to a proxy. With TLS, the proxy learns only the host and the
// port of the server. The octets of the server that come with the proxy's last reply stay in the stream.
import type * as dns from "node:dns";
import type * as net from "node:net";
import type { Duplex } from "node:stream";
import type * as socks from "socks";
import { Pop3Error } from "../errors.ts";
import { authority } from "./authority.ts";
import { basicCredentials, proxyFailed, type Proxy } from "./proxy.ts";
import { LONGEST_TIMER, settle, type Clock } from "./settle.ts";

/** The server at the other end of the tunnel. */
export interface TunnelTarget {
  readonly host: string;
  readonly port: number;
  /** Resolves the name for SOCKS4, whose protocol has no names. */
  readonly lookup?: net.LookupFunction | undefined;
}

/** The largest response header of an HTTP proxy in octets, with the empty line at its end. */
const HEADER_LIMIT = 16 * 1024;
const END = "\r\n\r\n";

/** Sends CONNECT (RFC 9110 section 9.3.6). Rejects with `POP3_CONNECT` if the proxy refuses. */
export async function httpConnect(
  stream: Duplex,
  proxy: Proxy,
  target: TunnelTarget,
  clock: Clock,
  signal?: AbortSignal,
): Promise<void> {
  const place = authority(target);
  const credentials = basicCredentials(proxy);
  const proof = credentials === undefined ? "" : `Proxy-Authorization: Basic ${credentials}\r\n`;
  const answered = headerOf(stream, proxy, clock, signal);
  stream.write(`CONNECT ${place} HTTP/1.1\r\nHost: ${place}\r\n${proof}\r\n`);
  const { header, rest } = await answered;
  const [status = ""] = header.split("\r\n", 1);
  if (!/^HTTP\/1\.[01] 2\d\d(?: |$)/.test(status))
    throw proxyFailed(proxy, `it refused to connect to ${place}: ${status}`);
  if (rest.length > 0) stream.unshift(rest);
}

interface Response {
  readonly header: string;
  /** The octets after the header. */
  readonly rest: Buffer;
}

/** Reads up to the end of the response header, and pauses the stream. */
function headerOf(
  stream: Duplex,
  proxy: Proxy,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<Response> {
  return settle<Response>(signal, clock, (resolve, reject) => {
    let octets = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      octets = Buffer.concat([octets, chunk]);
      // The same in whatever pieces it comes.
      const end = octets.subarray(0, HEADER_LIMIT).indexOf(END);
      if (end !== -1) {
        ignore();
        resolve({ header: octets.toString("latin1", 0, end), rest: octets.subarray(end + END.length) });
      } else if (octets.length >= HEADER_LIMIT)
        reject(proxyFailed(proxy, `its response header is larger than ${String(HEADER_LIMIT)} bytes`));
    };
    const onError = (cause: Error): void => reject(proxyFailed(proxy, cause.message, cause));
    const onEnd = (): void =>
      reject(proxyFailed(proxy, "it closed the connection before it answered CONNECT"));
    const ignore = (): void => {
      stream.pause();
      stream.off("data", onData).off("error", onError).off("end", onEnd).off("close", onEnd);
    };
    stream.on("data", onData).on("error", onError).on("end", onEnd).on("close", onEnd);
    return ignore;
  });
}

/**
 * Opens a tunnel through a SOCKS proxy (RFC 1928, RFC 1929, SOCKS4A) with `socks`, an optional peer
 * dependency, on a connected socket. Rejects with `POP3_CONNECT` if the proxy refuses.
 */
export async function socksConnect(
  socket: net.Socket,
  proxy: Proxy,
  target: TunnelTarget,
  clock: Clock,
  signal?: AbortSignal,
): Promise<void> {
  const { SocksClient } = await loadSocks();
  const host = proxy.kind === "socks4" ? await addressOf(proxy, target, clock, signal) : target.host;
  const rest = await settle<Buffer>(signal, clock, (resolve, reject) => {
    const octets: Buffer[] = [];
    const onData = (chunk: Buffer): void => void octets.push(chunk);
    const onError = (cause: Error): void => reject(proxyFailed(proxy, cause.message, cause));
    const onClose = (): void => reject(proxyFailed(proxy, "it closed the connection"));
    const ignore = (): void => {
      socket.pause();
      socket.off("data", onData).off("error", onError).off("close", onClose);
    };
    if (socket.destroyed) {
      onClose();
      return ignore;
    }
    SocksClient.createConnection({
      proxy: {
        host: proxy.host,
        port: proxy.port,
        type: proxy.kind === "socks5" ? 5 : 4,
        ...(proxy.user !== undefined && { userId: proxy.user }),
        ...(proxy.pass !== undefined && { password: proxy.pass }),
      },
      command: "connect",
      destination: { host, port: target.port },
      existing_socket: socket,
      // Its own limit would be 30 seconds. Ours ends first: it began earlier.
      timeout: Math.min(clock.timeout, LONGEST_TIMER),
    }).then(
      () => {
        // `socks` emits the octets after the proxy's reply as an event in the next turn, and resumes the socket.
        socket.on("data", onData).on("error", onError).on("close", onClose);
        setImmediate(() => {
          ignore();
          resolve(Buffer.concat(octets));
        });
      },
      (error: unknown) => {
        // Keep only the message: an error of the package contains its options, and so the proxy's password.
        const words = error instanceof Error ? error.message : "unknown error";
        reject(proxyFailed(proxy, `no connection to ${authority(target)}: ${words}`));
      },
    );
    return ignore;
  });
  if (rest.length > 0) socket.unshift(rest);
}

/** Resolves the name of the server to an IPv4 address: SOCKS4 takes nothing else. */
function addressOf(
  proxy: Proxy,
  { host, lookup }: TunnelTarget,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<string> {
  return settle<string>(signal, clock, (resolve, reject) => {
    const look = lookup ?? process.getBuiltinModule("node:dns").lookup;
    look(host, { family: 4 }, (cause: Error | null, found: unknown) => {
      // A function of the caller may return a list, although one address was asked for.
      const first: unknown = Array.isArray(found)
        ? (found[0] as dns.LookupAddress | undefined)?.address
        : found;
      if (cause === null && typeof first === "string") resolve(first);
      else {
        const why = cause?.message ?? "there is none";
        reject(proxyFailed(proxy, `SOCKS4 needs an IPv4 address of ${host}: ${why}`, cause));
      }
    });
    return () => undefined;
  });
}

/** Loads `socks`. Rejects with `POP3_CONFIG` if it is not installed. */
export async function loadSocks(): Promise<typeof socks> {
  try {
    return await import("socks");
  } catch (cause) {
    throw new Pop3Error("POP3_CONFIG", 'a SOCKS proxy needs the package "socks": npm install socks', {
      cause,
    });
  }
}
