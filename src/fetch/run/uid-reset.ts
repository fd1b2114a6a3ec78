// Where everything looks new: whether it is, or has only other unique-ids than before.
import type { Pop3Client } from "../../client.ts";
import { Pop3Error } from "../../errors.ts";
import { isRefusal } from "./delivery.ts";
import { headerDigest } from "../plan/header-digest.ts";
import type { MailboxLedger } from "../ledger/ledger.ts";
import type { Listed } from "../plan/plan.ts";
import type { CompletePolicy } from "../plan/policy.ts";
import { areThere, matched, sampleOf, vanished } from "../plan/uid-reset.ts";

/** Notes the new unique-ids where the policy says so. Rejects with `POP3_UIDS_CHANGED` where it does not. */
export async function recogniseChangedUids(
  client: Pop3Client,
  listing: readonly Listed[],
  ledger: MailboxLedger,
  { uidsChanged, dryRun }: Pick<CompletePolicy, "uidsChanged" | "dryRun">,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (uidsChanged === "new") return;
  const expected = vanished(listing, ledger.entries);
  if (expected.length === 0) return;
  // Without a digest in the ledger there is nothing to compare headers with. A dry run asks for no message, not even for
  // its headers.
  const comparable = !dryRun && expected.some(({ headers }) => headers !== undefined);
  const canLook = comparable && (await client.supports("TOP", { signal }));
  const sample = canLook ? await headersOf(client, sampleOf(listing), signal) : undefined;
  if (!areThere(listing, expected, sample)) return;
  if (uidsChanged === "match" && canLook) {
    await ledger.record(matched(listing, expected, await headersOf(client, listing, signal)));
    return;
  }
  throw new Pop3Error(
    "POP3_UIDS_CHANGED",
    `none of ${String(expected.length)} messages has its unique-id any more, and they seem to be there: nothing was fetched, ` +
      'as everything would come again. The policy uidsChanged "match" goes by their headers, "new" fetches them',
  );
}

/** Digests of headers, by message number; none of a message whose headers the server refuses. */
async function headersOf(
  client: Pop3Client,
  messages: readonly Listed[],
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<number, string>> {
  const digests = new Map<number, string>();
  const numbers = messages.map(({ number }) => number);
  for await (const message of client.retrieve(numbers, { top: 0, signal })) {
    try {
      digests.set(message.number, headerDigest(await message.buffer()));
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
  }
  return digests;
}
