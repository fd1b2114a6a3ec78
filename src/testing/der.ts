// Writes and reads ASN.1 values in DER (X.690): tag, length, content. It supports only what a certificate
// needs.

/** Encodes a value: the tag, the length in its shortest form, the content. */
export function der(tag: number, ...content: readonly Buffer[]): Buffer {
  const octets = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag]), lengthOf(octets), octets]);
}

function lengthOf(octets: Buffer): Buffer {
  if (octets.length < 0x80) return Buffer.from([octets.length]);
  const digits = octets.length.toString(16);
  const bytes = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, "hex");
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes]);
}

/** A decoded value. */
export interface DerValue {
  readonly tag: number;
  readonly content: Buffer;
  /** The encoded value with its tag and length. */
  readonly whole: Buffer;
}

/** Reads the value at the start of `octets`. */
export function readDer(octets: Buffer): DerValue {
  const [tag = 0, first = 0] = octets;
  const more = first < 0x80 ? 0 : first & 0x7f;
  const length = more === 0 ? first : octets.readUIntBE(2, more);
  const end = 2 + more + length;
  return { tag, content: octets.subarray(2 + more, end), whole: octets.subarray(0, end) };
}

export const sequence = (...values: readonly Buffer[]): Buffer => der(0x30, ...values);
export const setOf = (value: Buffer): Buffer => der(0x31, value);
export const octetString = (octets: Buffer): Buffer => der(0x04, octets);
export const utf8String = (text: string): Buffer => der(0x0c, Buffer.from(text, "utf8"));
export const TRUE: Buffer = der(0x01, Buffer.from([0xff]));

/** Encodes a BIT STRING. `unused`: the number of unused bits in the last octet. */
export const bitString = (octets: Buffer, unused = 0): Buffer => der(0x03, Buffer.from([unused]), octets);

/** Encodes a positive INTEGER. `octets`: big-endian. */
export function positiveInteger(octets: Buffer): Buffer {
  let from = 0;
  while (from < octets.length - 1 && octets[from] === 0) from++;
  const digits = octets.subarray(from);
  // The first bit is the sign: a zero octet keeps the number positive.
  return der(0x02, Buffer.from((digits[0] ?? 0) >= 0x80 ? [0] : []), digits);
}

/** Encodes an OBJECT IDENTIFIER such as `1.2.840.10045.4.3.2`. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const octets = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    octets.push(...groups);
  }
  return der(0x06, Buffer.from(octets));
}

/** RFC 5280 section 4.1.2.5: UTCTime until 2049, GeneralizedTime from 2050 on. */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/\.\d+|[^\dZ]/g, "");
  const year = date.getUTCFullYear();
  if (year >= 1950 && year < 2050) return der(0x17, Buffer.from(digits.slice(2), "latin1"));
  return der(0x18, Buffer.from(digits, "latin1"));
}
