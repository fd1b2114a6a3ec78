// A message on its way into an mbox: converted while it arrives, and kept in memory as long as it is small.
import { createHash } from "node:crypto";
import { wallTime } from "../../system/clock.ts";
import { ArrivingFile } from "./arriving-file.ts";
import { fromLine } from "./from-line.ts";
import type { Appended } from "./mbox-append.ts";
import { MboxText } from "./mbox-text.ts";

export class MboxMessage implements Appended {
  readonly key: string;
  readonly line: string;
  /** Ends the wait for the lock. */
  readonly signal: AbortSignal | undefined;
  readonly #text: MboxText = new MboxText();
  readonly #hash = createHash("sha256");
  readonly #arriving: ArrivingFile;
  #digest = "";

  /** `folder`: for the file of a large message. */
  constructor(folder: string, key: string, signal: AbortSignal | undefined) {
    this.key = key;
    this.signal = signal;
    this.line = fromLine(key, new Date(wallTime()));
    this.#hash.update(this.line);
    this.#arriving = new ArrivingFile(folder, key);
  }

  get octets(): number {
    return this.line.length + this.#arriving.octets;
  }

  /** Empty until {@link end} was called. */
  get digest(): string {
    return this.#digest;
  }

  write(octets: Buffer): Promise<void> | void {
    return this.#put(this.#text.push(octets));
  }

  /** Notes that the message is complete. */
  end(): void {
    // It is reported by `arrived`.
    Promise.resolve(this.#put(this.#text.end())).catch(() => undefined);
    this.#digest = this.#hash.digest("hex");
  }

  /** Resolves when all of it can be read. Rejects if its file could not be written. */
  arrived(): Promise<void> {
    return this.#arriving.written();
  }

  read(): AsyncIterable<Buffer> {
    return this.#arriving.read();
  }

  /** Removes its file, if it has one. Never rejects. */
  discard(): Promise<void> {
    return this.#arriving.discard();
  }

  #put(text: Buffer): Promise<void> | void {
    this.#hash.update(text);
    return this.#arriving.write(text);
  }
}
