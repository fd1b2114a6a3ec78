// One message into one Buffer, never more than its limit.
import { constants } from "node:buffer";
import { Pop3Error, Pop3ProtocolError } from "../errors.ts";
import type { BlockReader } from "./block.ts";
import type { MixedReplies } from "./mixed-replies.ts";
import { OctetBuffer } from "./octet-buffer.ts";

export class MessageBuffer implements BlockReader<Buffer> {
  readonly #limit: number;
  readonly #octets: OctetBuffer;
  readonly #mixed: MixedReplies | undefined;

  /** `limit`: the most octets that a message may have. `announced`: as for {@link OctetBuffer}. */
  constructor(limit: number, announced: number, mixed?: MixedReplies) {
    this.#limit = largestMessage(limit);
    this.#mixed = mixed;
    this.#octets = new OctetBuffer(Math.min(announced, this.#limit));
  }

  octets(octets: Buffer): boolean {
    if (this.#octets.size + octets.length > this.#limit) throw messageTooLarge(this.#limit);
    this.#octets.append(octets);
    return true;
  }

  hasMixedReplies(): boolean {
    const mixed = this.#mixed;
    // Nearly every message has the size that was announced: it is not looked through.
    if (mixed === undefined || mixed.isExpected(this.#octets.size)) return false;
    mixed.look(this.#octets.join());
    return mixed.found;
  }

  end(): Buffer {
    return this.#octets.join();
  }
}

/** A limit, as far as Node has Buffers. */
export function largestMessage(limit: number): number {
  return Math.min(limit, constants.MAX_LENGTH);
}

/** More came than the limit allows: the connection is closed. */
export function messageTooLarge(limit: number): Pop3ProtocolError {
  return new Pop3ProtocolError("POP3_MESSAGE_TOO_LARGE", tooLarge(limit));
}

/** LIST had announced more than the limit allows: `command` is not sent, and the session goes on. */
export function messageKnownTooLarge(limit: number, command: string): Pop3Error {
  return new Pop3Error("POP3_MESSAGE_TOO_LARGE", tooLarge(limit), { command });
}

function tooLarge(limit: number): string {
  return `the message is larger than ${String(limit)} octets; take it as a stream, or raise limits.message`;
}
