// Messages that are hard to keep, the pieces in which they come, and what a run tells about them.
import { createHash } from "node:crypto";

/** The key of a message with this name: 64 hexadecimal digits. */
export function keyOf(name: string): string {
  return createHash("sha256").update(name).digest("hex");
}

export const ONE: Buffer = Buffer.from("Subject: one\r\n\r\nfirst\r\n");
export const TWO: Buffer = Buffer.from("Subject: two\r\n\r\nsecond\r\n");

/** Messages by what is hard about them. */
export const HARD: Readonly<Record<string, Buffer>> = {
  "an empty message": Buffer.alloc(0),
  "a single dot": Buffer.from("."),
  "all bytes from 0 to 255": Buffer.from(Array.from({ length: 256 }, (_, octet) => octet)),
  "many NULs": Buffer.alloc(10_000),
  "no line end at the end": Buffer.from("Subject: cut\r\n\r\nThe end"),
  "bare CR and LF": Buffer.from("a\rb\nc\r\r\nd\n\re\r\n\n\r"),
  "lines of dots": Buffer.from(".\r\n..\r\n.\r\n"),
  "lines that begin with From": Buffer.from(
    "From me\r\n>From me\r\n>>From \r\nFrom\r\n From me\r\n>Fro\r\nFrom",
  ),
  "bytes that are not UTF-8": Buffer.from("Subject: k\xe4se\r\n\r\n\xe4\xff\xfe\xc3\r\n\ufeff", "latin1"),
  "spaces and empty lines at the end": Buffer.from("Subject: x\r\n\r\ntext  \t\r\n\r\n \r\n\r\n"),
  "a line of 100,000 characters": Buffer.from(`Subject: long\r\n\r\n${"x".repeat(100_000)}\r\n`),
  "3 MiB": large(3 * 1024 * 1024),
};

/** Every byte, in an order that repeats late. */
function large(octets: number): Buffer {
  const message = Buffer.alloc(octets);
  for (let at = 0; at < octets; at++) message[at] = (at * 7 + (at >> 8) * 13 + (at >> 16)) & 0xff;
  return message;
}

/** Sizes of pieces, in order; the last one is repeated. */
export const SIZES: Readonly<Record<string, readonly number[]>> = {
  "in one piece": [Infinity],
  "in pieces of 1 byte": [1],
  "in pieces of 1 MiB": [1024 * 1024],
  "in pieces of many sizes, some empty": [0, 1, 0, 2, 5, 1000, 0, 65_536],
};

/** The sizes of pieces if nothing else is said. */
export const PIECES: readonly number[] = [1, 2, 5, 1000, 65_536];

/** A message in pieces: each is a Buffer of its own, as the writer owns it. */
export function* piecesOf(message: Buffer, sizes: readonly number[]): Generator<Buffer, void> {
  for (let at = 0, nth = 0; at < message.length || (nth < sizes.length && sizes[nth] === 0); nth++) {
    const size = Math.min(sizes[Math.min(nth, sizes.length - 1)] as number, message.length - at);
    yield Buffer.from(message.subarray(at, at + size));
    at += size;
  }
}
