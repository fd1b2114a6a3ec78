// Prepares each directory of a destination once, before its first message.
import { isSystemError } from "../files/fsync.ts";
import { DestinationError } from "./destination-error.ts";
import { checkPath } from "./windows-path.ts";
import { printable } from "../../protocol/printable.ts";

export class Places {
  readonly #prepare: (path: string) => Promise<void>;
  readonly #ready: Map<string, Promise<void>> = new Map();

  constructor(prepare: (path: string) => Promise<void>) {
    this.#prepare = prepare;
  }

  /**
   * Prepares a directory if necessary, and resolves with the result of `work`. If the directory vanishes, it
   * is created again for the next message.
   */
  async use<T>(path: string, work: () => Promise<T>): Promise<T> {
    checkPath(path);
    let ready = this.#ready.get(path);
    if (ready === undefined) this.#ready.set(path, (ready = this.#prepare(path)));
    try {
      await ready;
      return await work();
    } catch (error) {
      this.#ready.delete(path);
      // A file has the name of the directory. No message is blamed for it.
      if (isSystemError(error, "EEXIST") || isSystemError(error, "EISDIR"))
        throw new DestinationError(
          `${printable(path)} cannot be used: ${printable((error as Error).message)}`,
          {
            cause: error,
            down: true,
          },
        );
      throw error;
    }
  }
}
