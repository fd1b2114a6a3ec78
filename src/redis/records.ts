// How a ledger is stored in Redis: the names of its keys, and entries and states as texts. They are stored, so they must
// never change.
import { createHash } from "node:crypto";
import type { LedgerEntry, MailboxState } from "../fetch/ledger/ledger.ts";
import { decodeText, encodeText } from "../store/text.ts";

/** The keys of one mailbox: a hash of what is known of it, and a hash of its entries. */
export interface MailboxKeys {
  readonly mailbox: string;
  readonly entries: string;
}

/**
 * Returns the keys of a mailbox. What is in braces decides where a cluster stores a key: all of one mailbox is on one
 * node. A digest, because a name may have braces itself.
 */
export function keysOf(prefix: string, mailbox: string): MailboxKeys {
  const digest = createHash("sha256").update(encodeText(mailbox)).digest("base64url").slice(0, 22);
  return { mailbox: `${prefix}{${digest}}`, entries: `${prefix}{${digest}}:entries` };
}

/** Returns an entry as the name of a field and its text. */
export function fieldOf({ id, ...entry }: LedgerEntry): [name: string, text: string] {
  return [encodeText(id), JSON.stringify(entry)];
}

/** Returns the entries that HGETALL has listed. */
export function entriesFrom(fields: readonly string[]): Map<string, LedgerEntry> {
  const entries = new Map<string, LedgerEntry>();
  for (let at = 0; at < fields.length; at += 2) {
    const id = decodeText(fields[at] as string);
    const entry = JSON.parse(fields[at + 1] as string) as Omit<LedgerEntry, "id">;
    entries.set(id, { ...entry, id });
  }
  return entries;
}

/** Returns the state from its text; the empty state if there is none. */
export function stateFrom(text: string): MailboxState {
  return text === "" ? {} : (JSON.parse(text) as MailboxState);
}

/** Returns a name from its form. `undefined` if there is none. */
export function nameFrom(form: string): string | undefined {
  return form === "" ? undefined : decodeText(form);
}
