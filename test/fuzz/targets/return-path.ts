// The sender of the envelope in a message (RFC 5321 section 4.4). Oracle: a reader with regular expressions. The input is also
// a message with an address whose lengths its first octets say.
import { withoutReturnPath } from "../../../src/fetch/destinations/lmtp/return-path.ts";
import { expectSame, expectThat, octets, text } from "../oracle.ts";

export const FILES: readonly string[] = ["fetch/destinations/lmtp/return-path"];
export const TOKENS: readonly string[] = [
  "Return-Path: <ann@example.com>\r\n",
  "return-path:<>\r\n",
  "Return-Path :",
  "\r\n ",
  "\r\n",
  "\n",
  "<",
  ">",
  "A: b\r\n",
];

function byTheLetter(message: string): { readonly sender: string; readonly octets: string } {
  const same = { sender: "", octets: message };
  const [head = ""] = /^(?:(?!\r?\n)[^\n]*(?:\n|$))*/.exec(message) ?? [];
  const field = /(?<=^|\n)return-path[ \t]*:[^\n]*(?:\n|$)(?:[ \t][^\n]*(?:\n|$))*/i.exec(head);
  if (field === null) return same;
  const value = field[0].replace(/^return-path[ \t]*:/i, "").trim();
  const address = value.replace(/^<(.*)>$/, "$1");
  const isNull = value === "<>";
  // RFC 5321 section 4.5.3.1: a local part of 64 octets, a path of 256 with its brackets.
  const isAddress = /^[!-;=?-~]{1,64}@[!-;=?-~]{1,189}$/.test(address);
  if (!isNull && !isAddress) return same;
  const rest = message.slice(0, field.index) + message.slice(field.index + field[0].length);
  return { sender: address, octets: rest };
}

export function fuzz(data: Buffer): void {
  check(data);
  const [local = 0, domain = 0] = data;
  const address = `${"a".repeat(local)}@${"b".repeat(domain)}`;
  check(octets(`Return-Path: <${address}>\r\n${text(data.subarray(2))}`));
}

function check(message: Buffer): void {
  const { sender, octets: rest } = withoutReturnPath(message);
  expectSame({ sender, octets: text(rest) }, byTheLetter(text(message)), "a message without its envelope");
  expectThat(/^[!-;=?-~]*$/.test(sender), "a sender that ends the command", sender);
}

export function parse(data: Buffer): void {
  withoutReturnPath(data);
}
