// A line of LIST or UIDL that is not what RFC 1939 asks for: which line it is, and what is wrong with it.
import { Pop3Error } from "../errors.ts";
import { printableLine } from "./reply.ts";

/**
 * What is wrong with a line:
 *
 * - `"no number"`: it does not begin with a message number.
 * - `"no size"`: in LIST, no size follows the number.
 * - `"no unique-id"`: in UIDL, nothing follows the number.
 * - `"space"`: the unique-id has a space in it.
 * - `"byte"`: the unique-id has a byte outside 0x21 to 0x7E.
 * - `"length"`: the unique-id has more than 512 characters.
 * - `"repeated"`: a line before it has the same number.
 * - `"line end"`: it ends with LF or contains one, without a CR before it.
 */
export type MalformedReason =
  "no number" | "no size" | "no unique-id" | "space" | "byte" | "length" | "repeated" | "line end";

/** A line of LIST or UIDL that cannot be read as RFC 1939 has it. */
export interface MalformedLine {
  readonly command: "LIST" | "UIDL";
  /** The message number with which the line begins; `undefined` if there is none. */
  readonly number: number | undefined;
  /** The line, with control characters as escapes and without secrets; at most 100 characters. */
  readonly text: string;
  readonly reason: MalformedReason;
}

/** The same while the listing is read: as it came. */
export interface BadLine {
  readonly number: number | undefined;
  /** Latin-1. */
  readonly raw: string;
  readonly reason: MalformedReason;
}

/** The most characters of a line that are shown. */
const SHOWN = 100;

/** What may be shown of a line: no control characters, no `secrets`. */
export function shownLine(raw: string, secrets?: readonly string[]): string {
  return printableLine(Buffer.from(raw, "latin1"), secrets);
}

export function malformedLine(
  command: MalformedLine["command"],
  { number, raw, reason }: BadLine,
  secrets?: readonly string[],
): MalformedLine {
  const text = shownLine(raw, secrets);
  return { command, number, text: text.length > SHOWN ? `${text.slice(0, SHOWN - 1)}…` : text, reason };
}

/**
 * Whether a listing failed only because it has no value for any of the messages that it names. A maildrop with one message
 * must not depend on one line: the other listing and the content tell the rest.
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

/** The numbers of the messages that malformed lines of a command are about. */
export function numbersIn(
  lines: readonly MalformedLine[],
  command: MalformedLine["command"],
): ReadonlySet<number> {
  const numbers = new Set<number>();
  for (const line of lines)
    if (line.command === command && line.number !== undefined) numbers.add(line.number);
  return numbers;
}
