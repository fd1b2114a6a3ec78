// What takes in the block of a multi-line response, and keeps it within its limit.
import { Pop3ProtocolError } from "../errors.ts";
import { OctetBuffer } from "./octet-buffer.ts";

export interface BlockReader<T> {
  /** Nobody reads it yet, and it takes more than it asked for where somebody waits behind it. */
  readonly elastic?: boolean;
  /** It gives the octets on as they are: what they were read into must not be read into again. */
  readonly keeps?: boolean;
  /**
   * Takes decoded octets. They may be a slice of a larger Buffer, and change when the call has returned, unless
   * {@link keeps} was true before it. Returns `false` to say that no more should come for now. Throws when a limit
   * is passed: the connection dies.
   */
  octets(octets: Buffer): boolean;
  /**
   * Whether the reply to another command seems to be in the block: asked before {@link end}, if another reply is still
   * to come.
   */
  hasMixedReplies?(): boolean;
  /** The block is complete. Throws when its content is wrong, without the `secrets`: the call fails, the session lives. */
  end(secrets?: readonly string[]): T;
}

/** Collects a block that is known to be small, and reads it as lines at its end. */
export class SmallBlock<T> implements BlockReader<T> {
  readonly #octets: OctetBuffer = new OctetBuffer();
  readonly #limit: number;
  readonly #parse: (octets: Buffer) => T;

  /** `limit` in octets, after unstuffing. */
  constructor(limit: number, parse: (octets: Buffer) => T) {
    this.#limit = limit;
    this.#parse = parse;
  }

  octets(octets: Buffer): boolean {
    if (this.#octets.size + octets.length > this.#limit) {
      throw new Pop3ProtocolError(
        "POP3_RESPONSE_TOO_LARGE",
        `the response is larger than ${String(this.#limit)} octets`,
      );
    }
    this.#octets.append(octets);
    return true;
  }

  end(): T {
    return this.#parse(this.#octets.join());
  }
}

/** A listener of the caller threw while it was given a block. `cause`: what it threw, which may be an error of ours. */
export class ReaderThrew extends Error {
  constructor(cause: unknown) {
    super("a listener threw", { cause });
  }
}
