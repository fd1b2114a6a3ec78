// A mailbox is made from its name, the same on both sides of the wire: "2000x5000" has 2,000 messages of about
// 5,000 octets. A few dozen messages take turns, so that a server can hold a mailbox of any size.
import { createHash } from "node:crypto";
import { base64Lines, makeMail, type MailKind } from "./mail.ts";
import { Random } from "./random.ts";

/** Beyond this a message is a block that is repeated, and never held as a whole; octets. */
const REPEATED = 16 * 1024 * 1024;
const BLOCK = 1024 * 1024;
const KINDS: readonly MailKind[] = ["base64", "prose", "8-bit", "base64", "html", "prose"];

export interface Mailbox {
  readonly count: number;
  /** Octets of all messages. */
  readonly octets: number;
  /** Octets of one message. */
  size(number: number): number;
  uid(number: number): string;
  /** The octets of a message, in pieces: one piece, unless it is huge. */
  pieces(number: number): Iterable<Buffer>;
  /** Which of the different messages this one is. */
  variant(number: number): number;
  readonly variants: number;
}

export function mailboxNamed(name: string): Mailbox {
  const [, messages, octets] = /^(\d{1,8})x(\d{1,11})$/.exec(name) ?? [];
  if (octets === undefined) throw new RangeError(`no mailbox: ${name}`);
  const count = Number(messages);
  const size = Number(octets);
  return size > REPEATED ? hugeMessages(count, size) : ordinaryMessages(count, size);
}

function ordinaryMessages(count: number, size: number): Mailbox {
  // A prime number of them, so that a message that comes out of turn is seen. Their sizes spread around the mean.
  const variants = size > 256 * 1024 ? 7 : 97;
  const messages: Buffer[] = [];
  const message = (number: number): Buffer => {
    const variant = number % variants;
    return (messages[variant] ??= makeMail(
      // Large mail is large for its attachments.
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

/** What goes over the wire for a piece of a message: a dot before each dot that starts a line. */
export function stuffed(piece: Buffer): Buffer {
  return Buffer.from(piece.toString("latin1").replaceAll(/(^|\r\n)\./g, "$1.."), "latin1");
}

/** SHA-256 of a message, and of the same without its last CRLF. */
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
