// The replies to STAT, LIST n and UIDL n (RFC 1939 sections 5 and 7). Oracle: a reader by the letter.
import { parseScanListing, parseStat, parseUniqueId } from "../../../src/protocol/listings.ts";
import type { Reply } from "../../../src/protocol/reply.ts";
import { expectSame, outcomeOf, text, type Outcome } from "../oracle.ts";

export const FILES: readonly string[] = ["protocol/listings", "protocol/listing-fields"];
export const TOKENS: readonly string[] = [
  "2 320",
  "2 200",
  "2 QhdPYR:00WBw1Ph7x7",
  " ",
  "  ",
  "0",
  "9007199254740991",
  "messages",
];

const CODES = ["POP3_BAD_RESPONSE", "POP3_PROTOCOL"];
const ASKED = 2;

/** A number that JavaScript holds exactly, in at most 16 digits. */
function exact(digits: string | undefined): number | undefined {
  return /^\d{1,16}$/.test(digits ?? "") && Number.isSafeInteger(Number(digits)) ? Number(digits) : undefined;
}

function expected<T>(named: number | undefined, value: T | undefined): Outcome<T> {
  if (named === undefined || value === undefined) return { code: "POP3_BAD_RESPONSE" };
  return named === ASKED ? { value } : { code: "POP3_PROTOCOL" };
}

export function fuzz(data: Buffer): void {
  for (const said of [text(data), data.toString("utf8"), `2 ${text(data)}`]) {
    const reply: Reply = { status: "ok", text: said };
    const [, first, second] = /^(\d+) +(\d+)(?: [^]*)?$/.exec(said) ?? [];
    const [count, size] = [exact(first), exact(second)];
    const stat: Outcome<unknown> =
      count === undefined || size === undefined ? { code: "POP3_BAD_RESPONSE" } : { value: { count, size } };
    expectSame(
      outcomeOf(CODES, () => parseStat(reply)),
      stat,
      "a reply to STAT",
    );
    expectSame(
      outcomeOf(CODES, () => parseScanListing(reply, ASKED)),
      expected(count, size),
      "a reply to LIST",
    );
    const [, named, id] = /^(\d+) +([!-~]{1,512}) *$/.exec(said) ?? [];
    expectSame(
      outcomeOf(CODES, () => parseUniqueId(reply, ASKED)),
      expected(exact(named), id),
      "a reply to UIDL",
    );
  }
}

export function parse(data: Buffer): void {
  outcomeOf(CODES, () => parseStat({ status: "ok", text: text(data) }));
}
