// Encoded-words (RFC 2047) in one line of text. Oracles: a text that is encoded and decoded is unchanged; a line whose words are
// written again has the same text; no word can add a line.
import { decodeText, recodeWords } from "../../../src/parse/encoded-words.ts";
import { unfold } from "../../../src/parse/fields.ts";
import { expectSame, expectThat, text } from "../oracle.ts";

export const FILES: readonly string[] = ["parse/encoded-words", "parse/charset"];
export const TOKENS: readonly string[] = [
  ...[
    "=?utf-8?q?",
    "=?utf-8?B?",
    "=?iso-8859-1*de?Q?",
    "=?koi8-r?B?",
    "=?iso-2022-jp?B?",
    "=?utf-16?B?",
    "?=",
    "=?",
    "?",
  ],
  ...[
    "=E4",
    "=0D=0A",
    "_",
    " ",
    "YWJj",
    "YWI=",
    "YQ==",
    "w6Q=",
    "GyRCJCIbKEI=",
    "4pi",
    "Yg==",
    "\xc3\xa4",
    "\xe4",
  ],
];

/** Lines are short, and a hundred words take long. */
export const LONGEST = 512;

export async function fuzz(data: Buffer): Promise<void> {
  const line = unfold(data);
  const decoded = await decodeText(line);
  expectThat(!/[\r\n\0]/.test(decoded), "a text with a line end", decoded);
  expectSame(await decodeText(Buffer.from(await recodeWords(line))), decoded, "words written again");
  if (!line.includes("=?") && /^[ -~]*$/.test(text(line)))
    expectSame(decoded, text(line), "a line without words");

  // A byte order mark at the start is not a character.
  const sent = data.toString("utf8").replace(/^\ufeff+/, "");
  const expected = sent.replace(/[\r\n\0]/g, " ");
  const octets = Buffer.from(sent);
  const inQ = [...octets].map((octet) => `=${octet.toString(16).padStart(2, "0")}`).join("");
  for (const word of [`=?utf-8?B?${octets.toString("base64")}?=`, `=?UTF-8*en?q?${inQ}?=`])
    expectSame(
      await decodeText(Buffer.from(word)),
      sent === "" ? "" : expected,
      "a text encoded and decoded",
    );
  // RFC 2047 section 5 wants characters whole in a word, but some senders split them.
  const half = octets.length >> 1;
  const split = [octets.subarray(0, half), octets.subarray(half)];
  const words = split.map((part) => `=?utf-8?B?${part.toString("base64")}?=`).join(" ");
  expectSame(await decodeText(Buffer.from(words)), expected, "a text in two words");
  if (/[\ufffd\0-\x08\x0e-\x1f]/.test(sent)) return;
  const base64 = octets.toString("base64");
  const cut = Math.min(data[0] ?? 0, base64.replace(/=+$/, "").length);
  const groups = `=?utf-8?B?${base64.slice(0, cut)}?= =?utf-8?B?${base64.slice(cut)}?=`;
  expectSame(await decodeText(Buffer.from(groups)), expected, "a text in two words that split its base64");
}

export function parse(data: Buffer): Promise<unknown> {
  return decodeText(data);
}
