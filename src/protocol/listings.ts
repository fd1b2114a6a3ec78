// Reads STAT, LIST and UIDL (RFC 1939 sections 5 and 7): digits are digits, and a wrong line is an error, never a guess.
import { Pop3ProtocolError } from "../errors.ts";
import type { BlockReader } from "./block.ts";
import { printable } from "./printable.ts";
import { printableLine, type Reply } from "./reply.ts";

/** The maildrop as STAT gives it: messages that are not marked as deleted, and their size in octets. */
export interface MaildropStat {
  readonly count: number;
  readonly size: number;
}

/** The bounds of a scan or unique-id listing. */
export interface ListingLimits {
  /** The most entries. */
  readonly entries: number;
  /** The most octets of the whole listing. */
  readonly octets: number;
  /** The most octets of one line. */
  readonly line: number;
}

/**
 * The most characters of a unique-id, each from 0x21 to 0x7E. RFC 1939 section 7 says 70; servers that give the name of
 * a file in a Maildir exceed that, and without its whole unique-id no message is known again.
 */
const UNIQUE_ID = 512;
/** Digits of a number: more than any that JavaScript holds exactly. */
const DIGITS = 16;

const SPACE = 32;
const ZERO = 48;

/**
 * The fields of one line, read character by character: a listing may have a million lines, and a regular
 * expression for each takes twice the time.
 */
class Fields {
  readonly #text: string;
  #at: number;
  readonly #end: number;

  constructor(text: string, start = 0, end: number = text.length) {
    this.#text = text;
    this.#at = start;
    this.#end = end;
  }

  /** A number, or NaN where there is none, or one too large to be exact. */
  number(): number {
    const start = this.#at;
    let value = 0;
    while (this.#at < this.#end) {
      const digit = this.#text.charCodeAt(this.#at) - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      this.#at++;
    }
    const digits = this.#at - start;
    return digits > 0 && digits <= DIGITS && Number.isSafeInteger(value) ? value : NaN;
  }

  /** Skips spaces, and returns whether there were any. Runs are accepted: at least one large provider pads its columns. */
  spaces(): boolean {
    const start = this.#at;
    while (this.#at < this.#end && this.#text.charCodeAt(this.#at) === SPACE) this.#at++;
    return this.#at > start;
  }

  /** A unique-id, or `undefined` where it is too long. */
  uniqueId(): string | undefined {
    const start = this.#at;
    while (this.#at < this.#end) {
      const code = this.#text.charCodeAt(this.#at);
      if (code <= SPACE || code > 0x7e) break;
      this.#at++;
    }
    return this.#at - start <= UNIQUE_ID ? this.#text.slice(start, this.#at) : undefined;
  }

  /** Whether nothing is left. */
  get over(): boolean {
    return this.#at === this.#end;
  }
}

/** `+OK 2 320` → `{ count: 2, size: 320 }`. Throws `POP3_BAD_RESPONSE`. */
export function parseStat(reply: Reply, secrets?: readonly string[]): MaildropStat {
  const fields = new Fields(reply.text);
  const count = fields.number();
  const size = second(fields);
  if (Number.isNaN(count) || Number.isNaN(size)) {
    throw new Pop3ProtocolError("POP3_BAD_RESPONSE", `not a STAT reply: "${printable(reply.text, secrets)}"`);
  }
  return { count, size };
}

/** `+OK 2 200` as the answer to `LIST 2` → `200`. Throws `POP3_BAD_RESPONSE`, or `POP3_PROTOCOL` where another message is named. */
export function parseScanListing(reply: Reply, message: number, secrets?: readonly string[]): number {
  const fields = new Fields(reply.text);
  const named = fields.number();
  const size = second(fields);
  if (Number.isNaN(named) || Number.isNaN(size)) {
    const text = printable(reply.text, secrets);
    throw new Pop3ProtocolError("POP3_BAD_RESPONSE", `not a scan listing: "${text}"`);
  }
  assertSameMessage(named, message);
  return size;
}

/** `+OK 2 QhdPYR:00WBw1Ph7x7` as the answer to `UIDL 2` → `"QhdPYR:00WBw1Ph7x7"`. Throws as {@link parseScanListing}. */
export function parseUniqueId(reply: Reply, message: number, secrets?: readonly string[]): string {
  const fields = new Fields(reply.text);
  const named = fields.number();
  const id = lastId(fields);
  if (Number.isNaN(named) || id === undefined || id === "") {
    const text = printable(reply.text, secrets);
    throw new Pop3ProtocolError("POP3_BAD_RESPONSE", `not a unique-id listing: "${text}"`);
  }
  assertSameMessage(named, message);
  return id;
}

/** The number behind the first; NaN where there is none. Text behind it is allowed by the RFC. */
function second(fields: Fields): number {
  if (!fields.spaces()) return NaN;
  const value = fields.number();
  return fields.over || fields.spaces() ? value : NaN;
}

/**
 * The unique-id behind the number; "" where that is blank, as some servers have none for a message. Nothing but spaces
 * follows it.
 */
function lastId(fields: Fields): string | undefined {
  const apart = fields.spaces();
  const id = fields.uniqueId();
  fields.spaces();
  return fields.over && (apart || id === "") ? id : undefined;
}

/** An answer about another message means that question and answer are out of step, and stay so. */
function assertSameMessage(named: number, asked: number): void {
  if (named !== asked) {
    throw new Pop3ProtocolError(
      "POP3_PROTOCOL",
      `the server answered for message ${String(named)} when asked for ${String(asked)}`,
    );
  }
}

/** Reads a whole listing line by line as it comes, keeping nothing but the entries. */
class Listing<V> implements BlockReader<Map<number, V>> {
  readonly #entries = new Map<number, V>();
  readonly #limits: ListingLimits;
  readonly #name: string;
  readonly #value: (fields: Fields) => V | undefined;
  #rest = "";
  #octets = 0;
  #bad: string | undefined;
  /** The messages whose value is "": they are counted like others, and left out at the end. */
  readonly #blank: number[] = [];

