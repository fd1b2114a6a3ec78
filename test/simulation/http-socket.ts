// A simulated socket as `node:http` uses it: with a limit of silence, in simulated time.
import type { Computer } from "./computer.ts";
import { ClientSocket, type Link } from "./network.ts";
import type { SimulatedProcess } from "./process.ts";
import type { Event } from "./schedule.ts";

export class HttpSocket extends ClientSocket {
  readonly #computer: Computer;
  readonly #process: SimulatedProcess;
  #event: Event | undefined;
  /** The limit of silence; milliseconds. 0: none. */
  timeout = 0;

  constructor(link: Link, computer: Computer, process: SimulatedProcess) {
    super(link);
    this.#computer = computer;
    this.#process = process;
    this.once("close", () => this.setTimeout(0));
  }

  override arrive(octets: Buffer | null): void {
    this.#begin();
    super.arrive(octets);
  }

  /** What is written together arrives together, whatever version of Node writes it. */
  override _writev(chunks: { readonly chunk: Buffer }[], done: () => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), "binary", done);
  }

  setTimeout(milliseconds: number): this {
    this.timeout = milliseconds;
    this.#begin();
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  #begin(): void {
    const { schedule } = this.#computer;
    if (this.#event !== undefined) schedule.cancel(this.#event);
    this.#event =
      this.timeout === 0
        ? undefined
        : schedule.after(this.timeout, () => {
            this.#event = undefined;
            this.#process.enter(() => this.emit("timeout"));
          });
  }
}
