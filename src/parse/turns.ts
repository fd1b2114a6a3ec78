// Divides the work on a message into turns of the event loop, so that timers and sockets never wait for long.
import { setImmediate as nextTurn } from "node:timers/promises";
import { Pop3AbortError } from "../errors.ts";

/**
 * The most bytes of a message that one turn of the event loop handles: about a millisecond of work. Only a
 * header section is handled whole; `maxHeaderSize` bounds it.
 */
export const TURN_OCTETS = 65_536;

/** Counts what all steps of parsing one message do in the current turn, and starts a new one when it is full. */
export class Turns {
  readonly #signal: AbortSignal | undefined;
  #handled = 0;

  /** After the signal aborts, the next turn fails with a `Pop3AbortError`. */
  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** To be awaited before the next bytes are handled. Waits for a new turn if they do not fit in this one. */
  async take(octets: number): Promise<void> {
    this.#handled += octets;
    if (this.#handled <= TURN_OCTETS) return;
    await nextTurn();
    if (this.#signal?.aborted === true) throw new Pop3AbortError(this.#signal.reason);
    this.#handled = octets;
  }

  /** Yields the bytes in slices, never more than `TURN_OCTETS` in a turn. */
  async *slices(pieces: Iterable<Buffer>): AsyncGenerator<Buffer, void> {
    for (const piece of pieces) {
      for (let at = 0; at < piece.length; at += TURN_OCTETS) {
        const slice = piece.subarray(at, at + TURN_OCTETS);
        await this.take(slice.length);
        yield slice;
      }
    }
  }
}
