// A header section is its fields in order: each as octets and as text, found by name whatever its case.
import { types } from "node:util";
import { decodeUnlabelled } from "./charset.ts";
import { decodeText } from "./encoded-words.ts";
import { readHeaderSection, unfold } from "./fields.ts";
import type { RawField } from "./fields.ts";

/** Octets of field bodies in which encoded-words are decoded: a millisecond's work in real mail, a third of a second here. */
const DECODED_MAX = 1024 * 1024;

/** One field of a header section. */
export interface HeaderField {
  /** The name as the sender wrote it: `Subject`, `SUBJECT`. */
  readonly name: string;
  /**
   * The field body as one line of text: unfolded, blanks at both ends removed, encoded-words decoded.
   * It never has a CR, LF or NUL in it: each of them becomes a space, also where an encoded-word spells it.
   */
  readonly value: string;
  /** The octets of the whole field, with its name and folding, without the line end after it. */
  readonly raw: Buffer;
}

/**
 * The fields of one header section. Names are looked up without regard to case.
 *
 * A decoded value is for people to read. Do not take addresses out of it: an encoded-word may spell commas and angle
 * brackets that are part of a name. `parseMessage` gives addresses.
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

  /** How many fields there are, duplicates counted. */
  get size(): number {
    return this.#fields.length;
  }

  /** The value of the first field with this name, or `undefined` if there is none. */
  get(name: string): string | undefined {
    return this.#byName.get(name.toLowerCase())?.[0]?.value;
  }

  /** The values of all fields with this name, in order; empty if there is none. */
  getAll(name: string): string[] {
    return (this.#byName.get(name.toLowerCase()) ?? []).map((field) => field.value);
  }

  /** Whether there is a field with this name. */
  has(name: string): boolean {
    return this.#byName.has(name.toLowerCase());
  }

  /** The fields in the order of the message. */
  [Symbol.iterator](): IterableIterator<HeaderField> {
    return this.#fields.values();
  }
}

/**
 * Reads the header section of a message: what `TOP n 0` returns, or any message, whose body is not looked at.
 *
 * Fields end at the first empty line; CRLF and bare LF both end a line. Folded lines are joined (RFC 5322 section 2.2.3),
 * encoded-words are decoded (RFC 2047, with the languages of RFC 2231 section 5), and neighbours in one charset are
 * joined first, so that a character split over two of them survives. A malformed encoded-word stays as it is. Raw
 * 8-bit octets are UTF-8 if the field is valid UTF-8, else windows-1252. Lines that are no fields are passed over.
 *
 * Nothing in the octets makes it fail, and the time is linear in them: of a header section made to do harm, the first
 * 10,000 fields are read, and encoded-words decoded in the first MiB of them. It rejects with a `TypeError` if `source`
 * is no `Uint8Array`.
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

/** Decodes the fields. Their octets are copied: a header does not keep the whole message in memory. */
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
