// Detects a mailbox whose address has changed: the ledger may know it under its old address. Without a hint,
// all its mail would be fetched again.
import type { FileLedger } from "../../fetch/index.ts";
import { shellWord, type Line } from "../text.ts";

/**
 * Returns the lines of a hint for each mailbox that the ledger does not know, if the ledger knows one of the same user at
 * another host or port. `ann` and `ann@example.com` count as the same user. Returns no hints if the ledger
 * cannot be read: the run reports that error. `fetched`: the mailboxes of the run. `same`: the options that
 * select the same ledger for another command.
 */
export async function otherNames(
  ledger: FileLedger,
  fetched: readonly { readonly mailbox: string }[],
  same: string,
): Promise<readonly (readonly Line[])[]> {
  const known = await namesIn(ledger).catch((): string[] => []);
  const names = new Set(fetched.map(({ mailbox }) => mailbox));
  const hints: (readonly Line[])[] = [];
  for (const name of names) {
    const user = userOf(name);
    if (user === undefined || known.includes(name)) continue;
    const other = known.find((each) => userOf(each) === user && !names.has(each));
    if (other !== undefined) hints.push(hintLines(name, other, same));
  }
  return hints;
}

/** Returns the names of the mailboxes that a ledger knows. */
export async function namesIn(ledger: Pick<FileLedger, "mailboxes">): Promise<string[]> {
  const names: string[] = [];
  for await (const { mailbox } of ledger.mailboxes()) names.push(mailbox);
  return names;
}

function hintLines(name: string, other: string, same: string): readonly Line[] {
  return [
    `${name}: the ledger does not know this mailbox, but it knows ${other}.`,
    "If that is the same mailbox at an older address, all its mail will be fetched again. To avoid that, stop this run and enter",
    { command: `popwright ledger rename ${shellWord(other)} ${shellWord(name)}${same}` },
  ];
}

/**
 * Returns the user of a default name. `undefined`: the user chose the name, so it does not depend on the
 * address.
 */
function userOf(mailbox: string): string | undefined {
  const [, user] = /^([^@]+)(?:@.*)?@[^@]+:\d+$/.exec(mailbox) ?? [];
  return user?.toLowerCase();
}
