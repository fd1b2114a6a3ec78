// Makes a mailbox from its name, the same in client and server: "2000x5000" has 2,000 messages of about 5,000
// bytes. It repeats a few dozen different messages, so that a server can hold a mailbox of any size.
import { createHash } from "node:crypto";
import { base64Lines, makeMail, type MailKind } from "./mail.ts";
import { Random } from "./random.ts";

/** Bytes. A larger message is a repeated block, and is never stored as a whole. */
const REPEATED = 16 * 1024 * 1024;
const BLOCK = 1024 * 1024;
const KINDS: readonly MailKind[] = ["base64", "prose", "8-bit", "base64", "html", "prose"];

export interface Mailbox {
  readonly count: number;
  /** The total bytes of all messages. */
  readonly octets: number;
  /** Returns the bytes of one message. */
  size(number: number): number;
  uid(number: number): string;
  /** Returns the content of a message in pieces: one piece, unless it is huge. */
  pieces(number: number): Iterable<Buffer>;
  /** Returns the index of this message among the different ones. */
  variant(number: number): number;
  readonly variants: number;
}

export function mailboxNamed(name: string): Mailbox {
  const [, messages, octets] = /^(\d{1,8})x(\d{1,11})$/.exec(name) ?? [];
  if (octets === undefined)
    throw new RangeError(`the name of a mailbox must be COUNTxSIZE, such as 2000x5000 (got ${name})`);
  const count = Number(messages);
  const size = Number(octets);
  return size > REPEATED ? hugeMessages(count, size) : ordinaryMessages(count, size);
}

function ordinaryMessages(count: number, size: number): Mailbox {
  // The number of different messages is a prime, so that a message in the wrong order is noticed. Their sizes
  // vary around the mean.
  const variants = size > 256 * 1024 ? 7 : 97;
  const messages: Buffer[] = [];
  const message = (number: number): Buffer => {
    const variant = number % variants;
    return (messages[variant] ??= makeMail(
      // Large mail is large because of its attachments.
      size > 64 * 1024 ? "base64" : (KINDS[variant % KINDS.length] as MailKind),
      Math.round(size * (0.5 + variant / (variants - 1))),
      variant,
    ));
  };
  let octets = 0;
  for (let number = 1; number <= Math.min(count, variants); number++) octets += message(number).length;
  const rounds = Math.floor(count / variants);
  if (rounds > 0) octets *= rounds;
  for (let number = rounds * variants + 1; rounds > 0 && number <= count; number++) {
    octets += message(number).length;
  }
  return {
    count,
    octets,
    variants,
    size: (number) => message(number).length,
    uid,
    pieces: (number) => [message(number)],
    variant: (number) => number % variants,
  };
}

function hugeMessages(count: number, size: number): Mailbox {
  const head = makeMail("base64", 4096, 1);
  const block = Buffer.from(base64Lines(new Random(1), BLOCK));
  const blocks = Math.ceil((size - head.length) / block.length);
  const length = head.length + blocks * block.length;
  return {
    count,
    octets: count * length,
    variants: 1,
    size: () => length,
    uid,
    *pieces() {
      yield head;
      for (let sent = 0; sent < blocks; sent++) yield block;
    },
    variant: () => 0,
  };
}

function uid(number: number): string {
  return `5f1a2b3c4d5e6f70.${number.toString(16).padStart(8, "0")}`;
}

/** Applies byte-stuffing to a piece of a message: adds a dot before each dot that starts a line. */
export function stuffed(piece: Buffer): Buffer {
  return Buffer.from(piece.toString("latin1").replaceAll(/(^|\r\n)\./g, "$1.."), "latin1");
}

/** Returns the SHA-256 of a message, and of the message without its last CRLF. */
export function digests(mailbox: Mailbox, number: number): { whole: string; cut: string } {
  const whole = createHash("sha256");
  const cut = createHash("sha256");
  let last: Buffer = Buffer.alloc(0);
  for (const piece of mailbox.pieces(number)) {
    whole.update(piece);
    cut.update(last);
    last = piece;
  }
  cut.update(last.subarray(0, -2));
  return { whole: whole.digest("hex"), cut: cut.digest("hex") };
}
