// Parses the one-line replies to STAT, LIST n and UIDL n (RFC 1939 sections 5 and 7). A malformed reply is an
// error.
import { Pop3ProtocolError } from "../errors.ts";
import { Fields, lastId, second } from "./listing-fields.ts";
import { printable } from "./printable.ts";
import type { Reply } from "./reply.ts";
import type { Secrets } from "./secrets.ts";

/**
 * The result of STAT: the number of messages that are not marked as deleted, and their total size in octets.
 */
export interface MaildropStat {
  /** The number of messages. */
  readonly count: number;
  /** Their total size in bytes, as the server announces it. */
  readonly size: number;
}

/** Parses the reply to STAT: `+OK 2 320` → `{ count: 2, size: 320 }`. Throws `POP3_BAD_RESPONSE`. */
export function parseStat(reply: Reply, secrets?: Secrets): MaildropStat {
  const fields = new Fields(reply.text);
  const count = fields.number();
  const size = second(fields);
  if (Number.isNaN(count) || Number.isNaN(size)) {
    throw new Pop3ProtocolError(
      "POP3_BAD_RESPONSE",
      `the reply to STAT must have two numbers (got "${printable(reply.text, secrets)}")`,
    );
  }
  return { count, size };
}

/**
 * Parses the reply to `LIST 2`: `+OK 2 200` → `200`. Throws `POP3_BAD_RESPONSE`, or `POP3_PROTOCOL` if the
 * reply is about another message.
 */
export function parseScanListing(reply: Reply, message: number, secrets?: Secrets): number {
  const fields = new Fields(reply.text);
  const named = fields.number();
  const size = second(fields);
  if (Number.isNaN(named) || Number.isNaN(size)) {
    const text = printable(reply.text, secrets);
    throw new Pop3ProtocolError(
      "POP3_BAD_RESPONSE",
      `the reply to LIST must have a message number and a size (got "${text}")`,
    );
  }
  assertSameMessage(named, message);
  return size;
}

/**
 * Parses the reply to `UIDL 2`: `+OK 2 QhdPYR:00WBw1Ph7x7` → `"QhdPYR:00WBw1Ph7x7"`. Throws the same errors
 * as {@link parseScanListing}.
 */
export function parseUniqueId(reply: Reply, message: number, secrets?: Secrets): string {
  const fields = new Fields(reply.text);
  const named = fields.number();
  const id = lastId(fields);
  if (Number.isNaN(named) || id === undefined || id === "") {
    const text = printable(reply.text, secrets);
    throw new Pop3ProtocolError(
      "POP3_BAD_RESPONSE",
      `the reply to UIDL must have a message number and a unique-id (got "${text}")`,
    );
  }
  assertSameMessage(named, message);
  return id;
}

/**
 * Throws `POP3_PROTOCOL` for a reply about another message: commands and replies are out of step, and stay
 * so.
 */
function assertSameMessage(named: number, asked: number): void {
  if (named !== asked) {
    throw new Pop3ProtocolError(
      "POP3_PROTOCOL",
      `the server answered for message ${String(named)}, but the command was for message ${String(asked)}`,
    );
  }
}
