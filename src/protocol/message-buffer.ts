// Collects one message into one Buffer of its own, never more than its limit.
import { constants } from "node:buffer";
import { Pop3ProtocolError } from "../errors.ts";
import type { BlockReader } from "./block.ts";

/** From this size on, octets are copied into place as they come; below, joining the slices is cheaper. */
const LARGE = 1024 * 1024;
/** No announcement is believed beyond this: a Buffer that grows doubles then. Octets. */
const LARGEST_HINT = 64 * LARGE;

export class MessageBuffer implements BlockReader<Buffer> {
  readonly #limit: number;
  readonly #announced: number;
  #pieces: Buffer[] = [];
  #large: Buffer | undefined;
  #octets = 0;

  /**
   * `limit`: the most octets a message may have. `announced`: how many the server spoke of; a hint, as servers
   * estimate: it decides how memory is taken, never what is read.
   */
  constructor(limit: number, announced: number) {
    this.#limit = Math.min(limit, constants.MAX_LENGTH);
    this.#announced = Math.min(announced, LARGEST_HINT);
  }

  /** How many octets have come. */
  get size(): number {
    return this.#octets;
  }

  octets(octets: Buffer): boolean {
    const at = this.#octets;
    this.#octets += octets.length;
    if (this.#octets > this.#limit) throw messageTooLarge(this.#limit);
    if (this.#large === undefined && this.#octets < LARGE) this.#pieces.push(octets);
    else octets.copy(this.#room(at), at);
    return true;
  }

  /** The large Buffer with room for what has come, its first `filled` octets in place. */
  #room(filled: number): Buffer {
    if (this.#large !== undefined && this.#large.length >= this.#octets) return this.#large;
    const hint = this.#large === undefined ? Math.min(this.#announced, this.#limit) : this.#large.length * 2;
    // Pages of the system, not of the pool: what an overlong hint asks for and is never filled costs nothing.
    const larger = Buffer.allocUnsafeSlow(Math.min(Math.max(hint, this.#octets, 2 * LARGE), this.#limit));
    if (this.#large !== undefined) this.#large.copy(larger, 0, 0, filled);
    else {
      let at = 0;
      for (const piece of this.#pieces) at += piece.copy(larger, at);
      this.#pieces = [];
    }
    this.#large = larger;
    return larger;
  }

  /** What has come so far, in pieces, for whoever goes on to take the rest as a stream. */
  take(): Buffer[] {
    const pieces = this.#large === undefined ? this.#pieces : [this.#large.subarray(0, this.#octets)];
    this.#pieces = [];
    this.#large = undefined;
    this.#octets = 0;
    return pieces;
  }

  /** The message. Small ones are copied out of the chunks they came in, which would stay alive with them. */
  end(): Buffer {
    const { length = 0 } = this.#large ?? {};
    if (this.#large !== undefined && this.#octets * 2 > length) return this.#large.subarray(0, this.#octets);
    if (this.#large !== undefined) return Buffer.from(this.#large.subarray(0, this.#octets));
    return this.#pieces.length === 1
      ? Buffer.from(this.#pieces[0] as Buffer)
      : Buffer.concat(this.#pieces, this.#octets);
  }
}

export function messageTooLarge(limit: number): Pop3ProtocolError {
  return new Pop3ProtocolError(
    "POP3_MESSAGE_TOO_LARGE",
    `the message is larger than ${String(limit)} octets; take it as a stream, or raise limits.message`,
  );
}
