// Finds the ledger that a command line names, and translates the names of mailboxes and messages in it.
import { FileLedger } from "../../fetch/index.ts";
import { mailboxOf, passwordIn } from "../account.ts";
import { readConfiguration } from "./configuration.ts";
import { defaultState } from "../default-state.ts";
import type { HelpRow } from "../help.ts";
import { keepSecret, type Io } from "../io.ts";
import { SECRET_VARIABLES } from "../secret-variables.ts";
import { printable } from "../../protocol/printable.ts";
import { shellWord } from "../text.ts";
import { UsageError } from "../usage-error.ts";

/** The options that select the ledger, the same for every command. */
export const LEDGER_OPTIONS = { config: { type: "string" }, state: { type: "string" } } as const;

/** The rows of the help text about these options. */
export const LEDGER_HELP: readonly HelpRow[] = [
  [
    "--state DIR",
    "the directory of the ledger; default: popwright in $XDG_STATE_HOME or ~/.local/state (on Windows in %LOCALAPPDATA%)",
  ],
  ["--config FILE", "uses the ledger and the accounts of a configuration file"],
];

interface LedgerWords {
  readonly config?: string | undefined;
  readonly state?: string | undefined;
}

export interface LedgerPlace {
  readonly ledger: FileLedger;
  /** The mailboxes of the configuration file, if there is one. */
  readonly mailboxes: readonly string[] | undefined;
}

/** Finds the ledger. Throws `ConfigurationError` if the configuration file is wrong. */
export async function ledgerPlace({ config, state }: LedgerWords, io: Io): Promise<LedgerPlace> {
  if (config === undefined) {
    keepVariables(SECRET_VARIABLES, io);
    return { ledger: new FileLedger(state ?? defaultState(io.env)), mailboxes: undefined };
  }
  const { accounts, secrets, state: inFile, pathOf } = await readConfiguration(config);
  keepVariables(secrets, io);
  return {
    ledger: new FileLedger(state ?? pathOf(inFile)),
    mailboxes: accounts.map(({ name, source }) => name ?? mailboxOf(source.url)),
  };
}

/** Masks the secrets in these variables: the ledger has unique-ids and reasons in the words of servers. */
function keepVariables(names: Iterable<string>, io: Io): void {
  for (const name of names) keepSecret(io.env[name] ?? "", io);
}

/**
 * Returns the options that select the same ledger for another command: ` --state DIR`, or an empty string.
 */
export function sameLedger({ config, state }: LedgerWords): string {
  return [
    config === undefined ? "" : ` --config ${shellWord(config)}`,
    state === undefined ? "" : ` --state ${shellWord(state)}`,
  ].join("");
}

/** Returns the error for a mailbox that the ledger does not know. `known`: the mailboxes that it knows. */
export function unknownMailbox(ledger: FileLedger, mailbox: string, known: readonly string[]): UsageError {
  const others = known.length === 0 ? "no mailbox" : known.join(", ");
  return new UsageError(
    `the ledger in ${printable(ledger.directory)} does not know ${printable(mailbox)}; it knows ${printable(others)}`,
  );
}

/** Returns the name of a mailbox, from that name or from a URL. Throws {@link UsageError} for a wrong URL. */
export function mailboxNamed(word: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(word)) return word;
  if (passwordIn(word)) throw new UsageError("the URL must not contain a password: remove it");
  return mailboxOf(word);
}

/**
 * Returns the ID of a message as the user sees and enters it. If it has no unique-id, this is a digest of its
 * content.
 */
export function shownId(id: string): string {
  return id.replace(/^\0/, "");
}
