// The mail of one mailbox, fetched once.
import { completeFetchOptions, type FetchAccount, type FetchOptions } from "../options.ts";
import type { FetchReport } from "../report.ts";
import { runFetch } from "./run.ts";

/**
 * Fetches what the ledger does not know into the destination, and deletes what the policy says. Each message is
 * delivered, then noted, then perhaps deleted: whatever breaks in between, the next run goes on from there, and the
 * destination knows by the key what it has.
 *
 * Rejects with {@link FetchError} where the run as a whole failed: server, login, ledger, or a destination that is
 * down. A message that could not be delivered is no such failure: it is in the report. Rejects with `POP3_CONFIG`
 * for options that make no sense.
 *
 * @example
 * const report = await fetchMail("pop3s://ann:secret@pop.example.com", {
 *   ledger: new FileLedger("./state"),
 *   destination: new Maildir("./Mail"),
 *   policy: { delete: { afterDays: 14 } },
 * });
 */
export async function fetchMail(account: FetchAccount, options: FetchOptions): Promise<FetchReport> {
  return runFetch(completeFetchOptions(account, options));
}
