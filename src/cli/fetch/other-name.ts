// Whether a mailbox that the ledger does not know may be one that it knows under an older address: then all its mail
// would be fetched again.
import type { FileLedger } from "../../fetch/index.ts";
import { shellWord } from "../text.ts";

/**
 * Hints for people, one for each mailbox that the ledger does not know, while it knows one of the same user at another
 * host or port, with or without a domain: `ann` and `ann@example.com`. Empty if the ledger cannot be read: the run
 * will tell why. `fetched`: the mailboxes that are fetched. `same`: the words with which another command finds the ledger.
 */
export async function otherNames(
  ledger: FileLedger,
  fetched: readonly { readonly mailbox: string }[],
  same: string,
): Promise<string[]> {
  const known = await ledger.mailboxes().catch((): string[] => []);
  const names = new Set(fetched.map(({ mailbox }) => mailbox));
  const hints: string[] = [];
  for (const name of names) {
    const user = userOf(name);
    if (user === undefined || known.includes(name)) continue;
    const other = known.find((each) => userOf(each) === user && !names.has(each));
    if (other !== undefined) hints.push(hintText(name, other, same));
  }
  return hints;
}

function hintText(name: string, other: string, same: string): string {
  return (
    `${name}: the ledger does not know this mailbox, but it knows ${other}.\n` +
    "  If that is the same mailbox at an older address, all its mail is fetched again, unless you stop this and run\n" +
    `  popwright ledger rename ${shellWord(other)} ${shellWord(name)}${same}`
  );
}

/** `undefined`: the name was chosen by a person, and stays the same when the address changes. */
function userOf(mailbox: string): string | undefined {
  const [, user] = /^([^@]+)(?:@.*)?@[^@]+:\d+$/.exec(mailbox) ?? [];
  return user?.toLowerCase();
}
