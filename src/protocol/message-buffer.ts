// Collects one message in one Buffer, up to a limit.
import { constants } from "node:buffer";
import { Pop3Error, Pop3ProtocolError } from "../errors.ts";
import type { BlockReader } from "./block.ts";
import type { MixedReplies } from "./mixed-replies.ts";
import { OctetBuffer } from "./octet-buffer.ts";

export class MessageBuffer implements BlockReader<Buffer> {
  readonly #limit: number;
  readonly #octets: OctetBuffer;
  readonly #mixed: MixedReplies | undefined;

  /** `limit`: the largest message in octets. `announced`: see {@link OctetBuffer}. */
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
    // Nearly every message has the announced size, and is not searched.
    if (mixed === undefined || mixed.isExpected(this.#octets.size)) return false;
    mixed.look(this.#octets.join());
    return mixed.found;
  }

  end(): Buffer {
    return this.#octets.join();
  }
}

/** Returns the limit, but at most the size of the largest Buffer in Node. */
export function largestMessage(limit: number): number {
  return Math.min(limit, constants.MAX_LENGTH);
}

/** Creates the error for a message that exceeds the limit while it is read: the connection is closed. */
export function messageTooLarge(limit: number): Pop3ProtocolError {
  return new Pop3ProtocolError("POP3_MESSAGE_TOO_LARGE", tooLarge(limit));
}

/**
 * Creates the error for a message that LIST announced as too large: `command` is not sent, the session
 * continues.
 */
export function messageKnownTooLarge(limit: number, command: string): Pop3Error {
  return new Pop3Error("POP3_MESSAGE_TOO_LARGE", tooLarge(limit), { command });
}

function tooLarge(limit: number): string {
  return `the message is larger than the limit of ${String(limit)} bytes; read it as a stream, or raise limits.message`;
}
