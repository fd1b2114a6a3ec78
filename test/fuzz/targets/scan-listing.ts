// The block of LIST (RFC 1939 section 5). The oracles are in `listing.ts`.
import { scanListing } from "../../../src/protocol/listing-block.ts";
import { checkListing } from "../listing.ts";

export const FILES: readonly string[] = [
  "protocol/listing-block",
  "protocol/listing-fields",
  "protocol/columns",
  "protocol/malformed-line",
];
export const TOKENS: readonly string[] = [
  "1 120\r\n",
  "2 200\r\n",
  "3 ",
  "\r\n",
  " ",
  "  ",
  "\n",
  "\r",
  "0",
  "1 1",
  "9007199254740991",
  "\xff",
];

export function fuzz(data: Buffer): void {
  checkListing("LIST", scanListing, data);
}

export function parse(data: Buffer): void {
  const reader = scanListing({ entries: Infinity, octets: Infinity, line: Infinity });
  reader.octets(data);
}
