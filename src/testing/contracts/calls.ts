// The calls of one test of a contract: each is named, so that a failure says in plain words which one broke a promise.
import { Pop3Error, type Pop3ErrorCode } from "../../errors.ts";
import { printable } from "../../protocol/printable.ts";

/** A promise that was broken, and how. */
export class Broken extends Error {
  readonly actual: unknown;
  readonly expected: unknown;

  constructor(how: string, details: { actual?: unknown; expected?: unknown; cause?: unknown } = {}) {
    super(how, details.cause === undefined ? undefined : { cause: details.cause });
    this.actual = details.actual;
    this.expected = details.expected;
  }
}

/** An error in words: its class, its code and its message. */
export function told(error: unknown): string {
  if (!(error instanceof Error)) return `value that is not an Error: ${printable(String(error))}`;
  const { code } = error as { code?: unknown };
  return `${error.name}${typeof code === "string" ? ` ${code}` : ""} "${printable(error.message)}"`;
}

export function keep(isKept: boolean, how: string): asserts isKept {
  if (!isKept) throw new Broken(how);
}

/** Returns a promise that may stay without a handler: a test that has failed does not wait for it. */
export function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

export class Calls {
  readonly #pending: Map<symbol, string> = new Map();

  /** The calls that have not settled. */
  get pending(): readonly string[] {
    return [...this.#pending.values()];
  }

  /** Calls, and passes on what comes of it. */
  settled<T>(what: string, call: () => PromiseLike<T> | T): Promise<T> {
    return quiet(this.#settled(what, call));
  }

  /** Calls what must resolve. */
  resolved<T>(what: string, call: () => PromiseLike<T> | T): Promise<T> {
    return quiet(
      this.#settled(what, call).catch((cause: unknown) => {
        throw new Broken(`${what} must resolve, but rejected with ${told(cause)}`, { cause });
      }),
    );
  }

  /** Calls what must reject, and resolves with the error. */
  async rejected(what: string, call: () => unknown): Promise<unknown> {
    let result: unknown;
    try {
      result = await this.settled(what, call);
    } catch (error) {
      return error;
    }
    throw new Broken(`${what} must reject, but resolved with ${printable(String(result))}`);
  }

  /** Calls what must reject with an error of this library that has one of `codes`. */
  async rejectedWith(what: string, codes: readonly Pop3ErrorCode[], call: () => unknown): Promise<void> {
    const error = await this.rejected(what, call);
    if (Pop3Error.is(error) && codes.includes(error.code)) return;
    throw new Broken(
      `${what} must reject with the code ${codes.join(" or ")}, but rejected with ${told(error)}`,
      {
        cause: error,
      },
    );
  }

  async #settled<T>(what: string, call: () => PromiseLike<T> | T): Promise<T> {
    const id = Symbol(what);
    this.#pending.set(id, what);
    try {
      return await call();
    } finally {
      this.#pending.delete(id);
    }
  }
}
