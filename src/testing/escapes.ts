// Converts bytes to printable text and back without loss: unprintable characters become escapes.
import { isUtf8 } from "node:buffer";
import { UNSAFE } from "../protocol/printable.ts";

/** What follows the backslash of an escape. */
const ESCAPE = String.raw`x[\da-fA-F]{2}|u[\da-fA-F]{4}|u\{(?:10|[\da-fA-F])?[\da-fA-F]{1,4}\}`;

// Also a backslash that would start an escape, and one at the end of the line: a transcript gives that one a
// meaning ("no CRLF").
const BACKSLASH = String.raw`\\(?=$|${ESCAPE})`;
const UNSAFE_CHARACTER = new RegExp(`${UNSAFE.source}|${BACKSLASH}`, "gu");
const UNSAFE_OCTET = new RegExp(`[^ -~]|${BACKSLASH}`, "g");
const ESCAPES = new RegExp(String.raw`\\(${ESCAPE})`);

/**
 * Escapes bytes: `\xNN` is a byte, `\uNNNN` or `\u{N}` a character in UTF-8; any other backslash is a backslash. If the
 * bytes are not valid UTF-8 as a whole, every byte outside ASCII is escaped.
 */
export function escaped(octets: Buffer): string {
  if (!isUtf8(octets)) return octets.toString("latin1").replace(UNSAFE_OCTET, octet);
  return octets
    .toString("utf8")
    .replace(UNSAFE_CHARACTER, (character) => (character < "\x80" ? octet(character) : codePoint(character)));
}

/** Returns the bytes of a text that {@link escaped} or a person has written. */
export function unescaped(text: string): Buffer {
  const pieces = text.split(ESCAPES);
  return Buffer.concat(
    pieces.map((piece, index) => {
      if (index % 2 === 0) return Buffer.from(piece, "utf8");
      if (piece.startsWith("x")) return Buffer.from(piece.slice(1), "hex");
      return Buffer.from(String.fromCodePoint(parseInt(piece.replace(/[u{}]/g, ""), 16)), "utf8");
    }),
  );
}

const octet = (character: string): string => `\\x${hexadecimal(character, 2)}`;
const codePoint = (character: string): string =>
  character.length === 1
    ? `\\u${hexadecimal(character, 4)}`
    : `\\u{${(character.codePointAt(0) as number).toString(16)}}`;

function hexadecimal(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, "0");
}
