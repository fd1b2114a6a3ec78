// The maildrop as a run sees it: LIST and UIDL, in one go.
//
// Each message is joined by its number. A message whose line in UIDL is malformed has no unique-id, and one whose line in
// LIST is malformed has no size; neither is left out. What only a malformed line names is no message.
import type { Pop3Client } from "../../client.ts";
import { Pop3Error, Pop3ProtocolError, Pop3ReplyError } from "../../errors.ts";
import { hasNoValues, numbersIn, type MalformedLine } from "../../protocol/malformed-line.ts";
import type { Listed } from "../plan/plan.ts";
import type { CompletePolicy } from "../plan/policy.ts";

type Wishes = Pick<CompletePolicy, "noUidl" | "listings">;

/** What the server lists. */
export interface Maildrop {
  /** In the order of their numbers. */
  readonly messages: readonly Listed[];
  readonly malformed: readonly MalformedLine[];
}

/**
 * Lists the maildrop. Rejects with `POP3_NO_UIDL` if the policy wants unique-ids and there are none, and with
 * `POP3_BAD_LISTING` if nothing can be read of a listing, or not all of it and the policy is strict.
 */
export async function listMaildrop(
  client: Pop3Client,
  policy: Wishes,
  signal: AbortSignal | undefined,
): Promise<Maildrop> {
  const [sizes, uids] = await Promise.all([
    client.list({ signal }).catch(withoutValues<number>(client, "LIST", policy)),
    client
      .uidl({ signal })
      .catch(withoutValues<string>(client, "UIDL", policy))
      .catch(withoutUidls(policy)),
  ]);
  const { malformed } = client;
  const answered =
    uids !== undefined && (uids.size > 0 || malformed.some(({ command }) => command === "UIDL"));
  const messages = joined(sizes, answered ? uids : undefined, malformed);
  if (!answered && messages.length > 0 && policy.noUidl === "refuse") throw withoutUidl();
  // Not an empty maildrop: all mail would be taken for gone.
  if (messages.length === 0 && malformed.length > 0) throw unreadable(malformed);
  return { messages, malformed };
}

/** `uids` is `undefined` if the server has none at all. */
function joined(
  sizes: ReadonlyMap<number, number>,
  uids: ReadonlyMap<number, string> | undefined,
  malformed: readonly MalformedLine[],
): readonly Listed[] {
  const [badSizes, badUids] = [numbersIn(malformed, "LIST"), numbersIn(malformed, "UIDL")];
  const last = highest(uids?.keys() ?? [], badUids);
  // Lines of UIDL that do not say which message they are about.
  let unnamed = malformed.filter(({ command, number }) => command === "UIDL" && number === undefined).length;
  const messages: Listed[] = [];
  for (const number of inOrder(sizes.keys(), uids?.keys() ?? [], badUids, badSizes)) {
    const [size, uid] = [sizes.get(number), uids?.get(number)];
    const inList = size !== undefined || badSizes.has(number);
    // What a malformed line names alone may be no message.
    if (size === undefined && uid === undefined && !(inList && (uids === undefined || badUids.has(number))))
      continue;
    if (uids !== undefined && uid === undefined && !badUids.has(number)) {
      // What came between the two listings gets its unique-id in the next session.
      if (number > last && unnamed <= 0) continue;
      unnamed--;
    }
    messages.push({ number, uid, size });
  }
  return messages;
}

function inOrder(...numbers: readonly Iterable<number>[]): number[] {
  const all = new Set<number>();
  for (const some of numbers) for (const number of some) all.add(number);
  return [...all].sort((a, b) => a - b);
}

function highest(...numbers: readonly Iterable<number>[]): number {
  let last = 0;
  for (const some of numbers) for (const number of some) last = Math.max(last, number);
  return last;
}

/** A listing without a value for any of its messages is none, unless each line names its message. */
function withoutValues<V>(
  client: Pop3Client,
  command: MalformedLine["command"],
  { listings }: Wishes,
): (error: unknown) => ReadonlyMap<number, V> {
  return (error) => {
    if (listings === "strict" || !hasNoValues(error, client.malformed, command)) throw error;
    return new Map();
  };
}

/** `undefined`: the server knows no UIDL, and the policy goes without. */
function withoutUidls({ noUidl }: Wishes): (error: unknown) => undefined {
  return (error) => {
    if (!(error instanceof Pop3ReplyError) || error.temporary) throw error;
    if (noUidl === "content") return undefined;
    throw withoutUidl(error);
  };
}

function withoutUidl(cause?: unknown): Pop3Error {
  return new Pop3Error(
    "POP3_NO_UIDL",
    'the server knows no UIDL: the policy noUidl "content" goes without, and retrieves everything each time',
    { cause },
  );
}

function unreadable([line]: readonly MalformedLine[]): Pop3Error {
  const { command, text } = line as MalformedLine;
  return new Pop3ProtocolError(
    "POP3_BAD_LISTING",
    `LIST and UIDL name no message in common, and have malformed lines: "${text}" in ${command}`,
  );
}
