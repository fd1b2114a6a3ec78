// Lists the maildrop for a run, with LIST and UIDL in one round trip.
//
// The two listings are joined by message number. A message whose line in UIDL is malformed has no unique-id,
// and one whose line in LIST is malformed has no size; both are kept. A number that only malformed lines name
// is not a message.
import { listColumns, uidlColumns, type Pop3Client } from "../../client.ts";
import { Pop3Error, Pop3ProtocolError, Pop3ReplyError } from "../../errors.ts";
import { Columns } from "../../protocol/columns.ts";
import { hasNoValues, numbersIn, type MalformedLine } from "../../protocol/malformed-line.ts";
import type { Listed } from "../plan/steps.ts";
import type { CompletePolicy } from "../plan/policy.ts";
import { printable } from "../../protocol/printable.ts";

type Wishes = Pick<CompletePolicy, "noUidl" | "listings">;

/** The messages that the server lists, and the malformed lines of the listings. */
export interface Maildrop {
  /** In the order of message numbers. */
  readonly messages: readonly Listed[];
  readonly malformed: readonly MalformedLine[];
}

/**
 * Lists the maildrop. Rejects with `POP3_NO_UIDL` if the policy needs unique-ids and the server has none.
 * Rejects with `POP3_BAD_LISTING` if no line of a listing is readable, or, with a strict policy, if one line
 * is malformed.
 */
export async function listMaildrop(
  client: Pop3Client,
  policy: Wishes,
  signal: AbortSignal | undefined,
): Promise<Maildrop> {
  const [sizes, uids] = await Promise.all([
    listColumns(client, { signal }).catch(withoutValues<number>(client, "LIST", policy)),
    uidlColumns(client, { signal })
      .catch(withoutValues<string>(client, "UIDL", policy))
      .catch(withoutUidls(policy)),
  ]);
  const { malformed } = client;
  const answered =
    uids !== undefined && (uids.numbers.length > 0 || malformed.some(({ command }) => command === "UIDL"));
  const messages = joined(sizes, answered ? uids : undefined, malformed);
  if (!answered && messages.length > 0 && policy.noUidl === "refuse") throw withoutUidl();
  // Do not report an empty maildrop here: the ledger would take all mail for gone.
  if (messages.length === 0 && malformed.length > 0) throw unreadable(malformed);
  return { messages, malformed };
}

/** Joins the two listings. `uids` is `undefined` if the server has no unique-ids at all. */
function joined(
  sizes: Columns<number>,
  uids: Columns<string> | undefined,
  malformed: readonly MalformedLine[],
): readonly Listed[] {
  const { numbers } = sizes;
  const alike = uids === undefined || isSame(uids.numbers, numbers);
  // The usual case needs no Map. A listing without malformed lines has each number once.
  if (malformed.length === 0 && alike && isAscending(numbers))
    return numbers.map((number, at) => ({ number, uid: uids?.values[at], size: sizes.values[at] }));
  return joinedByNumber(sizes.toMap(), uids?.toMap(), malformed);
}

function isSame(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((number, at) => number === other[at]);
}

function isAscending(numbers: readonly number[]): boolean {
  return numbers.every((number, at) => at === 0 || number > (numbers[at - 1] as number));
}

function joinedByNumber(
  sizes: ReadonlyMap<number, number>,
  uids: ReadonlyMap<number, string> | undefined,
  malformed: readonly MalformedLine[],
): readonly Listed[] {
  const [badSizes, badUids] = [numbersIn(malformed, "LIST"), numbersIn(malformed, "UIDL")];
  const last = highest(uids?.keys() ?? [], badUids);
  // Lines of UIDL whose message number is not readable.
  let unnamed = malformed.filter(({ command, number }) => command === "UIDL" && number === undefined).length;
  const messages: Listed[] = [];
  for (const number of inOrder(sizes.keys(), uids?.keys() ?? [], badUids, badSizes)) {
    const [size, uid] = [sizes.get(number), uids?.get(number)];
    const inList = size !== undefined || badSizes.has(number);
    // A number that only malformed lines name may not be a message.
    if (size === undefined && uid === undefined && !(inList && (uids === undefined || badUids.has(number))))
      continue;
    if (uids !== undefined && uid === undefined && !badUids.has(number)) {
      // The message arrived between the two listings: it gets its unique-id in the next session.
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

/**
 * Handles a listing without any valid value: empty if the policy is lenient and each line names its message;
 * otherwise rethrows.
 */
function withoutValues<V>(
  client: Pop3Client,
  command: MalformedLine["command"],
  { listings }: Wishes,
): (error: unknown) => Columns<V> {
  return (error) => {
    if (listings === "strict" || !hasNoValues(error, client.malformed, command)) throw error;
    return new Columns();
  };
}

/**
 * Handles a refused UIDL: returns `undefined` if the policy accepts that, and otherwise throws
 * `POP3_NO_UIDL`.
 */
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
    'the server does not support UIDL, and policy.noUidl is "refuse". ' +
      'Set it to "content" to identify messages by their content: each run then retrieves every message',
    { cause },
  );
}

function unreadable([line]: readonly MalformedLine[]): Pop3Error {
  const { command, text } = line as MalformedLine;
  return new Pop3ProtocolError(
    "POP3_BAD_LISTING",
    `no message could be read from LIST and UIDL: they have malformed lines, such as "${printable(text)}" in ${command}`,
  );
}
