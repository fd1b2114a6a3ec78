// Descriptions of messages for destinations, and messages that are hard to keep unchanged.
import { createHash } from "node:crypto";
import type { Delivery, DeliveryWriter, Destination } from "../../src/fetch/index.ts";
import { entryFor, HELD } from "./ledger.ts";

export function keyOf(name: string): string {
  return createHash("sha256").update(name).digest("hex");
}

export function delivery(name: string, more: Partial<Delivery> = {}): Delivery {
  return {
    key: keyOf(name),
    mailbox: "ann@pop.test:995",
    uid: name,
    size: undefined,
    headersOnly: false,
    fence: 1n,
    ...more,
  };
}

/** The messages by what is hard about them. */
export const MESSAGES: Readonly<Record<string, Buffer>> = {
  usual: Buffer.from("Subject: usual\r\n\r\nHello\r\n"),
  empty: Buffer.alloc(0),
  "one octet": Buffer.from("."),
  "all octets": Buffer.from(Array.from({ length: 256 }, (_, octet) => octet)),
  "no line end": Buffer.from("Subject: cut\r\n\r\nThe end"),
  "bare CR and LF": Buffer.from("a\rb\nc\r\r\nd\n\re\r\n\n\r"),
  "lines of dots": Buffer.from(".\r\n..\r\n.\r\n"),
  "lines of From": Buffer.from(
    "From me\r\n>From me\r\n>>From \r\nFrom\r\n From me\r\nfrom me\r\n>Fro\r\nFrom",
  ),
  "8 bit": Buffer.from("Subject: käse\r\n\r\n\xe4\xff\xfe\r\n", "latin1"),
  "5 MB": large(5_000_000),
};

/** Every octet, in an order that repeats late. */
function large(octets: number): Buffer {
  const message = Buffer.alloc(octets);
  for (let at = 0; at < octets; at++) message[at] = (at * 7 + (at >> 8) * 13 + (at >> 16)) & 0xff;
  return message;
}

/** The pieces that a network might make of it; Buffers of their own. */
function* piecesOf(message: Buffer): Generator<Buffer, void> {
  const sizes = [1, 2, 5, 1000, 65_536];
  for (let at = 0, nth = 0; at < message.length; nth++) {
    const size = sizes[Math.min(nth, sizes.length - 1)] as number;
    yield Buffer.from(message.subarray(at, at + size));
    at += size;
  }
}

/** A writer for a message that the destination does not have yet. */
export async function begun(
  destination: Destination,
  name: string,
  signal?: AbortSignal,
): Promise<DeliveryWriter> {
  const writer = await destination.begin(delivery(name), signal, HELD);
  if (writer === "known") throw new Error(`${name} is known`);
  return writer;
}

/** Delivers a message as a run does it. */
export async function deliver(
  destination: Destination,
  name: string,
  message: Buffer,
): Promise<"new" | "known"> {
  const writer = await destination.begin(delivery(name), undefined, HELD);
  if (writer === "known") return "known";
  try {
    for (const piece of piecesOf(message)) await writer.write(piece);
  } catch (error) {
    await writer.abort();
    throw error;
  }
  const committed = await writer.commit(entryFor(name));
  return typeof committed === "string" ? committed : committed.recorded;
}
