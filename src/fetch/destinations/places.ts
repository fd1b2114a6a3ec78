// Chooses the path of a message. Prepares each directory of a destination once, before its first message, and keeps what is known of it.
import { isSystemError } from "../files/fsync.ts";
import type { Delivery } from "./destination.ts";
import { DestinationError } from "./destination-error.ts";
import { checkPath } from "./windows-path.ts";
import { isPromise } from "../../protocol/foreign-error.ts";
import { printable, shown } from "../../protocol/printable.ts";

/**
 * The path of a message: `given`, or what it returns. Throws if that is not a path, and no message is blamed for it: an empty
 * text would be the current directory. `what`: the destination.
 */
export function pathOf(
  what: string,
  given: string | ((delivery: Delivery) => string),
  delivery: Delivery,
): string {
  if (typeof given === "string") return given;
  const path: unknown = given(delivery);
  if (typeof path === "string" && path !== "") return path;
  const got = isPromise(path, () => undefined) ? "a promise" : path === "" ? "an empty string" : shown(path);
  throw new DestinationError(
    `the path of ${what} must be a non-empty string, but the function that chooses it has returned ${got}`,
    { down: true },
  );
}

export class Places<T> {
  readonly #prepare: (path: string) => Promise<T>;
  readonly #ready: Map<string, Promise<T>> = new Map();

  constructor(prepare: (path: string) => Promise<T>) {
    this.#prepare = prepare;
  }

  /**
   * Prepares a directory if necessary, and resolves with the result of `work`. If that fails, for example
   * because the directory has vanished, it is prepared again for the next message.
   */
  async use<R>(path: string, work: (place: T) => Promise<R> | R): Promise<R> {
    checkPath(path);
    let ready = this.#ready.get(path);
    if (ready === undefined) this.#ready.set(path, (ready = this.#prepare(path)));
    try {
      return await work(await ready);
    } catch (error) {
      this.forget(path);
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

  /** Prepares the directory again for the next message. */
  forget(path: string): void {
    this.#ready.delete(path);
  }
}
