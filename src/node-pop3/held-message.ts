// A message as a stream that its reader may leave alone while the program sends other commands. It has backpressure until
// another command waits; then the rest of the message is collected, up to a limit.
import { Readable } from "node:stream";
import { DEFAULT_LIMITS } from "../options/client.ts";

export class HeldMessage extends Readable {
  readonly #source: Readable;
  #hurried = false;
  /** Resolves when the server has sent the whole message, or the message has failed or was given up. Never rejects. */
  readonly ended: Promise<void>;

  constructor(source: Readable) {
    super();
    this.#source = source;
    // Without this listener an error would end a process that does not read the stream.
    this.on("error", () => undefined);
    source.on("data", (octets: Buffer) => {
      if (!this.push(octets)) this.#rest();
    });
    source.on("end", () => this.push(null));
    source.on("error", (error) => this.destroy(error));
    this.ended = new Promise((resolve) => {
      source.once("close", resolve);
    });
  }

  /** Resolves when the message begins. Rejects if the server refuses it. */
  begun(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.once("error", reject);
      const begins = (): void => {
        this.off("error", reject);
        resolve();
      };
      this.#source.once("data", begins);
      this.#source.once("end", begins);
    });
  }

  /** Another command waits: the server must not wait for our reader. */
  hurry(): void {
    this.#hurried = true;
    if (this.readableLength < DEFAULT_LIMITS.message) this.#source.resume();
  }

  #rest(): void {
    if (!this.#hurried || this.readableLength >= DEFAULT_LIMITS.message) this.#source.pause();
  }

  override _read(): void {
    this.#source.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#source.destroy();
    callback(error);
  }
}
