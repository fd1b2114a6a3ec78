// Reads STAT, LIST and UIDL (RFC 1939 sections 5 and 7): digits are digits, and a wrong line is an error, never a guess.
import { Pop3ProtocolError } from "../errors.ts";
import type { BlockReader } from "./block.ts";
import { printable } from "./printable.ts";
import type { Reply } from "./reply.ts";

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

const NUMBERS = /^(\d{1,16}) +(\d{1,16})(?: .*)?$/;
// Runs of spaces are accepted: at least one large provider pads its columns. Text behind the size is allowed by the RFC.
const SCAN_LINE = /^(\d{1,16}) +(\d{1,16})(?: .*)?$/;
// RFC 1939 section 7: a unique-id is 1 to 70 characters from 0x21 to 0x7E.
const UNIQUE_ID_LINE = /^(\d{1,16}) +([!-~]{1,70}) *$/;

/** `+OK 2 320` → `{ count: 2, size: 320 }`. Throws `POP3_BAD_RESPONSE`. */
export function parseStat(reply: Reply): MaildropStat {
  const match = NUMBERS.exec(reply.text);
  const count = Number(match?.[1]);
  const size = Number(match?.[2]);
  if (!Number.isSafeInteger(count) || !Number.isSafeInteger(size)) {
    throw new Pop3ProtocolError("POP3_BAD_RESPONSE", `not a STAT reply: "${printable(reply.text)}"`);
  }
  return { count, size };
}

/** `+OK 2 200` as the answer to `LIST 2` → `200`. Throws `POP3_BAD_RESPONSE`, or `POP3_PROTOCOL` where another message is named. */
export function parseScanListing(reply: Reply, message: number): number {
  const match = SCAN_LINE.exec(reply.text);
  const size = Number(match?.[2]);
  if (!Number.isSafeInteger(size)) {
    throw new Pop3ProtocolError("POP3_BAD_RESPONSE", `not a scan listing: "${printable(reply.text)}"`);
  }
  assertSameMessage(Number(match?.[1]), message);
  return size;
}

/** `+OK 2 QhdPYR:00WBw1Ph7x7` as the answer to `UIDL 2` → `"QhdPYR:00WBw1Ph7x7"`. Throws as {@link parseScanListing}. */
export function parseUniqueId(reply: Reply, message: number): string {
  const match = UNIQUE_ID_LINE.exec(reply.text);
  if (match === null) {
    throw new Pop3ProtocolError("POP3_BAD_RESPONSE", `not a unique-id listing: "${printable(reply.text)}"`);
  }
  assertSameMessage(Number(match[1]), message);
  return match[2] as string;
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
  readonly #add: (line: string, entries: Map<number, V>) => boolean;
  #rest = "";
  #octets = 0;
  #bad: string | undefined;

  constructor(name: string, limits: ListingLimits, add: (line: string, entries: Map<number, V>) => boolean) {
    this.#name = name;
    this.#limits = limits;
    this.#add = add;
  }

  octets(octets: Buffer): boolean {
    this.#octets += octets.length;
    if (this.#octets > this.#limits.octets) throw this.#tooLarge(`${String(this.#limits.octets)} octets`);
    const text = this.#rest + octets.toString("latin1");
    let start = 0;
    for (let end = text.indexOf("\r\n"); end !== -1; end = text.indexOf("\r\n", start)) {
      this.#line(text.slice(start, end));
      start = end + 2;
    }
    this.#rest = text.slice(start);
    if (this.#rest.length > this.#limits.line) throw this.#tooLong();
    return true;
  }

  #line(line: string): void {
    if (line.length + 2 > this.#limits.line) throw this.#tooLong();
    // A bad line fails the call only at the end: what follows is read, so that the session lives.
    if (!this.#add(line, this.#entries)) this.#bad ??= line;
    if (this.#entries.size > this.#limits.entries)
      throw this.#tooLarge(`${String(this.#limits.entries)} entries`);
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

  end(): Map<number, V> {
    if (this.#bad !== undefined) {
      throw new Pop3ProtocolError(
        "POP3_BAD_LISTING",
        `bad line in the ${this.#name} listing: "${printable(this.#bad)}"`,
      );
    }
    return this.#entries;
  }
}

/** LIST: message number → size in octets. */
export function scanListing(limits: ListingLimits): BlockReader<Map<number, number>> {
  return new Listing<number>("scan", limits, (line, entries) => {
    const match = SCAN_LINE.exec(line);
    return match !== null && add(entries, Number(match[1]), Number(match[2]));
  });
}

/** UIDL: message number → unique-id. Two messages with one unique-id are both given. */
export function uniqueIdListing(limits: ListingLimits): BlockReader<Map<number, string>> {
  return new Listing<string>("unique-id", limits, (line, entries) => {
    const match = UNIQUE_ID_LINE.exec(line);
    return match !== null && add(entries, Number(match[1]), match[2] as string);
  });
}

/** Enters what a line says; a message number occurs once, and is no 0 (RFC 1939 section 4). */
function add<V>(entries: Map<number, V>, message: number, value: V): boolean {
  if (!isMessageNumber(message) || entries.has(message)) return false;
  if (typeof value === "number" && !Number.isSafeInteger(value)) return false;
  entries.set(message, value);
  return true;
}

export function isMessageNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
