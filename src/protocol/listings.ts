// Reads the one-line replies to STAT, LIST n and UIDL n (RFC 1939 sections 5 and 7): a wrong one is an error, never a guess.
import { Pop3ProtocolError } from "../errors.ts";
import { Fields, lastId, second } from "./listing-fields.ts";
import { printable } from "./printable.ts";
import type { Reply } from "./reply.ts";

/** The maildrop as STAT gives it: messages that are not marked as deleted, and their size in octets. */
export interface MaildropStat {
  readonly count: number;
  readonly size: number;
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

/** An answer about another message means that question and answer are out of step, and stay so. */
function assertSameMessage(named: number, asked: number): void {
  if (named !== asked) {
    throw new Pop3ProtocolError(
      "POP3_PROTOCOL",
      `the server answered for message ${String(named)} when asked for ${String(asked)}`,
    );
  }
}
