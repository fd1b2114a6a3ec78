// Decodes encoded-words (RFC 2047) to text in linear time. Malformed encoded-words stay unchanged.
import { isUtf8 } from "node:buffer";
import { decodeCharset, decodeUnlabelled, decodeWindows1252, normalizeLabel } from "./charset.ts";

/** The parts of an encoded-word `=?charset?encoding?text?=`. */
interface EncodedWord {
  readonly charset: string;
  readonly encoding: "B" | "Q";
  readonly text: string;
  /** The end of the word in the field. */
  readonly end: number;
}

/** A run of words in one charset, or the text between words, one character for each byte. */
type Piece =
  | { readonly charset: string; readonly words: EncodedWord[] }
  | { readonly charset: undefined; readonly literal: string };

/** The maximum length of a charset. RFC 2047 section 2 limits the whole word to this length. */
const CHARSET_MAX = 75;

/**
 * Decodes an unfolded field body into one line of text.
 *
 * Raw 8-bit bytes are UTF-8 if the whole field is valid UTF-8, otherwise windows-1252. A line end or NUL
 * inside an encoded-word becomes a space, so that a value can never add a line to printed text or to another
 * header.
 */
export async function decodeText(octets: Buffer): Promise<string> {
  if (!octets.includes("=?")) return decodeUnlabelled(octets);
  let text = "";
  for await (const piece of decodePieces(octets)) text += piece.text;
  return text;
}

/**
 * Returns the line as UTF-8 text in which each run of encoded-words is one word in UTF-8, for a parser that
 * needs to know what was encoded but decodes words by rules of its own.
 */
export async function recodeWords(octets: Buffer): Promise<string> {
  let line = "";
  let words: string | undefined;
  // A word without text stays, too: without it, the text around it could become a word.
  const flush = (): void => {
    if (words !== undefined) line += `=?utf-8?B?${Buffer.from(words).toString("base64")}?=`;
    words = undefined;
  };
  for await (const { text, encoded } of decodePieces(octets)) {
    if (encoded) {
      words = (words ?? "") + text;
    } else {
      flush();
      line += text;
    }
  }
  flush();
  return line;
}

async function* decodePieces(octets: Buffer): AsyncGenerator<{ text: string; encoded: boolean }, void> {
  const line = octets.toString("latin1");
  const utf8 = isUtf8(octets);
  for (const piece of cutPieces(line)) {
    if (piece.charset !== undefined) {
      const text = await decodeWords(piece.words, piece.charset);
      yield { text: text.replace(/[\r\n\0]/g, " "), encoded: true };
    } else {
      const raw = Buffer.from(piece.literal, "latin1");
      yield { text: utf8 ? raw.toString("utf8") : decodeWindows1252(raw), encoded: false };
    }
  }
}

/** What no sender means to write in a field: a sign that bytes were joined, or separated, at the wrong place. */
const WRONG = /[\ufffd\x00-\x08\x0e-\x1f]/;

/**
 * Decodes the words of one charset, joined if that gives text: some senders split a character, or a group of
 * base64, over two words. Others leave out the padding of each word, and then each stands for itself.
 */
async function decodeWords(words: readonly EncodedWord[], charset: string): Promise<string> {
  const { octets, isAligned } = wordOctets(words);
  const joined = await decodeCharset(octets, charset);
  if ((isAligned && !WRONG.test(joined)) || !words.every(isWhole)) return joined;
  let text = "";
  for (const word of words) text += await decodeCharset(wordOctets([word]).octets, charset);
  return WRONG.test(text) ? joined : text;
}

/** Returns whether a word of base64 ends where a byte ends: the bits after its last byte are zero. */
function isWhole({ encoding, text }: EncodedWord): boolean {
  if (encoding === "Q") return true;
  const group = text.replace(/[ \t=]/g, "");
  return Buffer.from(group, "base64").toString("base64").replaceAll("=", "") === group;
}

/**
 * Splits a line into words and the text between them. Blanks between two words are removed (RFC 2047 section
 * 6.2).
 */
