// The directories of a destination, made ready once each, before their first message.
import { isSystemError } from "../files/fsync.ts";
import { DestinationError } from "./destination-error.ts";
import { checkPath } from "./windows-path.ts";

export class Places {
  readonly #prepare: (path: string) => Promise<void>;
  readonly #ready: Map<string, Promise<void>> = new Map();

  constructor(prepare: (path: string) => Promise<void>) {
    this.#prepare = prepare;
  }

  /** Resolves to what `work` does in a place, which is ready by then. Should it vanish, it is made again for the next. */
  async use<T>(path: string, work: () => Promise<T>): Promise<T> {
    checkPath(path);
    let ready = this.#ready.get(path);
    if (ready === undefined) this.#ready.set(path, (ready = this.#prepare(path)));
    try {
      await ready;
      return await work();
    } catch (error) {
      this.#ready.delete(path);
      // What stands in the way of a directory: no message is to blame for it.
      if (isSystemError(error, "EEXIST") || isSystemError(error, "EISDIR"))
        throw new DestinationError(`${path} cannot be used: ${(error as Error).message}`, {
          cause: error,
          down: true,
        });
      throw error;
    }
  }
}
