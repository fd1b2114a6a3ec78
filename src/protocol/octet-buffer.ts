// Collects octets that come in pieces of any size: in memory of the order of what has come, in linear time.
import { constants } from "node:buffer";

/** From this size on octets are copied into place as they come; below, joining the pieces is cheaper. */
const LARGE = 1024 * 1024;
/** So many pieces are kept as they came: a Buffer object costs more than the few octets it may hold. */
const MOST_PIECES = 256;
/** No announcement is believed beyond this; what is larger grows by doubling. Octets. */
const LARGEST_HINT = 64 * LARGE;

export class OctetBuffer {
  readonly #announced: number;
  #pieces: Buffer[] = [];
  #joined: Buffer | undefined;
  #size = 0;

  /** `announced`: how many octets are expected. A hint: it decides how memory is taken, never what is read. */
  constructor(announced = 0) {
    this.#announced = Math.min(announced, LARGEST_HINT);
  }

  /** How many octets have come. */
  get size(): number {
    return this.#size;
  }

  /** The octets may be a slice of a larger Buffer, which is not written to again. */
  append(octets: Buffer): void {
    const at = this.#size;
    this.#size += octets.length;
    if (this.#joined === undefined && this.#size < LARGE && this.#pieces.length < MOST_PIECES) {
      this.#pieces.push(octets);
    } else octets.copy(this.#room(at), at);
  }

  /** The joined Buffer with room for what has come; its first `filled` octets are in place. */
  #room(filled: number): Buffer {
    if (this.#joined !== undefined && this.#joined.length >= this.#size) return this.#joined;
    const hint = this.#joined === undefined ? this.#announced : 0;
    // Pages of the system, not of the pool: what a hint takes and is never filled costs nothing.
    const larger = Buffer.allocUnsafeSlow(Math.min(Math.max(hint, this.#size * 2), constants.MAX_LENGTH));
    if (this.#joined !== undefined) this.#joined.copy(larger, 0, 0, filled);
    else {
      let at = 0;
      for (const piece of this.#pieces) at += piece.copy(larger, at);
      this.#pieces = [];
    }
    this.#joined = larger;
    return larger;
  }

  /** What has come, in pieces; from here on it begins anew. */
  take(): Buffer[] {
    const pieces = this.#joined === undefined ? this.#pieces : [this.#joined.subarray(0, this.#size)];
    this.#pieces = [];
    this.#joined = undefined;
    this.#size = 0;
    return pieces;
  }

  /**
   * What has come, in one Buffer of its own: neither the chunks that it came in stay alive with it, nor much room
   * that was never filled.
   */
  join(): Buffer {
    const joined = this.#joined;
    if (joined === undefined) {
      return this.#pieces.length === 1
        ? Buffer.from(this.#pieces[0] as Buffer)
        : Buffer.concat(this.#pieces, this.#size);
    }
    const filled = joined.subarray(0, this.#size);
    return this.#size * 2 < joined.length ? Buffer.from(filled) : filled;
  }
}
