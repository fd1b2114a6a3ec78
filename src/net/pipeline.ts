// Which commands are in flight and which may follow: in order, never more than the window holds, and never
// across a command that must be alone (RFC 2449 section 6.6).
import type { Exchange } from "./exchange.ts";
import { Queue } from "./queue.ts";

/** How much may be in flight. */
export interface Window {
  /** Announced octets of the responses. One response may exceed it, alone. */
  readonly octets: number;
  /** Octets of command lines: what the server must be able to hold while it is not reading. */
  readonly commandOctets: number;
}

export class Pipeline {
  /** `undefined`: one command at a time. */
  window: Window | undefined;
  /** No command is sent after a message before all of it has come: some servers mix the reply into the message. */
  nothingAfterMessages = false;
  readonly #unsent = new Queue<Exchange<unknown>>();
  readonly #sent = new Queue<Exchange<unknown>>();
  #octets = 0;
  #text = 0;
  /** How many of the commands in flight are answered by a message. */
  #messages = 0;
  /** The window was full. It is filled again when half of it has drained, so that commands go out in batches. */
  #full = false;

  /** The exchange whose reply comes next. */
  get first(): Exchange<unknown> | undefined {
    return this.#sent.first;
  }

  /** How many replies are still to come. */
  get length(): number {
    return this.#sent.length;
  }

  /** How many commands wait to be sent, given-up ones included. */
  get queued(): number {
    return this.#unsent.length;
  }

  push(exchange: Exchange<unknown>): void {
    this.#unsent.push(exchange);
  }

  /** Takes what may go out now, in one write; from here on it is in flight. */
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
        this.#octets += next.octets;
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
    this.#full = this.#octets + next.octets > window.octets || this.#text + next.text > window.commandOctets;
    return !this.#full;
  }

  /** The reply to the first has come. */
  complete(): Exchange<unknown> | undefined {
    const exchange = this.#sent.shift();
    if (exchange === undefined) return undefined;
    this.#octets -= exchange.octets;
    this.#text -= exchange.text;
    if (isMessage(exchange)) this.#messages--;
    return exchange;
  }

  /** Takes everything out, in order: no reply comes any more. */
  *clear(): IterableIterator<Exchange<unknown>> {
    for (let next = this.complete(); next !== undefined; next = this.complete()) yield next;
    for (let next = this.#unsent.shift(); next !== undefined; next = this.#unsent.shift()) yield next;
  }
}

function isMessage({ command }: Exchange<unknown>): boolean {
  return command.block !== undefined && command.message === true;
}
