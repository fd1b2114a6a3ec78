// The outcome of a call, for tests that check more of an error than `rejects` does.
import { expect } from "vitest";
import { Pop3Error } from "../../src/errors.ts";
import { turns } from "./turns.ts";

/** The error that `call` rejects with. It has to be one of ours. */
export async function failureOf(call: Promise<unknown>): Promise<Pop3Error> {
  let error: unknown;
  try {
    await call;
  } catch (thrown) {
    error = thrown;
  }
  expect(Pop3Error.is(error), String(error)).toBe(true);
  return error as Pop3Error;
}

/** `code` of the error that `call` rejects with, or what else became of it. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "resolved",
    (error: unknown) => (Pop3Error.is(error) ? error.code : String(error)),
  );
}

/** The outcome of `call`, or "still waiting". For calls that must settle without any further event. */
export async function settledCode(call: Promise<unknown>): Promise<string> {
  return Promise.race([codeOf(call), turns(100).then(() => "still waiting")]);
}
