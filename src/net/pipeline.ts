// Tracks the commands in flight and decides which may follow: in order, never more than the window allows,
// and never together with a command that must be alone (RFC 2449 section 6.6).
import type { Exchange } from "./exchange.ts";
import { Queue } from "./queue.ts";

/** The limits of what may be in flight. */
export interface Window {
  /** The announced octets of all responses. A larger response is allowed if it is the only one. */
  readonly octets: number;
  /** The octets of all command lines: the server must buffer them while it does not read. */
  readonly commandOctets: number;
}

export class Pipeline {
  /** The limits; `undefined`: one command at a time. */
  window: Window | undefined;
  /**
   * If `true`, no command follows RETR or TOP before the whole message has arrived: some servers mix the two
   * up.
   */
  nothingAfterMessages = false;
  readonly #unsent = new Queue<Exchange<unknown>>();
  readonly #sent = new Queue<Exchange<unknown>>();
  #octets = 0;
  #text = 0;
  /** The number of commands in flight whose response is a message. */
  #messages = 0;
  /**
   * Whether the window was full. It is refilled when half of it is free, so that commands are sent in
   * batches.
   */
  #full = false;

  /** The exchange whose reply is expected next. */
  get first(): Exchange<unknown> | undefined {
    return this.#sent.first;
  }

  /** The number of replies that are expected. */
  get length(): number {
    return this.#sent.length;
  }

  /** The number of commands that wait to be sent, including abandoned ones. */
  get queued(): number {
    return this.#unsent.length;
  }

  push(exchange: Exchange<unknown>): void {
    this.#unsent.push(exchange);
  }

  /** Takes the commands that may be sent now, in one write. They count as in flight from now on. */
  takeSendable(): Exchange<unknown>[] {
    const { window } = this;
    if (this.#full && window !== undefined && this.#sent.length > 0) {
      if (this.#octets * 2 > window.octets || this.#text * 2 > window.commandOctets) return [];
    }
    this.#full = false;
    const batch: Exchange<unknown>[] = [];
    for (let next = this.#unsent.first; next !== undefined; next = this.#unsent.first) {
      if (!next.abandoned) {
        if (this.#sent.length > 0 && !this.#fits(next)) break;
        this.#sent.push(next);
        this.#octets += next.announced;
        this.#text += next.text;
        if (isMessage(next)) this.#messages++;
        batch.push(next);
      }
      this.#unsent.shift();
    }
    return batch;
  }

  #fits(next: Exchange<unknown>): boolean {
    const { window } = this;
    if (window === undefined || next.command.alone === true || this.first?.command.alone === true)
      return false;
    if (this.nothingAfterMessages && this.#messages > 0) return false;
    this.#full =
      this.#octets + next.announced > window.octets || this.#text + next.text > window.commandOctets;
    return !this.#full;
  }

  /** Removes the first exchange: its reply is complete. */
  complete(): Exchange<unknown> | undefined {
    const exchange = this.#sent.shift();
    if (exchange === undefined) return undefined;
    this.#octets -= exchange.announced;
    this.#text -= exchange.text;
    if (isMessage(exchange)) this.#messages--;
    return exchange;
  }

  /** Removes all exchanges, in order: no more replies are expected. */
  *clear(): IterableIterator<Exchange<unknown>> {
    for (let next = this.complete(); next !== undefined; next = this.complete()) yield next;
    for (let next = this.#unsent.shift(); next !== undefined; next = this.#unsent.shift()) yield next;
  }
}

function isMessage({ command }: Exchange<unknown>): boolean {
  return command.block !== undefined && command.message === true;
}
