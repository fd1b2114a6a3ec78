// Describes a malformed line of LIST or UIDL (RFC 1939): the line, and what is wrong with it.
import { Pop3Error } from "../errors.ts";
import { printableLine } from "./reply.ts";
import type { Secrets } from "./secrets.ts";

/**
 * The fault of a malformed line:
 *
 * - `"no number"`: it does not begin with a message number.
 * - `"no size"`: in LIST, no size follows the number.
 * - `"no unique-id"`: in UIDL, nothing follows the number.
 * - `"space"`: the unique-id contains a space.
 * - `"byte"`: the unique-id contains a byte outside 0x21 to 0x7E.
 * - `"length"`: the unique-id has more than 512 characters.
 * - `"repeated"`: an earlier line has the same number.
 * - `"line end"`: it ends with LF or contains LF, without CR before it.
 */
export type MalformedReason =
  "no number" | "no size" | "no unique-id" | "space" | "byte" | "length" | "repeated" | "line end";

/** A line of LIST or UIDL that does not have the form of RFC 1939. */
export interface MalformedLine {
  /** The command whose response has the line. */
  readonly command: "LIST" | "UIDL";
  /** The message number at the start of the line; `undefined` if there is none. */
  readonly number: number | undefined;
  /** The line with control characters as escapes and without secrets; at most 100 characters. */
  readonly text: string;
  /** What is wrong with the line. */
  readonly reason: MalformedReason;
}

/** A malformed line while the listing is read: not escaped yet. */
export interface BadLine {
  readonly number: number | undefined;
  /** The line decoded as Latin-1. */
  readonly raw: string;
  readonly reason: MalformedReason;
}

/** The number of characters of a line to show. */
const SHOWN = 100;

/** Formats a line for an error, without control characters and `secrets`. */
export function shownLine(raw: string, secrets?: Secrets): string {
  return printableLine(Buffer.from(raw, "latin1"), secrets);
}

export function malformedLine(
  command: MalformedLine["command"],
  { number, raw, reason }: BadLine,
  secrets?: Secrets,
): MalformedLine {
  const text = shownLine(raw, secrets);
  return { command, number, text: text.length > SHOWN ? `${text.slice(0, SHOWN - 1)}…` : text, reason };
}

/**
 * Tests whether a listing failed only because no line has a valid value, although each line has a message
 * number. Then the caller can continue with the other listing and the content of the messages. Otherwise one
 * malformed line would block a maildrop that has only one message.
 */
export function hasNoValues(
  error: unknown,
  lines: readonly MalformedLine[],
  command: MalformedLine["command"],
): error is Pop3Error {
  if (!Pop3Error.is(error) || error.code !== "POP3_BAD_LISTING") return false;
  const own = lines.filter((line) => line.command === command);
  return own.length > 0 && own.every(({ number }) => number !== undefined);
}

/** Returns the message numbers of the malformed lines of a command. */
export function numbersIn(
  lines: readonly MalformedLine[],
  command: MalformedLine["command"],
): ReadonlySet<number> {
  const numbers = new Set<number>();
  for (const line of lines)
    if (line.command === command && line.number !== undefined) numbers.add(line.number);
  return numbers;
}
