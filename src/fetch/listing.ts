// The maildrop as a run sees it: LIST and UIDL, in one go.
import type { Pop3Client } from "../client.ts";
import { Pop3Error, Pop3ReplyError } from "../errors.ts";
import type { Listed } from "./plan.ts";
import type { CompletePolicy } from "./policy.ts";

type Wishes = Pick<CompletePolicy, "noUidl">;

/** The messages by their numbers. Rejects with `POP3_NO_UIDL` where the policy wants unique-ids, and there are none. */
export async function listMaildrop(
  client: Pop3Client,
  policy: Wishes,
  signal: AbortSignal | undefined,
): Promise<readonly Listed[]> {
  const [sizes, uids] = await Promise.all([client.list({ signal }), listUids(client, policy, signal)]);
  if (uids.size === 0 && sizes.size > 0 && policy.noUidl === "refuse") throw withoutUidl();
  let last = 0;
  for (const number of uids.keys()) last = Math.max(last, number);
  const listing: Listed[] = [];
  for (const number of new Set([...sizes.keys(), ...uids.keys()])) {
    // What came between the two listings gets its unique-id in the next session.
    if (uids.size === 0 || number <= last)
      listing.push({ number, uid: uids.get(number), size: sizes.get(number) });
  }
  return listing.sort((a, b) => a.number - b.number);
}

async function listUids(
  client: Pop3Client,
  { noUidl }: Wishes,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<number, string>> {
  try {
    return await client.uidl({ signal });
  } catch (error) {
    if (!(error instanceof Pop3ReplyError) || error.temporary) throw error;
    if (noUidl === "content") return new Map();
    throw withoutUidl(error);
  }
}

function withoutUidl(cause?: unknown): Pop3Error {
  return new Pop3Error(
    "POP3_NO_UIDL",
    'the server knows no UIDL: the policy noUidl "content" goes without, and retrieves everything each time',
    { cause },
  );
}
