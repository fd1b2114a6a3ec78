// The options of calls, and the checks of them before anything is sent.
import { argumentError, checkNames, checkObject, checkSignal } from "./checks.ts";
import type { Duration } from "./duration.ts";

/** Options of every call. */
export interface CallOptions {
  /**
   * Cancels the call: it rejects at once with `POP3_ABORTED`. If the command was already sent, its reply is
   * read and dropped, within `limits.drain` and `timeouts.drain`. The connection is closed if the reply
   * exceeds them, or if the call is a login, STLS or QUIT.
   */
  readonly signal?: AbortSignal | undefined;
}

/** Options of every call whose response may be long. */
export interface ResponseOptions extends CallOptions {
  /**
   * The longest time for the whole response. A number is in milliseconds. The clock starts when the replies to all
   * earlier commands are complete. It stops while you do not read a stream. After that time the session ends
   * with `POP3_TOTAL_TIMEOUT`. `Infinity`: no limit. The call rejects with `POP3_INVALID_ARGUMENT` if the
   * value is not a time > 0.
   * @default `timeouts.total`, `Infinity` for a stream
   * @example
   * ```ts
   * const message = await client.retr(1, { totalTimeout: "5 min" });
   * ```
   */
  readonly totalTimeout?: Duration | undefined;
}

/** The names of the options of a call. The compiler reports a missing one. */
export type NamesOf<O> = Readonly<Record<keyof O, true>>;

export const CALL: NamesOf<CallOptions> = { signal: true };
export const RESPONSE: NamesOf<ResponseOptions> = { ...CALL, totalTimeout: true };

const NO_OPTIONS: object = Object.freeze({});

/** Returns the options of a call. Throws `POP3_INVALID_ARGUMENT`, with a hint for an unknown name. */
export function checkCallOptions<O extends CallOptions>(given: O | undefined, names: NamesOf<O>): O {
  if (given === undefined) return NO_OPTIONS as O;
  checkObject("options", given, argumentError);
  checkNames("options", given, Object.keys(names), argumentError);
  checkSignal("options.signal", given.signal, argumentError);
  return given;
}
