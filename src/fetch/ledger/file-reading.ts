// Reads what the files of a mailbox say now. Takes no lock and changes nothing: another process may write to them at
// the same time.
import type { BigIntStats } from "node:fs";
import { isOwn, type OurFile } from "../files/own-file.ts";
import { ledgerForm, readJournal, readJournalHeader } from "./journal.ts";
import { isMarked, lookAt } from "./journal-mark.ts";
import type { MailboxPaths } from "./ledger-directory.ts";
import type { LedgerSnapshot, MailboxState } from "./ledger.ts";
import { readState, type StateRead } from "./state-file.ts";

export interface FileSnapshot {
  readonly snapshot: LedgerSnapshot;
  /** Whether there is a journal. */
  readonly exists: boolean;
}

/**
 * Reads the journal of a mailbox, and its state file if that describes the journal. With `ours`, the journal must be
 * one that only this user can have written. Rejects with system errors, and if the journal is damaged.
 */
export async function readSnapshot(
  mailbox: string,
  paths: MailboxPaths,
  ours?: OurFile,
): Promise<FileSnapshot> {
  // The state file first: if a run records something in between, the journal no longer matches it, and has it all.
  const found = await readState(paths.state);
  const { contents, stats } = await readJournal(paths.journal, ledgerForm(mailbox), { ours });
  const { entries, keyName, length } = contents;
  // The file may have grown after its size was asked for.
  const isWhole = stats?.size === BigInt(length);
  const state = (isWhole ? stateIn(found, stats) : undefined) ?? contents.state;
  const snapshot = keyName === undefined ? { entries, state } : { entries, state, keyName };
  return { snapshot, exists: length > 0 };
}

/**
 * Reads the name and the state of a mailbox. The journal is not read if the state file describes it. Resolves with
 * `undefined` if there is no readable journal. The state is empty if the journal is damaged.
 */
export async function readNamedState(
  paths: MailboxPaths,
): Promise<{ readonly mailbox: string; readonly state: MailboxState } | undefined> {
  const found = await readState(paths.state);
  const stats = await lookAt(paths.journal).catch(() => undefined);
  const kept = stats && stateIn(found, stats);
  if (found !== undefined && kept !== undefined) return { mailbox: found.kept.mailbox, state: kept };
  const header = await readJournalHeader(paths.journal).catch(() => undefined);
  if (header === undefined) return undefined;
  const { mailbox } = header;
  const { state } = await readSnapshot(mailbox, paths).then(
    ({ snapshot }) => snapshot,
    () => ({ state: {} }),
  );
  return { mailbox, state };
}

/** Returns the state in a state file, if the file belongs to the user of the journal, and describes it. */
function stateIn(found: StateRead | undefined, journal: BigIntStats): MailboxState | undefined {
  if (found?.kept.mark === undefined || !isMarked(found.kept.mark, journal)) return undefined;
  const ours = { uid: Number(journal.uid), mode: Number(journal.mode) };
  return isOwn(found.stats, ours) ? found.kept.state : undefined;
}
