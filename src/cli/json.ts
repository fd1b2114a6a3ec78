// Writes one JSON value per line, for programs. An error has the fields that a program can act on, and no
// secret.
import { Pop3Error, type Pop3ReplyError } from "../index.ts";
import type { Output } from "./io.ts";

/**
 * Characters that JSON does not escape, but that control a terminal, change the direction of text or are
 * invisible.
 */
const UNSAFE = /[\x7f-\x9f\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu;

function jsonLine(value: unknown): string {
  const text = JSON.stringify(value, (_name, each: unknown) => plain(each));
  return `${text.replace(UNSAFE, escape)}\n`;
}

/** JSON escapes a character beyond the first plane as its two UTF-16 units. */
function escape(character: string): string {
  return character
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}

export function writeJson(output: Output, value: unknown): Promise<void> {
  return output.write(jsonLine(value));
}

function plain(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value);
  // JSON has no Infinity.
  if (value === Infinity) return null;
  if (!(value instanceof Error)) return value;
  if (!Pop3Error.is(value)) return { name: value.name, message: value.message };
  const { name, code, message, command } = value;
  const { responseCode, text, temporary } = value as Partial<Pop3ReplyError>;
  return { name, code, message, command, responseCode, text, temporary };
}
