// Ends the wait for a mailbox when its signal is aborted.
import type { MailboxLedger } from "../fetch/ledger/ledger.ts";
import { untilAborted } from "../net/settle.ts";

/** Rejects with `POP3_ABORTED` when `signal` is aborted. A mailbox that is opened later is released at once. */
export async function openedUnlessAborted<M extends MailboxLedger>(
  opening: Promise<M>,
  signal: AbortSignal | undefined,
): Promise<M> {
  try {
    return await untilAborted(signal, () => opening);
  } catch (error) {
    opening.then((held) => held.close()).catch(() => undefined);
    throw error;
  }
}
