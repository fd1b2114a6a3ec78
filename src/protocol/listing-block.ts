// Parses the block of LIST or UIDL line by line while it arrives. Keeps only the entries and the malformed
// lines.
//
// Lines of the usual form, `12 34567`, with a higher number than all before, are matched together, because a listing may
// have a million of them. All other lines take the long way, which decides what they are.
//
// Of a malformed line only the message number at its start is used, and that message then has no value. So a
// malformed line is never taken for a line about another message. In the mode "strict", one malformed line
// fails the listing. In the mode "lenient", the listing fails only if every line is malformed, because that
// is not an empty maildrop. In both modes the block is read to its end, so the session continues. A line over
// the limit ends the session in both modes: it is a flood, not an entry.
import { Pop3ProtocolError } from "../errors.ts";
import type { BlockReader } from "./block.ts";
import { Columns } from "./columns.ts";
import { Fields, lastId, second, UNIQUE_ID } from "./listing-fields.ts";
import { isMessageNumber } from "./message-number.ts";
import {
  malformedLine,
  shownLine,
  type BadLine,
  type MalformedLine,
  type MalformedReason,
} from "./malformed-line.ts";
import type { Secrets } from "./secrets.ts";

/** How a listing with malformed lines is handled. */
export type ListingMode = "lenient" | "strict";

/** The limits of a scan or unique-id listing, and its mode. */
export interface ListingRules {
  /** The largest number of entries, and of malformed lines. */
  readonly entries: number;
  /** The largest size of the whole listing in octets. */
  readonly octets: number;
  /** The longest line in octets, CRLF included. */
  readonly line: number;
  /** How malformed lines are handled. @default "lenient" */
  readonly mode?: ListingMode;
  /** Called with the malformed lines when the listing is complete, also if the listing then fails. */
  readonly malformed?: (lines: readonly MalformedLine[]) => void;
}

/** Creates the reader for LIST: message number → size in octets. */
export function scanListing(rules: ListingRules): BlockReader<Columns<number>> {
  return new Listing<number>("LIST", rules, sizeOf);
}

/**
 * Creates the reader for UIDL: message number → unique-id. Two messages may have the same unique-id. A
 * message with a blank unique-id is left out.
 */
export function uniqueIdListing(rules: ListingRules): BlockReader<Columns<string>> {
  return new Listing<string>("UIDL", rules, lastId);
}

function sizeOf(fields: Fields): number | undefined {
  const size = second(fields);
  // Text after the size is allowed, but another line after a lone LF is not.
  return Number.isNaN(size) || fields.rest.includes("\n") ? undefined : size;
}

/**
 * The most malformed lines that are kept with their text. Of later ones only the number is kept, and only if the message
 * has no value because of it: a server that repeats one line for ever must not fill the memory.
 */
const KEPT = 1000;

/** The most characters of a malformed line that are kept; errors and events show fewer. */
const COPIED = 1024;

/**
 * Lines of the usual form, with numbers that are not 0 and that are safe integers: at most 1000 in one match, because a
 * match of a million overflows the stack. In a new process, which most polls are, this takes half the time of a loop over
 * the characters, which would have to be compiled first.
 */
const USUAL = {
  LIST: /(?:[1-9]\d{0,14} \d{1,15}\r\n){0,1000}/y,
  UIDL: new RegExp(`(?:[1-9]\\d{0,14} [!-~]{1,${UNIQUE_ID}}\\r\\n){0,1000}`, "y"),
} as const;

/** What the listings are called in errors. */
const NAMES = { LIST: "scan", UIDL: "unique-id" } as const;

class Listing<V extends number | string> implements BlockReader<Columns<V>> {
  readonly #command: MalformedLine["command"];
  readonly #rules: ListingRules;
  readonly #value: (fields: Fields) => V | undefined;
  #columns = new Columns<V>();
  /** The entries by number, once a line is out of order, repeated, blank or malformed. Then the columns are empty. */
  #byNumber: Map<number, V> | undefined;
  /** The highest message number so far: a higher one was not listed before. */
  #highest = 0;
  /** The messages without a reliable value. */
  readonly #doubtful = new Set<number>();
  readonly #bad: BadLine[] = [];
  /** How many lines are malformed. */
  #malformed = 0;
  /** The first malformed line that says more than "no unique-id". */
  #wrong: string | undefined;
  #rest = "";
  #octets = 0;

  /**
   * `value` parses the text after the message number. It returns `undefined` if malformed, and "" if blank.
   */
  constructor(
    command: MalformedLine["command"],
    rules: ListingRules,
    value: (fields: Fields) => V | undefined,
  ) {
    this.#command = command;
    this.#rules = rules;
    this.#value = value;
  }

