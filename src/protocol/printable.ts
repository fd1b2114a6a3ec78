// Makes the text of a peer safe to print: it cannot move the cursor, forge a line, reverse the text or hide. Shows a
// value of the caller without a secret.
import { Secrets } from "./secrets.ts";

/** The most characters of a peer's text in an error. */
const LONGEST = 512;

// Controls, line and paragraph separators, marks that reorder text, and characters that are invisible: tags,
// zero-width characters, soft hyphens, variation selectors, the byte order mark, annotations.
export const UNSAFE: Readonly<RegExp> =
  /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu;

const NONE = new Secrets();

/** Escapes unsafe characters. */
export function escapeUnsafe(text: string): string {
  return text.replace(UNSAFE, escape);
}

/** Tests whether a text has no unsafe character. */
export function isPrintable(text: string): boolean {
  return text.search(UNSAFE) === -1;
}

/** Masks `secrets`, escapes unsafe characters, and cuts `text` after 512 characters. */
export function printable(text: string, secrets: Secrets = NONE): string {
  const shown = secrets.mask(text);
  const cut = shown.length > LONGEST ? `${shown.slice(0, LONGEST)}…` : shown;
  return escapeUnsafe(cut);
}

function escape(character: string): string {
  const code = character.codePointAt(0) as number;
  const digits = code.toString(16);
  if (code > 0xffff) return `\\u{${digits}}`;
  return code < 0x100 ? `\\x${digits.padStart(2, "0")}` : `\\u${digits.padStart(4, "0")}`;
}

/**
 * A value as an error shows it. Of strings only what looks like a number or a switch is shown: any other may be a secret
 * that was given in the wrong place.
 */
export function shown(value: unknown): string {
  switch (typeof value) {
    case "string":
      return HARMLESS.test(value) ? `"${value}"` : value === "" ? "an empty string" : "a string";
    case "function":
    case "symbol":
      return `a ${typeof value}`;
    case "object":
      return value === null ? "null" : Array.isArray(value) ? "an array" : "an object";
    default:
      return String(value);
  }
}

const HARMLESS = /^(?:-?\d[\d.,]{0,11} ?[a-z]{0,7}|true|false|yes|no|on|off)$/i;

/** The type of a value that may be a secret. */
export function typeOf(value: unknown): string {
  return value === null || value === undefined ? String(value) : `a value of type ${typeof value}`;
}
