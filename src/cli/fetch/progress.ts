// Draws a progress bar in the last line of a terminal. Other output is written above it.
import type { FetchEvent } from "../../fetch/index.ts";
import type { Output } from "../io.ts";
import { octetsText } from "../text.ts";

/** The minimal time between two drawings of the bar, in milliseconds. */
const REST = 100;
const WIDEST = 40;
const ERASE = "\r\x1b[K";

interface Share {
  messages: number;
  octets: number;
}

export class Progress {
  readonly #output: Output;
  readonly #expected: Share = { messages: 0, octets: 0 };
  readonly #done: Share = { messages: 0, octets: 0 };
  /** The bytes that were received of the current message, by mailbox. */
  readonly #current: Map<string, number> = new Map();
  #drawn = 0;
  #shown = false;

  constructor(output: Output) {
    this.#output = output;
  }

  async heard(event: FetchEvent): Promise<void> {
    if (this.#output.columns === undefined) return;
    const { mailbox } = event;
    if (event.type === "listed") {
      this.#expected.messages += event.toRetrieve;
      this.#expected.octets += event.toRetrieveOctets;
    } else if (event.type === "progress") {
      this.#current.set(mailbox, event.received);
    } else if (event.type === "delivered" || event.type === "message-failed") {
      this.#current.delete(mailbox);
      this.#done.messages++;
      if (event.type === "delivered") this.#done.octets += event.octets;
    } else return;
    const now = Date.now();
    const last = this.#done.messages === this.#expected.messages;
    if (this.#expected.messages === 0 || (now - this.#drawn < REST && !last)) return;
    this.#drawn = now;
    this.#shown = true;
    await this.#output.write(`${ERASE}${this.line(this.#output.columns)}`);
  }

  /** Erases the bar, so that a line of text can be written. */
  async clear(): Promise<void> {
    if (!this.#shown) return;
    this.#shown = false;
    await this.#output.write(ERASE);
  }

  /** Formats the bar: `[=====>    ]  12/40  3.2 MB of 9.1 MB`. */
  line(columns: number): string {
    const { messages, octets } = this.#expected;
    let came = this.#done.octets;
    for (const received of this.#current.values()) came += received;
    const words = `  ${String(this.#done.messages)}/${String(messages)}  ${octetsText(came)} of ${octetsText(octets)}`;
    const width = Math.min(WIDEST, columns - words.length - 3);
    if (width < 5) return words.trim().slice(0, columns - 1);
    // Servers estimate sizes, so the bar is full only after the last message.
    const share = this.#done.messages === messages ? 1 : Math.min(0.99, came / Math.max(1, octets));
    const filled = Math.round(share * width);
    const bar = share === 1 ? "=".repeat(width) : `${"=".repeat(filled)}>`.slice(0, width).padEnd(width);
    return `[${bar}]${words}`;
  }
}
