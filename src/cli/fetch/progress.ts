// Draws a progress bar in the last line of a terminal. Other output is written above it.
import type { FetchEvent } from "../../fetch/index.ts";
import type { Output } from "../io.ts";
import { ERASE, progressBar, REST } from "../progress-bar.ts";

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
    const { messages, octets: expected } = this.#expected;
    let received = this.#done.octets;
    for (const each of this.#current.values()) received += each;
    const isComplete = this.#done.messages === messages;
    const label = `${String(this.#done.messages)}/${String(messages)}`;
    return progressBar({ received, expected, isComplete, label }, columns);
  }
}
