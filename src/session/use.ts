// One use of an open session as a transaction: commits with QUIT when the function of the program succeeds, and rolls
// back when it throws.
import { untilAborted } from "../net/settle.ts";
import { argumentError, shown } from "../options/checks.ts";

/** What a use needs of a client. */
interface UsableClient {
  readonly marked: ReadonlySet<number>;
  quit(options: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

interface Use<C extends UsableClient, T> {
  readonly client: C;
  readonly work: (client: C) => Promise<T> | T;
  readonly signal: AbortSignal | undefined;
  /** Waits for an end of the session that the program has requested itself. Resolves with whether it has. */
  readonly dismissed: () => Promise<boolean>;
  /** Called after the work. Returns `true` if the session is kept open in place of QUIT. */
  readonly keeps?: () => boolean;
  /** Called when the session has ended or is kept; with the error of the use, if it failed. */
  readonly over?: (error?: unknown) => void;
}

/** Throws `POP3_INVALID_ARGUMENT` if `work` is not a function. */
export function checkWork(work: unknown): void {
  if (typeof work !== "function")
    throw argumentError(`work must be a function that takes a client (got ${shown(work)})`);
}

/**
 * Calls `work(client)`, then commits. When `work` throws, or the commit fails, rolls back and rejects with that
 * error. A call that is aborted rejects at once, and the session ends on its own.
 */
export async function runUse<C extends UsableClient, T>(use: Use<C, T>): Promise<T> {
  const { client, work, signal, over = () => undefined } = use;
  try {
    const value = await untilAborted(signal, () => work(client));
    await commit(use);
    over();
    return value;
  } catch (error) {
    const left = client[Symbol.asyncDispose]().then(() => over(error));
    // A caller that has aborted does not wait for the end of the session.
    await untilAborted(signal, () => left).catch(() => undefined);
    throw error;
  }
}

async function commit<C extends UsableClient, T>(use: Use<C, T>): Promise<void> {
  const { client, signal, dismissed, keeps } = use;
  if ((await untilAborted(signal, dismissed)) || keeps?.() === true) return;
  try {
    await client.quit({ signal });
  } catch (error) {
    // If no message is marked, a failed QUIT loses nothing: ignore the error.
    if (client.marked.size > 0 || signal?.aborted === true) throw error;
    await client[Symbol.asyncDispose]();
  }
}
