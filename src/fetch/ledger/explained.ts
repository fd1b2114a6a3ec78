// Makes the errors of a ledger in files from the errors of the system.
import { Pop3Error } from "../../errors.ts";
import { messageOf } from "../../protocol/foreign-error.ts";
import { printable } from "../../protocol/printable.ts";
import { isOutage } from "../files/outage.ts";
import { LedgerError } from "./ledger-error.ts";

/** Rejects with a {@link LedgerError} instead of a system error. `what`: the beginning of its message. */
export async function explained<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw explanation(what, cause);
  }
}

/** A disk that is full or fails may work later without any change; a damaged or foreign file does not. */
export function explanation(what: string, cause: unknown): Error {
  if (Pop3Error.is(cause)) return cause;
  const reason = messageOf(cause);
  return new LedgerError(`${what}: ${printable(reason)}`, { cause, temporary: isOutage(cause) });
}
