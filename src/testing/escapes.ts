// Octets as text that can be read back: what does not print, or would be read as something else, is an escape.
import { isUtf8 } from "node:buffer";

// Controls, line and paragraph separators, the marks that reorder text, the byte order mark; and a backslash that
// would begin an escape, or stand at the end of the line, where it has a meaning of its own.
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\ufeff]|\\(?=$|x[\da-fA-F]{2}|u[\da-fA-F]{4})/gu;
const UNSAFE_OCTET = /[^ -~]|\\(?=$|x[\da-fA-F]{2}|u[\da-fA-F]{4})/g;

/**
 * `\xNN` is an octet, `\uNNNN` a character in UTF-8, and a backslash before anything else is a backslash. What is
 * no UTF-8 as a whole has each octet beyond ASCII escaped.
 */
export function escaped(octets: Buffer): string {
  if (!isUtf8(octets)) return octets.toString("latin1").replace(UNSAFE_OCTET, octet);
  return octets
    .toString("utf8")
    .replace(UNSAFE, (character) => (character < "\x80" ? octet(character) : codePoint(character)));
}

/** The octets that {@link escaped} had, or that a person wrote down. */
export function unescaped(text: string): Buffer {
  const pieces = text.split(/\\(x[\da-fA-F]{2}|u[\da-fA-F]{4})/);
  return Buffer.concat(
    pieces.map((piece, index) => {
      if (index % 2 === 0) return Buffer.from(piece, "utf8");
      if (piece.startsWith("x")) return Buffer.from(piece.slice(1), "hex");
      return Buffer.from(String.fromCharCode(parseInt(piece.slice(1), 16)), "utf8");
    }),
  );
}

const octet = (character: string): string => `\\x${hexadecimal(character, 2)}`;
const codePoint = (character: string): string => `\\u${hexadecimal(character, 4)}`;

function hexadecimal(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, "0");
}
