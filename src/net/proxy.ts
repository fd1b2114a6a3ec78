// Parses the URL of a proxy. The URL itself is never part of an error, because it may hold a password.
import { Pop3ConnectionError, Pop3Error } from "../errors.ts";
import { foreignError } from "../protocol/foreign-error.ts";
import { printable } from "../protocol/printable.ts";
import { Secrets } from "../protocol/secrets.ts";
import { authority, hostFrom } from "./authority.ts";

/** The parts of a proxy's URL. */
export interface Proxy {
  readonly kind: "http" | "https" | "socks4" | "socks4a" | "socks5";
  readonly host: string;
  readonly port: number;
  readonly user: string | undefined;
  readonly pass: string | undefined;
  /** What no error may show, in addition to the proxy's own password. */
  readonly secrets?: Secrets | undefined;
}

const SOCKS_PORT = 1080;

/**
 * The schemes, and the port without a port in the URL. `socks:` and `socks5h:` are SOCKS5; the proxy always
 * resolves the name of the server, except with `socks4:`, whose protocol has no names.
 */
const SCHEMES: ReadonlyMap<string, readonly [kind: Proxy["kind"], port: number]> = new Map([
  ["http:", ["http", 80]],
  ["https:", ["https", 443]],
  ["socks:", ["socks5", SOCKS_PORT]],
  ["socks5:", ["socks5", SOCKS_PORT]],
  ["socks5h:", ["socks5", SOCKS_PORT]],
  ["socks4:", ["socks4", SOCKS_PORT]],
  ["socks4a:", ["socks4a", SOCKS_PORT]],
]);

/** The most bytes of a user name and of a password with SOCKS5 (RFC 1929 section 2). */
const LONGEST_SOCKS5 = 255;

/** Parses a URL such as `socks5://user:pass@proxy.example.com:1080`. Throws `POP3_CONFIG`. */
export function proxyFrom(given: string | URL): Proxy {
  const url = parsed(given);
  const [kind, port] = SCHEMES.get(url.protocol) ?? [];
  if (kind === undefined || port === undefined) {
    const schemes = [...SCHEMES.keys()].map((scheme) => `${scheme}//`);
    throw wrong(`the URL in proxy must begin with ${schemes.slice(0, -1).join(", ")} or ${schemes.at(-1)}`);
  }
  if (url.hostname === "") throw wrong("the URL in proxy must have a host");
  const host = decoded(url.hostname, hostFrom);
  if (host === "") throw wrong("the host in the URL of the proxy is not a valid name");
  // After "#", "/" or "?" in a password the URL would have another host, without an error.
  if (!["", "/"].includes(url.pathname) || url.search !== "" || url.hash !== "")
    throw wrong(`the URL in proxy must end after the port: ${PERCENT}`);
  const proxy: Proxy = {
    kind,
    host,
    port: url.port === "" ? port : Number(url.port),
    user: url.username === "" ? undefined : decoded(url.username),
    pass: url.password === "" ? undefined : decoded(url.password),
  };
  checkCredentials(proxy);
  return proxy;
}

const PERCENT = "percent-encode #, /, ?, @, : and % in its user name and password";

function parsed(given: string | URL): URL {
  try {
    return new URL(given);
  } catch {
    throw wrong(
      `proxy is not a valid URL: it must look like http://proxy.example.com:3128 or socks5://user:pass@proxy.example.com:1080; ${PERCENT}`,
    );
  }
}

function decoded(text: string, decode: (text: string) => string = decodeURIComponent): string {
  try {
    return decode(text);
  } catch {
    throw wrong(
      "the host, the user name and the password in the URL of the proxy must be percent-encoded UTF-8; use encodeURIComponent",
    );
  }
}

/** Throws `POP3_CONFIG` if the protocol of the proxy cannot express the user name or the password. */
function checkCredentials({ kind, user = "", pass = "" }: Proxy): void {
  const longest = Math.max(Buffer.byteLength(user), Buffer.byteLength(pass));
  if (kind === "socks5" && longest > LONGEST_SOCKS5)
    throw wrong(`the user name and the password of a SOCKS5 proxy have at most ${LONGEST_SOCKS5} bytes`);
  if (kind.startsWith("socks4") && pass !== "")
    throw wrong("a SOCKS4 proxy takes a user name, but no password: use socks5:// or remove the password");
  if (kind.startsWith("socks4") && user.includes("\0"))
    throw wrong("the user name of a SOCKS4 proxy must not contain a NUL");
  if (kind.startsWith("http") && user.includes(":"))
    throw wrong("the user name of an HTTP proxy must not contain a colon (RFC 7617)");
}

function wrong(message: string): Pop3Error {
  return new Pop3Error("POP3_CONFIG", message);
}

/** Names a proxy in an error: what the user has to look at. */
export function proxyText(proxy: Proxy): string {
  return `the proxy ${authority(proxy)}`;
}

/** Returns the value of Proxy-Authorization (RFC 7617), if the URL has a user. */
export function basicCredentials({ user, pass = "" }: Proxy): string | undefined {
  return user === undefined ? undefined : Buffer.from(`${user}:${pass}`).toString("base64");
}

/** Reports a failure of the proxy in its own words, without secrets. */
export function proxyFailed(proxy: Proxy, words: string, cause?: unknown): Pop3ConnectionError {
  const secrets = proxy.secrets ?? new Secrets(proxy.pass ?? "", basicCredentials(proxy) ?? "");
  return new Pop3ConnectionError("POP3_CONNECT", `${proxyText(proxy)} failed: ${printable(words, secrets)}`, {
    cause: cause === undefined || cause === null ? undefined : foreignError(cause, secrets),
  });
}
