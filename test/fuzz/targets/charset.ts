// Text in any charset. The first octet chooses the label. Oracles: any cutting, the decoders of the platform, and that the result
// is text.
import { decodeCharset, openDecoder } from "../../../src/parse/charset.ts";
import { cuts, expectSame, expectThat, fromFirst, text } from "../oracle.ts";

export const FILES: readonly string[] = ["parse/charset"];
export const TOKENS: readonly string[] = [
  ...[
    "\x1b$B",
    "\x1b(B",
    "\x1b(J",
    "\x1b$(D",
    "\x1b",
    '$"',
    "\x0e",
    "\x0f",
    "~{",
    "~}",
    "+ADw-",
    "\xef\xbb\xbf",
    "\xff\xfe",
    "\xfe\xff",
  ],
  ...[
    "\xc3\xa4",
    "\xe4",
    "\xf0\x9f\x98\x80",
    "\x81\x30\x81\x30",
    "\xa4\xa2",
    "\x82\xa0",
    "\xd8\x3d",
    "\0",
    "\n",
    "\r\n",
  ],
];

/** Of a line, at most 4096 octets are kept until its end comes: a longer one may be cut. */
const LINE_MAX = 4096;
export const LONGEST = 10_000;

const LABELS = [
  ...[
    "utf-8",
    "UTF-8*en",
    '"utf8"',
    "us-ascii",
    "iso-8859-1",
    "windows-1252",
    "koi8-r",
    "shift_jis",
    "euc-jp",
    "gb18030",
  ],
  ...[
    "big5",
    "euc-kr",
    "iso-2022-jp",
    "iso-2022-jp-ms",
    "utf-16",
    "utf-16le",
    "utf-16be",
    "utf-32",
    "cp437",
    "cp932",
    "cesu-8",
  ],
  ...[
    "utf-7",
    "hex",
    "base64",
    "x-unknown",
    "",
    "hz-gb-2312",
    "iso-2022-kr",
    "ucs-2",
    "x-user-defined",
    "utf-7-imap",
  ],
];

/** Labels that mean the same to the platform as to us. */
const SAME = new Set([
  "koi8-r",
  "shift_jis",
  "euc-jp",
  "gb18030",
  "big5",
  "euc-kr",
  "utf-16le",
  "utf-16be",
  "utf-8",
]);

export async function fuzz(data: Buffer): Promise<void> {
  const [index, octets] = fromFirst(data, LABELS.length);
  const label = LABELS[index] as string;
  const whole = await decodeCharset(octets, label);
  expectThat(!/\p{Surrogate}/u.test(whole), `half a character in ${label}`, whole);
  expectThat(
    whole.length <= 4 * octets.length + 4,
    `a text longer than its octets in ${label}`,
    whole.length,
  );
  if (SAME.has(label)) expectSame(whole, new TextDecoder(label).decode(octets), `a text in ${label}`);
  if (/^[\t\n\r -}]*$/.test(text(octets)) && !/^(?:utf-(?:16|32)|ucs|hz|hex|base64)/.test(label))
    expectSame(whole, text(octets), `ASCII in ${label}`);
  if (
    !text(octets)
      .split("\n")
      .every((line) => line.length < LINE_MAX)
  )
    return;
  for (const chunks of cuts(octets)) {
    const decoder = await openDecoder(label);
    if (decoder === undefined) return;
    let pieces = "";
    for (const chunk of chunks) pieces += decoder.write(chunk);
    expectSame(pieces + decoder.end(), whole, `a text in pieces in ${label}`);
  }
}

export async function parse(data: Buffer): Promise<void> {
  for (const label of ["utf-8", "iso-2022-jp", "utf-16", "cp437"]) await decodeCharset(data, label);
}
