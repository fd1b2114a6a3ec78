// A message as a `retrieve()` loop gives it to the caller.
import type { Readable } from "node:stream";
import { CALL, type CallOptions } from "../options/call.ts";
import { call } from "./caller.ts";
import type { Reception } from "./reception.ts";
import type { Transaction } from "./transaction.ts";

/**
 * A message of `retrieve()`. Take it once: as a Buffer, as a stream, or with a `for await` loop over its chunks,
 * which is the fastest way to read a large message.
 */
export interface Pop3Message extends AsyncIterable<Buffer> {
  /** The message number in this session. */
  readonly number: number;
  /** The unique-id; `undefined` if the server gave none. */
  readonly uid: string | undefined;
  /** The size in bytes that LIST announced. Some servers only estimate it. */
  readonly size: number | undefined;
  /**
   * Returns the message in one Buffer. Rejects as {@link Pop3Client.retr} does, with `POP3_REFUSED` if the
   * message is gone, and with `POP3_MESSAGE_PASSED` if the loop has continued or ended.
   */
  buffer(): Promise<Buffer>;
  /**
   * Returns the message as a stream. An error destroys the stream: a truncated message never emits `end`.
   * Throws `POP3_STATE` after `buffer()`, as `buffer()` rejects after `stream()`.
   */
  stream(): Readable;
  /**
   * DELE: marks the message; {@link Pop3Client.quit} deletes it. Call it when the message is stored. Rejects as
   * {@link Pop3Client.dele} does.
   */
  dele(options?: CallOptions): Promise<void>;
}

export class Message implements Pop3Message {
  readonly number: number;
  readonly uid: string | undefined;
  readonly size: number | undefined;
  readonly #transaction: Transaction;
  readonly #reception: Reception;

  constructor(transaction: Transaction, reception: Reception) {
    this.number = reception.number;
    this.uid = transaction.uids?.get(reception.number);
    this.size = reception.size;
    this.#transaction = transaction;
    this.#reception = reception;
  }

  buffer(): Promise<Buffer> {
    return this.#reception.buffer();
  }

  stream(): Readable {
    return this.#reception.stream();
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer> {
    return this.#reception.chunks();
  }

  dele(options?: CallOptions): Promise<void> {
    const transaction = this.#transaction;
    return call(
      options,
      CALL,
      ({ signal }) => transaction.dele([this.number], signal),
      transaction.session.id,
    );
  }
}
