// Reads a header section: its fields in order, each as bytes and as text. Names are found in upper or lower
// case.
import { argumentError, checkString } from "../options/checks.ts";
import { decodeText } from "./encoded-words.ts";
import { HEADER_MAX, readBoundedSection, unfold } from "./fields.ts";
import type { RawField } from "./fields.ts";
import { checkOctets, checkParseOptions, limit } from "./options.ts";
import { Turns } from "./turns.ts";

/** Options of `parseHeaders`. */
export interface ParseHeadersOptions {
  /**
   * The maximum size of the header section in bytes. It also limits the memory, to some hundred times this size
   * for a section of the shortest fields.
   * @default 262144 (256 KiB)
   */
  readonly maxHeaderSize?: number | undefined;
}

/** One field of a header section. */
export interface HeaderField {
  /** The name as the sender wrote it: `Subject`, `SUBJECT`. */
  readonly name: string;
  /**
   * The field body as one line of text: unfolded, blanks at both ends removed, encoded-words decoded. It
   * never contains CR, LF or NUL: each becomes a space, even inside an encoded-word.
   */
  readonly value: string;
  /** The bytes of the whole field with its name and folding, without the line end at its end. */
  readonly raw: Buffer;
}

/**
 * The fields of one header section. Look-ups ignore the case of names, and throw a `Pop3Error` with the code
 * `POP3_INVALID_ARGUMENT` if the name is not a string.
 *
 * A decoded value is for people to read. Do not parse addresses from it: an encoded-word may contain commas
 * and angle brackets that are part of a name. `parseMessage` returns addresses.
 */
export class MessageHeaders implements Iterable<HeaderField> {
  readonly #fields: readonly HeaderField[];
  readonly #byName: ReadonlyMap<string, readonly HeaderField[]>;

  constructor(fields: readonly HeaderField[]) {
    const byName = new Map<string, HeaderField[]>();
    for (const field of fields) {
      const name = field.name.toLowerCase();
      const same = byName.get(name);
      if (same === undefined) byName.set(name, [field]);
      else same.push(field);
    }
    this.#fields = fields;
    this.#byName = byName;
  }

  /** The number of fields, including duplicates. */
  get size(): number {
    return this.#fields.length;
  }

  /** Returns the value of the first field with this name, or `undefined` if there is none. */
  get(name: string): string | undefined {
    return this.#named(name)[0]?.value;
  }

  /** Returns the values of all fields with this name, in order; an empty array if there is none. */
  getAll(name: string): string[] {
    return this.#named(name).map((field) => field.value);
  }

  /** Returns whether there is a field with this name. */
  has(name: string): boolean {
    return this.#named(name).length > 0;
  }

  /** Iterates over the fields in the order of the message. */
  [Symbol.iterator](): IterableIterator<HeaderField> {
    return this.#fields.values();
  }

  #named(name: string): readonly HeaderField[] {
    checkString("name", name, argumentError);
    return this.#byName.get(name.toLowerCase()) ?? [];
  }
}

/**
 * Parses the header section of a message: the result of `TOP n 0`, or a whole message, whose body is ignored.
 *
 * The section ends at the first empty line. CRLF and bare LF both end a line. Folded lines are joined (RFC
 * 5322 section 2.2.3). Encoded-words are decoded (RFC 2047, with the languages of RFC 2231 section 5).
 * Adjacent encoded-words in one charset are joined first, so that a character split over two of them is
 * decoded. A malformed encoded-word stays unchanged. Raw 8-bit bytes are UTF-8 if the field is valid UTF-8,
 * otherwise windows-1252. Lines that are not fields are skipped.
 *
 * It takes linear time, and handles at most 64 KiB of field bodies in a turn of the event loop, or one field if
 * that is longer.
 *
 * Rejects with
 * - a `Pop3Error` with the code `POP3_MESSAGE_TOO_LARGE` if the section is larger than `maxHeaderSize`; no other
 *   content makes it fail;
 * - a `Pop3Error` with the code `POP3_INVALID_ARGUMENT` if `source` is not a `Uint8Array`, or an option is wrong.
 *
 * @example
 * ```ts
 * const headers = await parseHeaders(await client.top(1, 0));
 * console.log(headers.get("subject"), headers.getAll("received").length);
 * ```
 */
export async function parseHeaders(
  source: Uint8Array,
  options: ParseHeadersOptions = {},
): Promise<MessageHeaders> {
  checkOctets("source", source);
  checkParseOptions(options, ["maxHeaderSize"]);
  const max = limit("maxHeaderSize", options.maxHeaderSize, HEADER_MAX);
  const octets = Buffer.from(source.buffer, source.byteOffset, source.byteLength);
  return decodeFields(readBoundedSection(octets, max).fields, new Turns());
}

/** Decodes the fields. Copies their bytes, so that a header does not keep the whole message in memory. */
export async function decodeFields(fields: readonly RawField[], turns: Turns): Promise<MessageHeaders> {
  const decoded: HeaderField[] = [];
  for (const { name, raw, body } of fields) {
    await turns.take(raw.length);
    decoded.push({ name, value: await decodeText(unfold(body)), raw: Buffer.from(raw) });
  }
  return new MessageHeaders(decoded);
}