  octets(octets: Buffer): boolean {
    this.#octets += octets.length;
    if (this.#octets > this.#rules.octets) throw this.#tooLarge(`${String(this.#rules.octets)} bytes`);
    const text = this.#rest + octets.toString("latin1");
    let start = this.#usual(text, 0);
    for (let end = text.indexOf("\r\n", start); end !== -1; end = text.indexOf("\r\n", start)) {
      this.#line(text, start, end);
      start = this.#usual(text, end + 2);
    }
    this.#rest = text.slice(start);
    if (this.#rest.length > this.#rules.line) throw this.#tooLong();
    return true;
  }

  /** Reads complete lines of the usual form. Returns the start of the first line that is not, or not complete. */
  #usual(text: string, from: number): number {
    if (this.#byNumber !== undefined) return from;
    const { numbers, values } = this.#columns;
    const { entries, line } = this.#rules;
    const form = USUAL[this.#command];
    form.lastIndex = from;
    const until = form.test(text) ? form.lastIndex : from;
    const sizes = this.#command === "LIST";
    let start = from;
    while (start < until && numbers.length < entries) {
      const space = text.indexOf(" ", start);
      const end = text.indexOf("\r\n", space);
      const number = Number(text.slice(start, space));
      // Such a line is handled by number from now on, so the rest is not matched again for each of them.
      if (number <= this.#highest || end + 2 - start > line) break;
      this.#highest = number;
      numbers.push(number);
      const value = text.slice(space + 1, end);
      values.push((sizes ? Number(value) : value) as V);
      start = end + 2;
    }
    return start;
  }

  get #count(): number {
    return this.#byNumber?.size ?? this.#columns.numbers.length;
  }

  /** Adds an entry with a higher number than all before. */
  #append(message: number, value: V): void {
    if (this.#byNumber !== undefined) {
      this.#byNumber.set(message, value);
      return;
    }
    this.#columns.numbers.push(message);
    this.#columns.values.push(value);
  }

  /** The entries by number. From now on the columns are not used. */
  get #entries(): Map<number, V> {
    if (this.#byNumber === undefined) {
      this.#byNumber = this.#columns.toMap();
      this.#columns = new Columns();
    }
    return this.#byNumber;
  }

  #line(text: string, start: number, end: number): void {
    if (end - start + 2 > this.#rules.line) throw this.#tooLong();
    const fields = new Fields(text, start, end);
    const message = fields.number();
    const value = this.#value(fields);
    // A comparison with NaN is always false.
    if (message > this.#highest && value !== undefined && value !== "") {
      this.#highest = message;
      this.#append(message, value);
    } else this.#unusual(text.slice(start, end), value);
    if (Math.max(this.#count, this.#malformed) > this.#rules.entries)
      throw this.#tooLarge(`${String(this.#rules.entries)} entries`);
  }

  /** Handles a line that is out of order, repeated, blank or malformed. */
  #unusual(raw: string, value: V | undefined): void {
    if (raw.includes("\n")) {
      const pieces = raw.split("\n").filter((piece) => piece !== "");
      for (const piece of pieces.length > 0 ? pieces : [raw])
        this.#reject(piece, leadingNumber(piece), "line end");
      return;
    }
    const number = leadingNumber(raw);
    if (number === undefined) {
      this.#reject(raw, number, "no number");
      return;
    }
    const before = this.#entries.get(number);
    if (before !== undefined && before === value) this.#name(undefined, { number, raw, reason: "repeated" });
    else if (before !== undefined || this.#doubtful.has(number)) this.#reject(raw, number, "repeated");
    else if (value === undefined) this.#reject(raw, number, this.#reasonOf(raw));
    else if (value === "") this.#reject(raw, number, "no unique-id");
    else this.#entries.set(number, value);
  }

  /** Drops the value of the line, and any earlier value of its message. */
  #reject(raw: string, number: number | undefined, reason: MalformedReason): void {
    this.#name(number, { number, raw, reason });
    if (number === undefined) return;
    this.#highest = Math.max(this.#highest, number);
    this.#doubtful.add(number);
    this.#entries.delete(number);
  }

  /** Keeps a malformed line. `doubtful`: the message that has no value because of it. */
  #name(doubtful: number | undefined, { number, raw, reason }: BadLine): void {
    this.#malformed++;
    if (reason !== "no unique-id") this.#wrong ??= copyOf(raw);
    if (this.#bad.length < KEPT) this.#bad.push({ number, raw: copyOf(raw), reason });
    else if (doubtful !== undefined && !this.#doubtful.has(doubtful))
      this.#bad.push({ number, raw: "", reason });
  }

  #reasonOf(raw: string): MalformedReason {
    if (this.#command === "LIST") return "no size";
    const id = raw.replace(/^\d+ */, "").replace(/ +$/, "");
    if (/[^\x20-\x7e]/.test(id)) return "byte";
    return id.includes(" ") ? "space" : "length";
  }

  get #isStrict(): boolean {
    return this.#rules.mode === "strict";
  }

  #tooLarge(limit: string): Pop3ProtocolError {
    return new Pop3ProtocolError(
      "POP3_LIST_TOO_LARGE",
      `the ${NAMES[this.#command]} listing is larger than the limit of ${limit}`,
    );
  }

  #tooLong(): Pop3ProtocolError {
    return new Pop3ProtocolError(
      "POP3_LINE_TOO_LONG",
      `a line of the ${NAMES[this.#command]} listing is longer than the limit of ${String(this.#rules.line)} bytes`,
    );
  }

  end(secrets?: Secrets): Columns<V> {
    const { malformed } = this.#rules;
    malformed?.(this.#bad.map((line) => malformedLine(this.#command, line, secrets)));
    // A blank unique-id is an answer: the server has none.
    const wrong = this.#wrong;
    if (wrong !== undefined && (this.#isStrict || this.#count === 0)) {
      const which = this.#isStrict ? "malformed line in the" : "every line is malformed in the";
      throw new Pop3ProtocolError(
        "POP3_BAD_LISTING",
        `${which} ${NAMES[this.#command]} listing: "${shownLine(wrong, secrets)}"`,
      );
    }
    return this.#byNumber === undefined ? this.#columns : Columns.of(this.#byNumber);
  }
}

/** The first characters of a line, in memory of their own: a part of a string keeps the whole chunk alive. */
function copyOf(raw: string): string {
  return Buffer.from(raw.slice(0, COPIED), "latin1").toString("latin1");
}

/** The message number with which a line begins, and that ends at a space or at the end; a number is not 0. */
function leadingNumber(raw: string): number | undefined {
  const number = Number(/^\d{1,16}(?= |$)/.exec(raw)?.[0]);
  return isMessageNumber(number) ? number : undefined;
}
