// Describes the malformed lines of LIST and UIDL in sentences.
import type { MalformedLine, MalformedReason } from "../protocol/malformed-line.ts";
import { count } from "./wording.ts";

/** The number of lines that are described one by one. */
const TOLD = 5;

const REASONS: Readonly<Record<MalformedReason, string>> = {
  "no number": "it does not begin with a message number",
  "no size": "no size follows the number",
  "no unique-id": "no unique-id follows the number",
  space: "the unique-id has a space in it",
  byte: "the unique-id has a byte that is not printable ASCII",
  length: "the unique-id has more than 512 characters",
  repeated: "an earlier line has the same number",
  "line end": "it does not end with CRLF",
};

/** Returns a sentence for each of the first five lines, and one that counts the others. */
export function malformedTexts(lines: readonly MalformedLine[]): string[] {
  const told = lines.slice(0, TOLD).map(malformedText);
  const more = lines.length - told.length;
  return more === 0 ? told : [...told, `${count(more, "more malformed line")}.`];
}

function malformedText({ command, text, reason }: MalformedLine): string {
  return `${command} has a malformed line, "${text}": ${REASONS[reason]}.`;
}
