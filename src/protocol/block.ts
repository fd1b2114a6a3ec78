// Defines the reader of the block of a multi-line response. Every reader enforces a limit.
import { Pop3ProtocolError } from "../errors.ts";
import { OctetBuffer } from "./octet-buffer.ts";
import type { Secrets } from "./secrets.ts";

export interface BlockReader<T> {
  /** Whether it is not claimed yet: it may buffer beyond its limit if another command waits for its reply. */
  readonly elastic?: boolean;
  /** Whether it retains the Buffers that it is given, so that they must not be reused. */
  readonly keeps?: boolean;
  /**
   * Takes decoded octets. They may be a slice of a larger Buffer. They may change after the call has
   * returned, unless {@link keeps} was true before it. Returns `false` if it is full for now. Throws if a
   * limit is exceeded: the connection is then closed.
   */
  octets(octets: Buffer): boolean;
  /**
   * Tests whether the block seems to contain the reply to another command. Called before {@link end}, if
   * another reply is expected.
   */
  hasMixedReplies?(): boolean;
  /**
   * Returns the value of the complete block. Throws if its content is wrong; the error does not contain the
   * `secrets`. Then the call fails, and the session continues.
   */
  end(secrets?: Secrets): T;
}

/** Collects a small block, and parses it when it is complete. */
export class SmallBlock<T> implements BlockReader<T> {
  readonly #octets: OctetBuffer = new OctetBuffer();
  readonly #limit: number;
  readonly #parse: (octets: Buffer) => T;

  /** `limit`: the largest size in octets, after unstuffing. */
  constructor(limit: number, parse: (octets: Buffer) => T) {
    this.#limit = limit;
    this.#parse = parse;
  }

  octets(octets: Buffer): boolean {
    if (this.#octets.size + octets.length > this.#limit) {
      throw new Pop3ProtocolError(
        "POP3_RESPONSE_TOO_LARGE",
        `the response is larger than the limit of ${String(this.#limit)} bytes`,
      );
    }
    this.#octets.append(octets);
    return true;
  }

  end(): T {
    return this.#parse(this.#octets.join());
  }
}

/**
 * Wraps an error that a listener of the caller threw while it received a block. It may be a {@link
 * Pop3Error}.
 */
export class ReaderThrew extends Error {
  constructor(cause: unknown) {
    super("a listener threw an error", { cause });
  }
}
