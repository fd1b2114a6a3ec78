// The lines of CAPA (RFC 2449 section 6). Oracles: a reader that looks for one capability at a time, upper and lower case, and
// that the list which was read, written again, is read as the same.
import { NO_CAPABILITIES, parseCapabilities, type Capabilities } from "../../../src/protocol/capabilities.ts";
import { expectSame, text } from "../oracle.ts";

export const FILES: readonly string[] = ["protocol/capabilities"];
export const TOKENS: readonly string[] = [
  ...[
    "TOP",
    "UIDL",
    "USER",
    "STLS",
    "PIPELINING",
    "RESP-CODES",
    "AUTH-RESP-CODE",
    "LANG",
    "UTF8",
    "UTF8 USER",
  ],
  ...[
    "SASL PLAIN SCRAM-SHA-1",
    "SASL=LOGIN",
    "EXPIRE 30 USER",
    "EXPIRE NEVER",
    "LOGIN-DELAY 900",
    "IMPLEMENTATION x y",
  ],
  ...["\r\n", " ", "=", "\t"],
];

const SWITCHES = {
  TOP: "top",
  UIDL: "uidl",
  USER: "user",
  STLS: "stls",
  PIPELINING: "pipelining",
  "RESP-CODES": "respCodes",
  "AUTH-RESP-CODE": "authRespCode",
  LANG: "lang",
} as const;

function written({ all }: Capabilities): string {
  return Array.from(all, ([name, value]) => `${name} ${value}\r\n`).join("");
}

export function fuzz(data: Buffer): void {
  for (const block of new Set([text(data), data.toString("utf8")])) {
    const read = parseCapabilities(block);
    const lines = block.split("\r\n").map((line) => line.trimEnd());
    for (const [name, property] of Object.entries(SWITCHES)) {
      const listed = lines.some((line) => new RegExp(`^${name}(?:[\\s=]|$)`, "i").test(line));
      expectSame(read[property], listed, `the capability ${name}`);
    }
    const names = lines.flatMap((line) => /^[^\s=]+/.exec(line)?.[0].toUpperCase() ?? []);
    expectSame([...read.all.keys()], [...new Set(names)], "the names of the capabilities");
    checkValues(read, lines);
    expectSame(parseCapabilities(written(read)), read, "capabilities written and read again");
  }
  expectSame(NO_CAPABILITIES.all.size, 0, "the capabilities of a server without CAPA");
}

/** What RFC 2449 section 6 and RFC 5034 section 3 say of the text after a name. */
function checkValues(read: Capabilities, lines: readonly string[]): void {
  const valueOf = (name: string): string =>
    lines
      .flatMap((line) => new RegExp(`^${name}(?:=|\\s+)([^]*)$`, "i").exec(line)?.[1]?.trim() ?? [])
      .filter((value) => value !== "")
      .join(" ");
  const mechanisms = valueOf("SASL").split(/\s+/);
  expectSame(
    read.sasl,
    [...new Set(mechanisms.map((each) => each.toUpperCase()))].filter((each) => each !== ""),
    "the mechanisms",
  );
  const [, days = "", perUser = ""] = /^(\d{1,9}|never)(?: *$|\s+(\S+))/i.exec(valueOf("EXPIRE")) ?? [];
  const isNever = days.toUpperCase() === "NEVER";
  const expire = { days: isNever ? "never" : Number(days), perUser: perUser.toUpperCase() === "USER" };
  expectSame(read.expire, days === "" ? undefined : expire, "how long messages are kept");
  const [, seconds = "", each = ""] = /^(\d{1,9})(?: *$|\s+(\S+))/.exec(valueOf("LOGIN-DELAY")) ?? [];
  const loginDelay = { seconds: Number(seconds), perUser: each.toUpperCase() === "USER" };
  expectSame(read.loginDelay, seconds === "" ? undefined : loginDelay, "the time between logins");
  const isUtf8 = lines.some((line) => /^UTF8(?:[\s=]|$)/i.test(line));
  const user = valueOf("UTF8")
    .split(/\s+/)
    .some((word) => /^USER$/i.test(word));
  expectSame(read.utf8, isUtf8 ? { user } : undefined, "UTF-8");
  expectSame(read.implementation, valueOf("IMPLEMENTATION") || undefined, "the name of the program");
}

export function parse(data: Buffer): void {
  parseCapabilities(text(data));
}
