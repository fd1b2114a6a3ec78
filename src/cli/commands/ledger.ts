// `popwright ledger`: what the ledger knows, under which name, and how to begin again.
import type { FileLedger, LedgerEntry, LedgerSnapshot } from "../../fetch/index.ts";
import { hasFailed } from "../../fetch/ledger/another-try.ts";
import { printable } from "../../protocol/printable.ts";
import type { Subcommand } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import type { Io } from "../io.ts";
import { writeJson } from "../json.ts";
import { LEDGER_HELP, LEDGER_OPTIONS, ledgerPlace, mailboxNamed, shownId } from "../fetch/ledger-place.ts";
import { columns, count } from "../text.ts";
import { positionals, quoted, UsageError, wordsOf } from "../usage.ts";

const OPTIONS = { ...LEDGER_OPTIONS, json: { type: "boolean" } } as const;

export const ledger: Subcommand = {
  name: "ledger",
  summary: "shows what was fetched, and renames or forgets a mailbox",
  options: OPTIONS,
  help: `popwright ledger [list] [options]
popwright ledger rename FROM TO [options]
popwright ledger delete MAILBOX [options]

list     the mailboxes of the ledger, and the messages that could not be delivered
rename   another name for a mailbox, after its host, port or user has changed: its mail is not fetched again
delete   forgets a mailbox: all its mail is fetched again. A Maildir takes in only what it lacks

A mailbox is named as "list" shows it, or by its URL. Nothing is connected to, and no password is needed.

${LEDGER_HELP}
  --json             with list: a JSON object for each mailbox, one a line

Exit codes
  0 done    64 usage    74 ledger    75 a run holds the mailbox

Examples
  popwright ledger
  popwright ledger rename pop3s://ann@pop.old.example pop3s://ann@pop.new.example
`,
  async run(args, io) {
    const { values, positionals: words } = wordsOf(args, OPTIONS);
    const [action = "list", ...names] = words;
    const place = await ledgerPlace(values, io);
    if (action === "list") {
      positionals(names, []);
      await list(place.ledger, values.json === true, io);
    } else if (action === "rename") {
      const [from = "", to = ""] = positionals(names, ["FROM", "TO"]).map(mailboxNamed);
      if (from === to) throw new UsageError("FROM and TO are the same mailbox");
      await place.ledger.rename(from, to);
      await io.stderr.write(`${from} is ${to} now\n`);
    } else if (action === "delete") {
      const [mailbox = ""] = positionals(names, ["MAILBOX"]).map(mailboxNamed);
      if (!(await place.ledger.delete(mailbox)))
        throw new UsageError(`the ledger in ${place.ledger.directory} does not know ${mailbox}`);
      await io.stderr.write(`${mailbox} is forgotten: the next fetch takes all its mail for new\n`);
    } else throw new UsageError(`there is no ${quoted(action)}: list, rename or delete`);
    return EXIT.ok;
  },
};

async function list(from: FileLedger, asJson: boolean, io: Io): Promise<void> {
  const mailboxes = await from.mailboxes();
  if (mailboxes.length === 0) await io.stderr.write(`there is no ledger in ${from.directory}\n`);
  for (const mailbox of mailboxes) {
    const snapshot = await from.read(mailbox);
    if (asJson) await writeJson(io.stdout, asObject(mailbox, snapshot));
    else await io.stdout.write(asText(mailbox, snapshot));
  }
}

function failedOf({ entries }: LedgerSnapshot): LedgerEntry[] {
  return [...entries.values()].filter(hasFailed);
}

function asObject(mailbox: string, snapshot: LedgerSnapshot): object {
  const { entries, state, keyName } = snapshot;
  const failed = failedOf(snapshot).map(({ id, status, tries, reason, failedAt, retryAt, size }) => ({
    id: shownId(id),
    status,
    tries,
    reason,
    failedAt,
    retryAt,
    size,
  }));
  return { mailbox, keyName, messages: entries.size, lastRun: state.lastRun, failed };
}

function asText(mailbox: string, snapshot: LedgerSnapshot): string {
  const { entries, state } = snapshot;
  const when = state.lastRun === undefined ? "never listed" : `listed ${timeText(state.lastRun)}`;
  const rows = failedOf(snapshot).map(({ id, status, tries = 0, failedAt, retryAt, reason = "" }) => [
    `  ${printable(shownId(id))}`,
    count(tries, "failure"),
    failedAt === undefined ? "-" : timeText(failedAt),
    status === "quarantined" ? "left alone" : retryAt === undefined ? "due" : `due ${timeText(retryAt)}`,
    printable(reason),
  ]);
  return `${printable(mailbox)}: ${count(entries.size, "message")} known, ${when}\n${columns(rows)}`;
}

function timeText(time: number): string {
  return new Date(time).toISOString();
}
