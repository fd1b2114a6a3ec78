// Decodes the text parts of a message: transfer encoding, charset, line ends and flowed lines.
import { isUtf8 } from "node:buffer";
import { openDecoder } from "./charset.ts";
import type { TextPieceDecoder } from "./charset.ts";
import { FlowedText } from "./flowed.ts";
import type { Part } from "./parts.ts";
import { decodeTransfer } from "./transfer.ts";
import type { Turns } from "./turns.ts";

/**
 * The bytes of HTML in which a `meta` element may name the charset. Browsers look at the first 1024 bytes;
 * programs that write mail put style sheets first.
 */
const META_MAX = 16_384;

const META = /<meta\b[^>]{0,1000}?\bcharset\s*=\s*["']?\s*([\w.:-]+)/i;

/**
 * Decodes a part of the type text/plain, text/html or message/delivery-status, with LF line ends. Only line ends
 * give an empty text.
 */
export async function decodeTextPart(part: Part, turns: Turns): Promise<string> {
  const octets: Buffer[] = [];
  for await (const slice of decodeTransfer(part.body, part.encoding, turns)) octets.push(slice);
  const decoder = await decoderFor(part, octets, turns);
  const flowed = isFlowed(part)
    ? new FlowedText(part.parameters.get("delsp")?.trim().toLowerCase() === "yes")
    : undefined;
  let text = "";
  let blank = true;
  for await (const lines of decodedLines(octets, decoder, turns)) {
    blank &&= !/[^\n]/.test(lines);
    text += flowed?.write(lines) ?? lines;
  }
  return blank ? "" : text + (flowed?.end() ?? "");
}

/** Yields the text with LF line ends, in pieces. */
async function* decodedLines(
  octets: readonly Buffer[],
  decoder: TextPieceDecoder,
  turns: Turns,
): AsyncGenerator<string, void> {
  let carriageReturn = "";
  for await (const slice of turns.slices(octets)) {
    const piece = carriageReturn + decoder.write(slice);
    carriageReturn = piece.endsWith("\r") ? "\r" : "";
    yield piece.slice(0, piece.length - carriageReturn.length).replaceAll("\r\n", "\n");
  }
  yield (carriageReturn + decoder.end()).replaceAll("\r\n", "\n");
}

function isFlowed({ type, parameters }: Part): boolean {
  return type === "text/plain" && parameters.get("format")?.trim().toLowerCase() === "flowed";
}

async function decoderFor(part: Part, octets: readonly Buffer[], turns: Turns): Promise<TextPieceDecoder> {
  for (const label of labels(part, octets)) {
    const decoder = await openDecoder(label);
    if (decoder !== undefined) return decoder;
  }
  return (await openDecoder((await areUtf8(octets, turns)) ? "utf-8" : "windows-1252")) as TextPieceDecoder;
}

/**
 * Yields what names the charset, best first: the parameter of the part, a byte order mark, and in HTML the
 * `meta` element. "us-ascii" counts as no charset: if it is right, every guess is.
 */
function* labels({ type, parameters }: Part, octets: readonly Buffer[]): Generator<string, void> {
  const label = parameters.get("charset") ?? "";
  if (label !== "" && !/^\W*(?:us[-_]?)?ascii\W*$/i.test(label)) yield label;
  const start = Buffer.concat(octets.slice(0, 2)).subarray(0, META_MAX).toString("latin1");
  if (/^(?:\xfe\xff|\xff\xfe)/.test(start)) yield "utf-16";
  else if (start.startsWith("\xef\xbb\xbf")) yield "utf-8";
  if (type !== "text/html") return;
  const meta = META.exec(start.replace(/<!--[^]*?-->/g, ""))?.[1];
  // HTML in which the element can be read is not in UTF-16.
  if (meta !== undefined) yield /^utf-?16/i.test(meta) ? "utf-8" : meta;
}

async function areUtf8(octets: readonly Buffer[], turns: Turns): Promise<boolean> {
  let rest = Buffer.alloc(0);
  for await (const slice of turns.slices(octets)) {
    const whole = Buffer.concat([rest, slice]);
    const cut = whole.length - incompleteTail(whole);
    if (!isUtf8(whole.subarray(0, cut))) return false;
    rest = whole.subarray(cut);
  }
  return rest.length === 0;
}

/** The number of bytes at the end that may begin a character of UTF-8 whose rest comes later. */
function incompleteTail(octets: Buffer): number {
  for (let length = 1; length <= 3 && length <= octets.length; length++) {
    const octet = octets[octets.length - length] ?? 0;
    if (octet >= 0xc0) return length < sizeOf(octet) ? length : 0;
    if (octet < 0x80) return 0;
  }
  return 0;
}

/** The number of bytes of the character of UTF-8 that begins with this byte. */
function sizeOf(octet: number): number {
  if (octet >= 0xf0) return 4;
  return octet >= 0xe0 ? 3 : 2;
}
