// Reads a header section: its fields in order, each as bytes and as text. Names are found in upper or lower
// case.
import { types } from "node:util";
import { decodeUnlabelled } from "./charset.ts";
import { decodeText } from "./encoded-words.ts";
import { readHeaderSection, unfold } from "./fields.ts";
import type { RawField } from "./fields.ts";

/**
 * The maximum bytes of field bodies in which encoded-words are decoded. That takes a millisecond for real
 * mail, and a third of a second at this limit.
 */
const DECODED_MAX = 1024 * 1024;

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
 * The fields of one header section. Look-ups ignore the case of names.
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
    return this.#byName.get(name.toLowerCase())?.[0]?.value;
  }

  /** Returns the values of all fields with this name, in order; an empty array if there is none. */
  getAll(name: string): string[] {
    return (this.#byName.get(name.toLowerCase()) ?? []).map((field) => field.value);
  }

  /** Returns whether there is a field with this name. */
  has(name: string): boolean {
    return this.#byName.has(name.toLowerCase());
  }

  /** Iterates over the fields in the order of the message. */
  [Symbol.iterator](): IterableIterator<HeaderField> {
    return this.#fields.values();
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
 * No content makes it fail, and it takes linear time. Against hostile messages, it reads only the first
 * 10,000 fields, and decodes encoded-words only in the first MiB of them. Rejects with a `TypeError` if
 * `source` is not a `Uint8Array`.
 *
 * @example
 * ```ts
 * const headers = await parseHeaders(await client.top(1, 0));
 * console.log(headers.get("subject"), headers.getAll("received").length);
 * ```
 */
export async function parseHeaders(source: Uint8Array): Promise<MessageHeaders> {
  if (!types.isUint8Array(source)) throw new TypeError("source must be a Buffer or Uint8Array");
  const octets = Buffer.from(source.buffer, source.byteOffset, source.byteLength);
  return decodeFields(readHeaderSection(octets).fields);
}

/** Decodes the fields. Copies their bytes, so that a header does not keep the whole message in memory. */
export async function decodeFields(fields: readonly RawField[]): Promise<MessageHeaders> {
  const decoded: HeaderField[] = [];
  let octets = 0;
  for (const { name, raw, body } of fields) {
    const line = unfold(body);
    octets += line.length;
    const value = octets <= DECODED_MAX ? await decodeText(line) : decodeUnlabelled(line);
    decoded.push({ name, value, raw: Buffer.from(raw) });
  }
  return new MessageHeaders(decoded);
}
