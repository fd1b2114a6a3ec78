// The URL of a proxy. Oracles: only `POP3_CONFIG` is thrown, and no error shows the password; options that are written as a
// URL are read again unchanged; what a proxy says is printed without its password.
import { basicCredentials, proxyFailed, proxyFrom, type Proxy } from "../../../src/net/proxy.ts";
import { expectSame, expectThat, isOneLine, outcomeOf, text } from "../oracle.ts";

export const FILES: readonly string[] = ["net/proxy", "net/authority"];
export const TOKENS: readonly string[] = [
  ...["http://", "https://", "socks://", "socks4://", "socks4a://", "socks5://", "socks5h://", "ftp://"],
  ...[
    "user:pass@",
    "proxy.example.com",
    ":1080",
    "[::1]",
    "127.0.0.1",
    "/",
    "?",
    "#",
    "%",
    "%40",
    "%00",
    "@",
    ":",
  ],
  ...["xn--", "\xc3\xa4", "%3A", "\n"],
];

const KINDS: Readonly<Record<string, Proxy["kind"]>> = {
  http: "http",
  https: "https",
  socks: "socks5",
  socks5: "socks5",
  socks5h: "socks5",
  socks4: "socks4",
  socks4a: "socks4a",
};

/** Of the schemes that are not SOCKS. */
const PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 };

export function fuzz(data: Buffer): void {
  for (const url of new Set([text(data), data.toString("utf8")])) {
    const read = outcomeOf(["POP3_CONFIG"], () => proxyFrom(url));
    if ("value" in read) {
      const { host, port } = read.value;
      expectThat(host !== "", "a host", host);
      expectThat(Number.isInteger(port) && port >= 0 && port <= 65_535, "a port", port);
    }
    const half = url.length >> 1;
    for (const secret of ["hunter2-pass", ":hunter2-pass@", "//a:hunter2-pass@"]) {
      try {
        proxyFrom(url.slice(0, half) + secret + url.slice(half));
      } catch (error) {
        const isSilent = error instanceof Error && !error.message.includes("hunter2");
        expectThat(isSilent, "a password in an error", error);
      }
    }
  }
  checkWritten(data.toString("utf8"), data.length);
}

function checkWritten(said: string, length: number): void {
  const [user = "", pass = "", words = ""] = said.split("\n", 3);
  const port = 1 + (length % 65_535);
  for (const [scheme, kind] of Object.entries(KINDS)) {
    const usual = { ...{ kind, host: "::1", user: undefined, pass: undefined }, port: PORTS[scheme] ?? 1080 };
    expectSame(proxyFrom(`${scheme}://[::1]`), usual, "a proxy at its usual port");
    const url = `${scheme}://${encodeURIComponent(user)}:${encodeURIComponent(pass)}@[::1]:${String(port)}`;
    const read = outcomeOf(["POP3_CONFIG"], () => proxyFrom(url));
    if (!isExpressible(kind, user, pass)) {
      expectSame(read, { code: "POP3_CONFIG" }, "a user name or password that the protocol cannot have");
      continue;
    }
    const proxy: Proxy = { kind, host: "::1", port, user: user || undefined, pass: pass || undefined };
    expectSame(read, { value: proxy }, "options written as a URL");
    const secret = { ...proxy, user: "ann", pass: "hunter2-pass" };
    for (const each of [secret.pass, basicCredentials(secret) ?? ""]) {
      const { message } = proxyFailed(secret, `${words} ${each} ${words}`);
      expectThat(!message.includes(each), "a password in the words of a proxy", message);
      expectThat(isOneLine(message), "an error that cannot be printed", message);
    }
  }
}

function isExpressible(kind: Proxy["kind"], user: string, pass: string): boolean {
  if (kind === "socks5") return [user, pass].every((each) => Buffer.byteLength(each) <= 255);
  if (kind === "http" || kind === "https") return !user.includes(":");
  return pass === "" && !user.includes("\0");
}

export function parse(data: Buffer): void {
  outcomeOf(["POP3_CONFIG"], () => proxyFrom(text(data)));
}
