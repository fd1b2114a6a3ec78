// Makes text of a sender or a server readable on a terminal: no character of it can control the terminal.
import { escapeUnsafe } from "../protocol/printable.ts";
import type { Secrets } from "../protocol/secrets.ts";

/** Joiners and selectors that emojis and some scripts contain. Without them a text is as readable as before. */
const INVISIBLE = /[\u00ad\u200b-\u200d\u2060\ufeff\p{Variation_Selector}]/gu;

/** The most characters of a header field that are shown. */
const LONGEST = 1000;

/** Returns a header field as one line. `secrets` are masked before anything is cut. */
export function readable(text: string, secrets: Secrets): string {
  const line = secrets.mask(text).replace(/\s+/g, " ").replace(INVISIBLE, "").trim();
  return escapeUnsafe(line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line);
}

/** Returns the lines of a body. Tabs are spaces then, and other control characters are escaped. */
export function readableLines(text: string, secrets: Secrets): string[] {
  return secrets
    .mask(text)
    .replace(INVISIBLE, "")
    .split(/\r\n|\n|\r/)
    .map((line) => escapeUnsafe(line.replaceAll("\t", "    ")).trimEnd());
}
