// The lines of CAPA (RFC 2449 section 6). Oracles: a reader that looks for one capability at a time, upper and lower case, and
// that the list which was read, written again, is read as the same.
import { NO_CAPABILITIES, parseCapabilities, type Capabilities } from "../../../src/protocol/capabilities.ts";
import { expectSame, expectThat, text } from "../oracle.ts";

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
    expectThat(
      !read.sasl.some((name) => /\s|[a-z]/.test(name)),
      "a mechanism with a blank or in lower case",
      read.sasl,
    );
    expectSame(new Set(read.sasl).size, read.sasl.length, "mechanisms that are listed once");
    const { expire, loginDelay } = read;
    for (const number of [expire?.days, loginDelay?.seconds])
      expectThat(
        number === undefined || number === "never" || Number.isSafeInteger(number),
        "a number",
        number,
      );
    expectSame(parseCapabilities(written(read)), read, "capabilities written and read again");
  }
  expectSame(NO_CAPABILITIES.all.size, 0, "the capabilities of a server without CAPA");
}

export function parse(data: Buffer): void {
  parseCapabilities(text(data));
}
