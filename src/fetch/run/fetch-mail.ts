// Fetches the mail of one mailbox, once.
import { completeFetchOptions, type FetchAccount, type FetchOptions } from "../options.ts";
import type { FetchReport } from "../report.ts";
import { located } from "../../session/caller.ts";
import { runFetch } from "./run.ts";

/**
 * Fetches the mail that the ledger does not know into the destination, and deletes what the policy says. Each
 * message is first delivered, then recorded in the ledger, then deleted if the policy says so. If anything
 * breaks in between, the next run continues from there, and the destination recognises by the key which
 * messages it has.
 *
 * Rejects with {@link FetchError} if the run as a whole failed: server, login, ledger, or a destination that
 * is down. A message that could not be delivered does not reject: the report has it in `failed`. Rejects with
 * `POP3_CONFIG` if an option is invalid.
 *
 * @example
 * ```ts
 * const report = await fetchMail("pop3s://ann:secret@pop.example.com", {
 *   ledger: new FileLedger("./state"),
 *   destination: new Maildir("./Mail"),
 *   policy: { delete: { afterDays: 14 } },
 * });
 * console.log(report.delivered, report.failed.length);
 * ```
 */
export function fetchMail(account: FetchAccount, options: FetchOptions): Promise<FetchReport> {
  return located(() => runFetch(completeFetchOptions(account, options)), fetchMail);
}
