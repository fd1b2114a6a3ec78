// The URL of a mailbox: our own form, and that of RFC 2384. Oracles: only `POP3_CONFIG` is thrown, and it never shows the URL;
// options that are written as a URL are read again unchanged.
import { parseUrl } from "../../../src/options/url.ts";
import { expectSame, expectThat, isOneLine, outcomeOf, text } from "../oracle.ts";

export const FILES: readonly string[] = ["options/url", "net/authority"];
export const TOKENS: readonly string[] = [
  ...[
    "pop3s://",
    "pop3://",
    "pop://",
    "pops://",
    "user:pass@",
    "ann;auth=+APOP@",
    ";AUTH=*",
    "example.com",
    ":995",
    "[::1]",
  ],
  ...[
    "?stls=never",
    "?stls=if-offered",
    "#",
    "/",
    "%40",
    "%",
    "%ff",
    "%00",
    "@",
    ":",
    "xn--",
    "\xc3\xa4",
    "127.0.0.1",
  ],
];

export function fuzz(data: Buffer): void {
  for (const url of new Set([text(data), data.toString("utf8")])) check(url);
  const [user = "", pass = ""] = data.toString("utf8").split("\n");
  // An empty user name with a password is refused, and "auth=" would begin a mechanism.
  if (user === "" || /;auth=/i.test(user) || /[\ufffd]/.test(user + pass)) return;
  const port = 1 + (data.length % 65_535);
  const written = `pop3s://${encodeURIComponent(user)}:${encodeURIComponent(pass)}@[::1]:${String(port)}`;
  const auth = { user, ...(pass !== "" && { pass }) };
  expectSame(parseUrl(written), { host: "::1", port, secure: true, auth }, "options written as a URL");
  // RFC 2384 section 5: "+APOP" is APOP, "*" is any mechanism, anything else is one of SASL.
  const name = encodeURIComponent(user);
  for (const [mechanism, expected] of [
    ["+APOP", "APOP"],
    ["plain", "PLAIN"],
    ["*", undefined],
  ] as const)
    for (const stls of ["required", "if-offered", "never"])
      expectSame(
        parseUrl(`pop://${name};AUTH=${mechanism}@host-${String(port)}.example.com/?stls=${stls}`),
        {
          ...{ host: `host-${String(port)}.example.com`, secure: false, stls },
          auth: { user, ...(expected !== undefined && { mechanism: expected }) },
        },
        "a URL of RFC 2384",
      );
  const groups = Array.from({ length: 8 }, (_, at) => (0x1000 + (data[at] ?? at)).toString(16)).join(":");
  expectSame(parseUrl(`pop3://[${groups}]`), { host: groups, secure: false }, "a long address");
}

function check(url: string): void {
  const read = outcomeOf(["POP3_CONFIG"], () => parseUrl(url));
  if ("value" in read) {
    const { host, port, auth, secure } = read.value;
    expectThat(typeof host === "string" && isOneLine(host), "a host that cannot be printed", host);
    expectThat(
      host !== "" || /^[^/]*:(?:\/\/)?(?:[^/]*@)?(?:$|[/?#])/.test(url.replace(/[\0-\x20]/g, "")),
      "a host",
      url,
    );
    expectThat(port === undefined || (Number.isInteger(port) && port >= 0 && port <= 65_535), "a port", port);
    expectThat(auth?.user !== "", "an empty user name", auth);
    expectThat(/^\s*pop(?:3)?s?:/i.test(url.replace(/[\0-\x20]/g, "")), "another scheme", url);
    expectSame(secure, /^pop3?s:/i.test(url.replace(/[\0-\x20]/g, "")), "TLS from the first octet");
    return;
  }
  const half = url.length >> 1;
  for (const secret of ["hunter2-pass", ":hunter2-pass@"]) {
    try {
      parseUrl(url.slice(0, half) + secret + url.slice(half));
    } catch (error) {
      expectThat(
        error instanceof Error && !error.message.includes("hunter2"),
        "a password in an error",
        error,
      );
    }
  }
}

export function parse(data: Buffer): void {
  outcomeOf(["POP3_CONFIG"], () => parseUrl(text(data)));
}