  /** `value` reads what stands behind the message number; `undefined` or NaN: that is wrong. */
  constructor(name: string, limits: ListingLimits, value: (fields: Fields) => V | undefined) {
    this.#name = name;
    this.#limits = limits;
    this.#value = value;
  }

  octets(octets: Buffer): boolean {
    this.#octets += octets.length;
    if (this.#octets > this.#limits.octets) throw this.#tooLarge(`${String(this.#limits.octets)} octets`);
    const text = this.#rest + octets.toString("latin1");
    let start = 0;
    for (let end = text.indexOf("\r\n"); end !== -1; end = text.indexOf("\r\n", start)) {
      this.#line(text, start, end);
      start = end + 2;
    }
    this.#rest = text.slice(start);
    if (this.#rest.length > this.#limits.line) throw this.#tooLong();
    return true;
  }

  #line(text: string, start: number, end: number): void {
    if (end - start + 2 > this.#limits.line) throw this.#tooLong();
    // A bad line fails the call only at the end: what follows is read, so that the session lives.
    if (!this.#add(new Fields(text, start, end))) this.#bad ??= text.slice(start, end);
    if (this.#entries.size > this.#limits.entries)
      throw this.#tooLarge(`${String(this.#limits.entries)} entries`);
  }

  /** Enters what a line says; a message number occurs once, and is no 0 (RFC 1939 section 4). */
  #add(fields: Fields): boolean {
    const message = fields.number();
    const value = this.#value(fields);
    if (!isMessageNumber(message) || value === undefined || Number.isNaN(value)) return false;
    if (value === "") this.#blank.push(message);
    const before = this.#entries.size;
    return this.#entries.set(message, value).size > before;
  }

  #tooLarge(limit: string): Pop3ProtocolError {
    return new Pop3ProtocolError("POP3_LIST_TOO_LARGE", `the ${this.#name} listing has more than ${limit}`);
  }

  #tooLong(): Pop3ProtocolError {
    return new Pop3ProtocolError(
      "POP3_LINE_TOO_LONG",
      `a line of the ${this.#name} listing is longer than ${String(this.#limits.line)} octets`,
    );
  }

  end(secrets?: readonly string[]): Map<number, V> {
    if (this.#bad !== undefined) {
      throw new Pop3ProtocolError(
        "POP3_BAD_LISTING",
        `bad line in the ${this.#name} listing: "${printableLine(Buffer.from(this.#bad, "latin1"), secrets)}"`,
      );
    }
    for (const message of this.#blank) this.#entries.delete(message);
    return this.#entries;
  }
}

/** LIST: message number → size in octets. */
export function scanListing(limits: ListingLimits): BlockReader<Map<number, number>> {
  return new Listing<number>("scan", limits, second);
}

/** UIDL: message number → unique-id. Two messages with one unique-id are both given, one with a blank one is not. */
export function uniqueIdListing(limits: ListingLimits): BlockReader<Map<number, string>> {
  return new Listing<string>("unique-id", limits, lastId);
}

export function isMessageNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