function cutPieces(line: string): Piece[] {
  const pieces: Piece[] = [];
  const reader = new WordReader(line);
  let start = 0;
  for (let at = line.indexOf("=?"); at >= 0;) {
    const word = reader.read(at);
    if (word === undefined) {
      at = line.indexOf("=?", at + 2);
      continue;
    }
    const between = line.slice(start, at);
    const last = pieces.at(-1);
    const isAdjacent = last?.charset !== undefined && isAllBlank(between);
    if (!isAdjacent) pieces.push({ charset: undefined, literal: between });
    if (isAdjacent && last.charset === word.charset) last.words.push(word);
    else pieces.push({ charset: word.charset, words: [word] });
    start = word.end;
    at = line.indexOf("=?", start);
  }
  pieces.push({ charset: undefined, literal: line.slice(start) });
  return pieces;
}

/**
 * Reads a word at a given position. It remembers the position of the next `?=`, and rejects a word at its
 * first invalid character, which the next `=?` always is. So a line of a million `=?` takes linear, not
 * quadratic time.
 */
class WordReader {
  readonly #line: string;
  #close = 0;

  constructor(line: string) {
    this.#line = line;
  }

  read(at: number): EncodedWord | undefined {
    const line = this.#line;
    const charsetEnd = line.indexOf("?", at + 2);
    if (charsetEnd < 0 || charsetEnd === at + 2 || charsetEnd > at + 2 + CHARSET_MAX) return undefined;
    const label = line.slice(at + 2, charsetEnd);
    const encoding = line.charAt(charsetEnd + 1).toUpperCase();
    const start = charsetEnd + 3;
    if (/[^\w.:+*()'-]/.test(label) || line.charAt(start - 1) !== "?") return undefined;
    if (encoding !== "B" && encoding !== "Q") return undefined;
    const close = this.#closeAfter(start);
    if (close < 0) return undefined;
    const wellFormed = encoding === "B" ? isBase64(line, start, close) : isQ(line, start, close);
    if (!wellFormed) return undefined;
    return { charset: normalizeLabel(label), encoding, text: line.slice(start, close), end: close + 2 };
  }

  #closeAfter(start: number): number {
    if (this.#close >= 0 && this.#close < start) this.#close = this.#line.indexOf("?=", start);
    return this.#close;
  }
}

/**
 * Returns the joined bytes of words in one charset: some senders split a multi-byte character over two words.
 * Some also split base64 within a group of four characters, so an incomplete group continues in the next
 * word. `isAligned`: all groups are complete, or end with padding.
 */
function wordOctets(words: readonly EncodedWord[]): { readonly octets: Buffer; readonly isAligned: boolean } {
  const parts: Buffer[] = [];
  let base64 = "";
  let isAligned = true;
  const flush = (): void => {
    if (base64.length % 4 !== 0 && !base64.endsWith("=")) isAligned = false;
    parts.push(Buffer.from(base64, "base64"));
    base64 = "";
  };
  for (const { encoding, text } of words) {
    if (encoding === "Q") {
      flush();
      parts.push(decodeQ(text));
    } else {
      const group = text.replace(/[ \t]/g, "");
      base64 += group;
      if (group.endsWith("=")) flush();
    }
  }
  flush();
  return { octets: Buffer.concat(parts), isAligned };
}

/** RFC 2047 section 4.2: `_` is a space, `=XX` a byte; all other characters stand for themselves. */
function decodeQ(text: string): Buffer {
  const octets = text
    .replaceAll("_", " ")
    .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(octets, "latin1");
}

/** Accepts blanks, although RFC 2047 forbids them: many senders write them. */
function isQ(line: string, start: number, end: number): boolean {
  for (let at = line.indexOf("=", start); at >= 0 && at < end; at = line.indexOf("=", at + 3)) {
    if (at + 2 >= end || !isHex(line.charCodeAt(at + 1)) || !isHex(line.charCodeAt(at + 2))) return false;
  }
  return true;
}

function isBase64(line: string, start: number, end: number): boolean {
  let padding = false;
  for (let at = start; at < end; at++) {
    const char = line.charCodeAt(at);
    if (char === 0x3d) padding = true;
    else if (char === 0x20 || char === 0x09) continue;
    else if (padding || !isBase64Char(char)) return false;
  }
  return true;
}

function isBase64Char(char: number): boolean {
  const letter = char | 0x20;
  return (letter >= 0x61 && letter <= 0x7a) || (char >= 0x2f && char <= 0x39) || char === 0x2b;
}

function isHex(char: number): boolean {
  const letter = char | 0x20;
  return (char >= 0x30 && char <= 0x39) || (letter >= 0x61 && letter <= 0x66);
}

function isAllBlank(text: string): boolean {
  return /^[ \t]*$/.test(text);
}
