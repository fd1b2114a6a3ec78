// The ledger that a command line means, and the names of mailboxes in it.
import { FileLedger } from "../../fetch/index.ts";
import { mailboxOf, passwordIn } from "../account.ts";
import { readConfiguration } from "./configuration.ts";
import { defaultState } from "../default-state.ts";
import type { Io } from "../io.ts";
import { shellWord } from "../text.ts";
import { UsageError } from "../usage.ts";

/** The options with which every command finds its ledger. */
export const LEDGER_OPTIONS = { config: { type: "string" }, state: { type: "string" } } as const;

/** The part of the help that tells of them. */
export const LEDGER_HELP = `  --state DIR        where the ledger is; by default popwright in $XDG_STATE_HOME, or in ~/.local/state
                     (on Windows in %LOCALAPPDATA%)
  --config FILE      the ledger and the accounts of a configuration file`;

interface LedgerWords {
  readonly config?: string | undefined;
  readonly state?: string | undefined;
}

export interface LedgerPlace {
  readonly ledger: FileLedger;
  /** The mailboxes of the configuration file, if there is one. */
  readonly mailboxes: readonly string[] | undefined;
}

/** Throws `ConfigurationError` if the file is wrong. */
export async function ledgerPlace({ config, state }: LedgerWords, { env }: Io): Promise<LedgerPlace> {
  if (config === undefined)
    return { ledger: new FileLedger(state ?? defaultState(env)), mailboxes: undefined };
  const { accounts, state: inFile, pathOf } = await readConfiguration(config);
  return {
    ledger: new FileLedger(state ?? pathOf(inFile)),
    mailboxes: accounts.map(({ name, source }) => name ?? mailboxOf(source.url)),
  };
}

/** The words with which another command finds the same ledger: ` --state DIR`, or nothing. */
export function sameLedger({ config, state }: LedgerWords): string {
  return [
    config === undefined ? "" : ` --config ${shellWord(config)}`,
    state === undefined ? "" : ` --state ${shellWord(state)}`,
  ].join("");
}

/** A mailbox by its name in the ledger, or by its URL. Throws {@link UsageError}. */
export function mailboxNamed(word: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(word)) return word;
  if (passwordIn(word)) throw new UsageError("the URL has a password in it: leave it out");
  return mailboxOf(word);
}

/** The name of a message in the ledger as it is shown, and as it is given back: of a content, its digest. */
export function shownId(id: string): string {
  return id.replace(/^\0/, "");
}
