// Connects to the server through a proxy. With TLS, the proxy learns only the host and the port of the
// server.
import type { Duplex } from "node:stream";
import type * as net from "node:net";
import type * as socks from "socks";
import { Pop3ConnectionError, Pop3Error } from "../errors.ts";
import { printable } from "../protocol/printable.ts";
import { LONGEST_TIMER, settle, type Clock } from "./settle.ts";

/** The largest response header of an HTTP proxy in octets. */
const HEADER_LIMIT = 16 * 1024;

export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

/**
 * The parts of a proxy's URL. The URL itself is never part of an error message, because it may hold a
 * password.
 */
export interface Proxy extends ProxyTarget {
  readonly kind: "http" | "https" | "socks5" | "socks4a";
  readonly user: string | undefined;
  readonly pass: string | undefined;
}

const DEFAULT_PORTS: Readonly<Record<Proxy["kind"], number>> = {
  http: 80,
  https: 443,
  socks5: 1080,
  socks4a: 1080,
};

/** Reads `http://`, `https://`, `socks5://` and `socks4a://` URLs. Throws `POP3_CONFIG`. */
export function proxyFrom(given: string | URL): Proxy {
  let url: URL;
  try {
    url = new URL(given);
  } catch {
    throw new Pop3Error(
      "POP3_CONFIG",
      "proxy is not a valid URL: it must look like http://proxy.example.com:3128",
    );
  }
  const kind = url.protocol.slice(0, -1);
  if (kind !== "http" && kind !== "https" && kind !== "socks5" && kind !== "socks4a") {
    throw new Pop3Error(
      "POP3_CONFIG",
      "the URL in proxy must begin with http://, https://, socks5:// or socks4a://",
    );
  }
  if (url.hostname === "") throw new Pop3Error("POP3_CONFIG", "the URL in proxy must have a host");
  const part = (text: string): string | undefined => (text === "" ? undefined : decodeURIComponent(text));
  try {
    return {
      kind,
      host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
      port: url.port === "" ? DEFAULT_PORTS[kind] : Number(url.port),
      user: part(url.username),
      pass: part(url.password),
    };
  } catch {
    throw new Pop3Error(
      "POP3_CONFIG",
      "the user name and the password in the URL of the proxy must be percent-encoded UTF-8; use encodeURIComponent",
    );
  }
}

/**
 * Sends CONNECT (RFC 9110 section 9.3.6) on a stream to an HTTP proxy. Rejects with `POP3_CONNECT` if the
 * proxy refuses. The first octets of the server may arrive together with the proxy's response. They are put
 * back into the stream.
 */
export function httpConnect(
  stream: Duplex,
  proxy: Proxy,
  target: ProxyTarget,
  clock: Clock,
  signal?: AbortSignal,
): Promise<void> {
  return settle(signal, clock, (resolve, reject) => {
    let header = Buffer.alloc(0);
    const fail = (message: string, cause?: unknown): void => {
      reject(
        new Pop3ConnectionError("POP3_CONNECT", `the proxy ${proxy.host} failed: ${message}`, { cause }),
      );
    };
    const onError = (cause: Error): void => {
      fail(cause.message, cause);
    };
    const onEnd = (): void => {
      fail("it closed the connection before it answered CONNECT");
    };
    const onData = (chunk: Buffer): void => {
      header = Buffer.concat([header, chunk]);
      const end = header.indexOf("\r\n\r\n");
      if (end === -1) {
        if (header.length > HEADER_LIMIT)
          fail(`its response header is larger than ${String(HEADER_LIMIT)} bytes`);
        return;
      }
      const [status = ""] = header.toString("latin1", 0, end).split("\r\n", 1);
      if (!/^HTTP\/1\.[01] 2\d\d(?: |$)/.test(status)) {
        fail(`it refused CONNECT: ${printable(status)}`);
        return;
      }
      stream.pause();
      silence();
      const rest = header.subarray(end + 4);
      if (rest.length > 0) stream.unshift(rest);
      resolve();
    };
    const silence = (): void => {
      stream.off("data", onData).off("error", onError).off("end", onEnd).off("close", onEnd);
    };
    stream.on("data", onData).on("error", onError).on("end", onEnd).on("close", onEnd);
    const authority = `${target.host.includes(":") ? `[${target.host}]` : target.host}:${String(target.port)}`;
    const credentials =
      proxy.user === undefined
        ? ""
        : `Proxy-Authorization: Basic ${Buffer.from(`${proxy.user}:${proxy.pass ?? ""}`).toString("base64")}\r\n`;
    stream.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${credentials}\r\n`);
    return () => {
      silence();
      stream.on("error", () => undefined);
      stream.destroy();
    };
  });
}

/**
 * Opens a tunnel through a SOCKS proxy (RFC 1928, RFC 1929, SOCKS4A) with `socks`, an optional peer
 * dependency.
 */
export async function socksConnect(
  proxy: Proxy,
  target: ProxyTarget,
  clock: Clock,
  signal?: AbortSignal,
): Promise<net.Socket> {
  const { SocksClient } = await loadSocks();
  return settle<net.Socket>(signal, clock, (resolve, reject) => {
    let wanted = true;
    SocksClient.createConnection({
      proxy: {
        host: proxy.host,
        port: proxy.port,
        type: proxy.kind === "socks5" ? 5 : 4,
        ...(proxy.user !== undefined && { userId: proxy.user }),
        ...(proxy.pass !== undefined && { password: proxy.pass }),
      },
      command: "connect",
      destination: { host: target.host, port: target.port },
      ...(clock.timeout <= LONGEST_TIMER && { timeout: clock.timeout }),
      set_tcp_nodelay: true,
    }).then(
      ({ socket }) => {
        if (wanted) resolve(socket);
        else socket.destroy();
      },
      (cause: unknown) => {
        // Keep only the message: an error of the package contains its options, and so the proxy's password.
        const words = cause instanceof Error ? cause.message : "unknown error";
        reject(
          new Pop3ConnectionError("POP3_CONNECT", `the proxy ${proxy.host} failed: ${printable(words)}`),
        );
      },
    );
    return () => {
      wanted = false;
    };
  });
}

async function loadSocks(): Promise<typeof socks> {
  try {
    return await import("socks");
  } catch (cause) {
    throw new Pop3Error("POP3_CONFIG", 'a SOCKS proxy needs the package "socks": npm install socks', {
      cause,
    });
  }
}
