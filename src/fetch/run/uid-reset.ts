// Decides what to do if all messages look new: they may be old messages with new unique-ids.
import type { Pop3Client } from "../../client.ts";
import { Pop3Error } from "../../errors.ts";
import { isRefusal } from "./delivery.ts";
import { isSettled } from "../plan/entry.ts";
import { headerDigest } from "../plan/header-digest.ts";
import type { Listed } from "../plan/steps.ts";
import type { CompletePolicy } from "../plan/policy.ts";
import { isDue } from "../plan/schedule.ts";
import type { RunLedger } from "./run-ledger.ts";
import { areThere, matched, matchedOld, sampleOf, vanished } from "../plan/uid-reset.ts";

/**
 * If all unique-ids have changed at once and the policy says `"match"`, records the new ones. Rejects with
 * `POP3_UIDS_CHANGED` if the policy says `"stop"`, or if the server cannot send headers. Does nothing if the
 * policy says `"new"`. `now`: milliseconds since 1970.
 */
export async function recogniseChangedUids(
  client: Pop3Client,
  listing: readonly Listed[],
  ledger: Pick<RunLedger, "entries" | "record">,
  { uidsChanged, dryRun, delete: deletion }: Pick<CompletePolicy, "uidsChanged" | "dryRun" | "delete">,
  now: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (uidsChanged === "new") return;
  const expected = vanished(listing, ledger.entries);
  if (expected.length === 0) return;
  // Headers are useful only if the ledger has a digest to compare them with. A dry run retrieves nothing, not
  // even headers.
  const comparable = !dryRun && expected.some(({ headers }) => headers !== undefined);
  const canLook = comparable && (await client.supports("TOP", { signal }));
  const sample = canLook ? await headersOf(client, sampleOf(listing), signal) : undefined;
  const leaving = expected.filter(
    ({ status, firstSeen, size }) => status === "delivered" && isDue(deletion, firstSeen, size, now),
  );
  if (!areThere(listing, expected, sample, new Set(leaving))) return;
  const isOld = expected.filter(isSettled).every(({ status }) => status === "baseline");
  if (uidsChanged === "match" && (canLook || (isOld && !dryRun))) {
    const headers = isOld ? new Map<number, string>() : await headersOf(client, listing, signal);
    const known = matched(listing, expected, headers);
    const old = matchedOld(listing, expected, new Set(known.entries.map(({ id }) => id)));
    if (old !== undefined) {
      const entries = [...known.entries, ...old.entries];
      await ledger.record({ entries, forgotten: [...known.forgotten, ...old.forgotten] });
      return;
    }
  }
  const why = dryRun
    ? "a dry run retrieves no headers"
    : canLook || isOld
      ? "new mail cannot be distinguished from the mail that the first run has left out"
      : comparable
        ? "the server cannot send headers (TOP)"
        : "the ledger has none of their headers";
  const advice =
    uidsChanged === "match"
      ? `They cannot be recognised: ${why}. Set policy.uidsChanged to "new" to fetch them again`
      : 'Set policy.uidsChanged to "match" to recognise them by their headers, or to "new" to fetch them again';
  throw new Pop3Error(
    "POP3_UIDS_CHANGED",
    `the unique-ids of all ${String(expected.length)} known messages have changed, and the messages seem to be the same. ` +
      `Nothing was fetched, because all would be delivered again. ${advice}`,
  );
}

/** Returns digests of headers by message number. A message whose headers the server refuses is left out. */
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
