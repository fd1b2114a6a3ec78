// Runs a command in a session. An error of the session is reported with its account.
import { Pop3AbortError, Pop3Client, Pop3Error, type Pop3ClientOptions } from "../index.ts";
import { onAbort } from "../net/abort.ts";
import { attemptOf, checkUser } from "./account.ts";
import { AccountError } from "./explain.ts";
import type { Io } from "./io.ts";
import { Waiting } from "./waiting.ts";

/**
 * Connects, logs in, calls `run`, and ends the session with QUIT. Rejects with {@link AccountError} if the session
 * fails or the command is stopped, with `UsageError` if the account has no user, and with the error of `run` otherwise.
 */
export async function inSession<T>(
  account: Pop3ClientOptions,
  io: Io,
  run: (client: Pop3Client) => Promise<T>,
): Promise<T> {
  const { stop } = io;
  checkUser(account);
  using _waiting = new Waiting(attemptOf(account), io);
  try {
    await using client = await Pop3Client.connect(account, { signal: stop });
    const unsubscribe = onAbort(stop, () => client.close());
    const value = await run(client);
    await client.quit();
    unsubscribe();
    return value;
  } catch (thrown) {
    const error = stop.aborted ? new Pop3AbortError(stop.reason) : thrown;
    throw Pop3Error.is(error) ? new AccountError(error, attemptOf(account)) : error;
  }
}
