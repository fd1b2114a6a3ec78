// The first line of a reply: status, response code and text (RFC 1939 section 3, RFC 2449 section 8). Oracles: a reader by
// the grammar of the RFCs, and that the line can be printed.
import { isPrintable } from "../../../src/protocol/printable.ts";
import {
  decodeText,
  parseReply,
  printableLine,
  replyStatus,
  type Reply,
} from "../../../src/protocol/reply.ts";
import { expectSame, expectThat, octets, text } from "../oracle.ts";

export const FILES: readonly string[] = ["protocol/reply", "protocol/printable"];
export const TOKENS: readonly string[] = [
  "+OK",
  "-ERR",
  "+ ",
  " [",
  "] ",
  "[IN-USE] ",
  "[SYS/TEMP]",
  "/",
  "\x1b[31m",
  "\u202e",
  "\xe2\x80\xae",
];

function byTheLetter(line: Buffer): Reply | undefined {
  const match = /^(\+OK|-ERR|\+)(?: ([^]*))?$/.exec(text(line));
  if (match === null) return undefined;
  const [, word = "", rest = ""] = match;
  const said = decodeText(octets(rest));
  if (word === "+") return { status: "continue", text: said };
  const status = word === "+OK" ? "ok" : "err";
  const end = said.indexOf("]");
  const code = said.slice(1, end);
  // RFC 2449 section 3: levels of printable ASCII without "/" and "]", and "/" between them.
  const levels = code.split("/");
  const isCode = said.startsWith("[") && end !== -1 && levels.every((level) => /^[!-~]+$/.test(level));
  if (!isCode) return { status, text: said };
  return { status, responseCode: code.toUpperCase(), text: said.slice(end + 1).replace(/^ /, "") };
}

export function fuzz(data: Buffer): void {
  for (const line of [data, Buffer.concat([octets("+OK "), data]), Buffer.concat([octets("-ERR "), data])]) {
    const reply = parseReply(line);
    expectSame(reply, byTheLetter(line), "a status line");
    expectSame(replyStatus(line), reply?.status, "the status of a line");
  }
  const shown = printableLine(data);
  expectThat(isPrintable(shown), "a line that cannot be printed", shown);
  expectThat(shown.length <= 513 * 10, "a line that is printed too long", shown.length);
  if (/^[ -~]{0,512}$/.test(text(data))) expectSame(shown, text(data), "a line of ASCII");
}

export function parse(data: Buffer): void {
  parseReply(data);
  printableLine(data);
}
