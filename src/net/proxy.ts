// A way to the server through a proxy, which learns the server's name and port and nothing else.
import type { Duplex } from "node:stream";
import type * as net from "node:net";
import type * as socks from "socks";
import { Pop3ConnectionError, Pop3Error } from "../errors.ts";
import { printable } from "../protocol/printable.ts";
import { LONGEST_TIMER, settle, type Clock } from "./settle.ts";

/** The most that an HTTP proxy may say before the tunnel stands; octets. */
const HEADER_LIMIT = 16 * 1024;

export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

/** What `proxyFrom` reads out of a URL; without a word of it in any message. */
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
    throw new Pop3Error("POP3_CONFIG", "the proxy is not given by a URL");
  }
  const kind = url.protocol.slice(0, -1);
  if (kind !== "http" && kind !== "https" && kind !== "socks5" && kind !== "socks4a") {
    throw new Pop3Error(
      "POP3_CONFIG",
      "the URL of a proxy begins with http://, https://, socks5:// or socks4a://",
    );
  }
  if (url.hostname === "") throw new Pop3Error("POP3_CONFIG", "the URL of the proxy names no host");
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
      "the user name or the password of the proxy is not percent-encoded UTF-8",
    );
  }
}

/**
 * CONNECT (RFC 9110 section 9.3.6) on a stream to an HTTP proxy. Rejects with `POP3_CONNECT`. The server's first
 * octets may come along with the proxy's answer: they are put back, to be read by whoever reads next.
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
      reject(new Pop3ConnectionError("POP3_CONNECT", `the proxy ${proxy.host}: ${message}`, { cause }));
    };
    const onError = (cause: Error): void => {
      fail(cause.message, cause);
    };
    const onEnd = (): void => {
      fail("it closed the connection");
    };
    const onData = (chunk: Buffer): void => {
      header = Buffer.concat([header, chunk]);
      const end = header.indexOf("\r\n\r\n");
      if (end === -1) {
        if (header.length > HEADER_LIMIT) fail("its answer is too long");
        return;
      }
      const [status = ""] = header.toString("latin1", 0, end).split("\r\n", 1);
      if (!/^HTTP\/1\.[01] 2\d\d(?: |$)/.test(status)) {
        fail(`it refused: ${printable(status)}`);
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

/** A tunnel through a SOCKS proxy (RFC 1928, RFC 1929, SOCKS4A), made by the package `socks`: an optional peer. */
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
        // The library's errors carry its options, and so the proxy's password: only the words are kept.
        const words = cause instanceof Error ? cause.message : "it failed";
        reject(new Pop3ConnectionError("POP3_CONNECT", `the proxy ${proxy.host}: ${printable(words)}`));
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
