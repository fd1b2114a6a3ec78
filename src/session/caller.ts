// Adds the place of a call to the stack of its error. The error is created when data arrives, so its own stack does not
// lead to the program. There are two ways. To capture the stack at the call finds it always, and takes about 8 us: for
// what takes milliseconds. To look for the function that awaits the call, when it is rejected, costs nothing if the
// call succeeds: for commands.
import { checkCallOptions, type CallOptions, type NamesOf } from "../options/call.ts";
import { inSession, Pop3Error } from "../errors.ts";

/** The stack at the time of a call. The runtime formats it only when it is read: if the call fails. */
export interface Caller {
  readonly stack?: string;
}

/** Returns the stack above the function `below`, which is left out. @param below default this function */
export function callerOf(below: CallableFunction | NewableFunction = callerOf): Caller {
  const caller: Caller = {};
  Error.captureStackTrace(caller, below);
  return caller;
}

/**
 * Runs a long call of the public API. Its error has the place of the call in its stack, even if the program does not
 * await the call. Call it first in a method, before any `await`. `below` is left out of the stack.
 */
export async function located<T>(work: () => T | Promise<T>, below: CallableFunction = located): Promise<T> {
  const caller = callerOf(below);
  try {
    return await work();
  } catch (error) {
    throw seenFrom(error, caller);
  }
}

/**
 * Runs a command of the public API after its options are checked. Its error names the session, and has the place in
 * its stack that awaits it.
 */
export async function call<O extends CallOptions, T>(
  options: O | undefined,
  names: NamesOf<O>,
  work: (options: O) => T | Promise<T>,
  session: string,
): Promise<T> {
  try {
    return await work(checkCallOptions(options, names));
  } catch (error) {
    // After an `await`, the stack above this function is of those that await it.
    throw seenFrom(inSession(error, session), callerOf(call));
  }
}

/** Gives the values of a loop. The error that ends it has the place in its stack that started the loop. */
export async function* locatedLoop<T>(
  caller: Caller,
  loop: AsyncGenerator<T, void, undefined>,
): AsyncGenerator<T, void, undefined> {
  try {
    yield* loop;
  } catch (error) {
    throw seenFrom(error, caller);
  }
}

/** Adds the place of the call to the stack of an error of ours, unless it is there already. Returns the error. */
export function seenFrom<E>(error: E, caller: Caller | undefined): E {
  const stack: unknown = Pop3Error.is(error) ? error.stack : undefined;
  const places: unknown = caller?.stack;
  if (typeof stack !== "string" || typeof places !== "string") return error;
  const frames = places.split("\n").filter((line) => FRAME.test(line) && !stack.includes(lineOf(line)));
  if (frames.length === 0) return error;
  // Does not throw if the error is frozen.
  Reflect.defineProperty(error as object, "stack", {
    value: [stack, ...frames].join("\n"),
    configurable: true,
    writable: true,
  });
  return error;
}

const FRAME = /^\s+at /;

/** File and line of a frame. Without the column: that of an `await` is another one than that of the call. */
function lineOf(frame: string): string {
  return frame.replace(/^.*[( ]/, "").replace(/:\d+\)?$/, ":");
}
