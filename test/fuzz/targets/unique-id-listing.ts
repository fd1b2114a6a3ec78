// The block of UIDL (RFC 1939 section 7). The oracles are in `listing.ts`.
import { uniqueIdListing } from "../../../src/protocol/listing-block.ts";
import { checkListing } from "../listing.ts";

export const FILES: readonly string[] = [
  "protocol/listing-block",
  "protocol/listing-fields",
  "protocol/columns",
  "protocol/malformed-line",
];
export const TOKENS: readonly string[] = [
  "1 a\r\n",
  "2 b\r\n",
  "1 \r\n",
  "3 ",
  "\r\n",
  " ",
  "  ",
  "\n",
  "\r",
  "0",
  "u",
  "\x7f",
  "\xff",
  "+OK 1 a",
];

export function fuzz(data: Buffer): void {
  checkListing("UIDL", uniqueIdListing, data);
}

export function parse(data: Buffer): void {
  const reader = uniqueIdListing({ entries: Infinity, octets: Infinity, line: Infinity });
  reader.octets(data);
}
