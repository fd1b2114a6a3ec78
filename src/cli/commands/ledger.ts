// `popwright ledger`: lists the mailboxes of the ledger, and renames or deletes one.
import type { FileLedger, LedgerEntry, LedgerSnapshot } from "../../fetch/index.ts";
import { hasFailed } from "../../fetch/ledger/another-try.ts";
import { printable } from "../../protocol/printable.ts";
import type { Subcommand } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { examples, exitCodes } from "../help.ts";
import type { Io } from "../io.ts";
import { writeJson } from "../json.ts";
import {
  LEDGER_HELP,
  LEDGER_OPTIONS,
  ledgerPlace,
  mailboxNamed,
  shownId,
  unknownMailbox,
} from "../fetch/ledger-place.ts";
import { namesIn } from "../fetch/other-name.ts";
import { localTime } from "../local-time.ts";
import { count } from "../../advice/wording.ts";
import { columns, linesText, writeLines } from "../text.ts";
import { UsageError } from "../usage-error.ts";
import { positionals, quoted, wordsOf } from "../usage.ts";

const OPTIONS = { ...LEDGER_OPTIONS, json: { type: "boolean" } } as const;

export const ledger: Subcommand = {
  name: "ledger",
  summary: "shows which mail was fetched, and renames or deletes a mailbox of the ledger",
  options: OPTIONS,
  help: {
    usage: [
      "popwright ledger [list] [options]",
      "popwright ledger rename FROM TO [options]",
      "popwright ledger delete MAILBOX [options]",
    ],
    sections: [
      {
        text: [
          'Shows and changes the ledger: the record of the mail that "popwright fetch" has delivered. Name a mailbox as "list" shows it, or by its URL. The command needs no password and connects to no server.',
        ],
        rows: [
          ["list", "lists the mailboxes of the ledger, and the messages that could not be delivered"],
          [
            "rename",
            "renames a mailbox after its host, port or user has changed, so that its mail is not fetched again",
          ],
          [
            "delete",
            "deletes a mailbox from the ledger. The next fetch retrieves all its mail again; a Maildir adds only the messages that it does not have",
          ],
        ],
      },
      {
        title: "Options",
        rows: [...LEDGER_HELP, ["--json", "with list: prints a JSON object for each mailbox, one per line"]],
      },
      exitCodes(
        ["0", "done"],
        ["64", "usage"],
        ["74", "ledger"],
        ["75", "another run uses the mailbox"],
        ["78", "configuration"],
      ),
      examples(
        "popwright ledger",
        "popwright ledger rename pop3s://ann@pop.old.example pop3s://ann@pop.new.example",
      ),
    ],
  },
  async run(args, io) {
    const { values, positionals: words } = wordsOf(args, OPTIONS);
    const [action = "list", ...names] = words;
    const place = await ledgerPlace(values, io);
    if (action === "list") {
      positionals(names, []);
      await list(place.ledger, values.json === true, io);
    } else if (action === "rename") {
      const [from = "", to = ""] = positionals(names, ["FROM", "TO"]).map(mailboxNamed);
      if (from === to) throw new UsageError("FROM and TO must be different mailboxes");
      await place.ledger.rename(from, to).catch(async (error: unknown) => {
        const known = await namesIn(place.ledger);
        throw known.includes(from) ? error : unknownMailbox(place.ledger, from, known);
      });
      await writeLines(io.stderr, `renamed ${from} to ${to}`);
    } else if (action === "delete") {
      const [mailbox = ""] = positionals(names, ["MAILBOX"]).map(mailboxNamed);
      if (!(await place.ledger.delete(mailbox)))
        throw unknownMailbox(place.ledger, mailbox, await namesIn(place.ledger));
      await writeLines(
        io.stderr,
        `deleted ${printable(mailbox)} from the ledger: the next fetch retrieves all its mail again`,
      );
    } else throw new UsageError(`unknown action ${quoted(action)}: it must be list, rename or delete`);
    return EXIT.ok;
  },
};

async function list(from: FileLedger, asJson: boolean, io: Io): Promise<void> {
  let isEmpty = true;
  for await (const { mailbox } of from.mailboxes()) {
    isEmpty = false;
    const snapshot = await from.read(mailbox);
    if (asJson) await writeJson(io, asObject(mailbox, snapshot));
    else await io.stdout.write(asText(mailbox, snapshot, io.stdout.columns));
  }
  if (isEmpty)
    await writeLines(
      io.stderr,
      `there is no ledger in ${printable(from.directory)}. The first \`popwright fetch\` makes one; --state names another directory`,
    );
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

function asText(mailbox: string, snapshot: LedgerSnapshot, width: number | undefined): string {
  const { entries, state } = snapshot;
  const when = state.lastRun === undefined ? "never listed" : `listed ${localTime(state.lastRun)}`;
  const rows = failedOf(snapshot).map(({ id, status, tries = 0, failedAt, retryAt, reason = "" }) => [
    `  ${printable(shownId(id))}`,
    count(tries, "failure"),
    failedAt === undefined ? "-" : localTime(failedAt),
    status === "quarantined" ? "left alone" : retryAt === undefined ? "due" : `due ${localTime(retryAt)}`,
    printable(reason),
  ]);
  const head = `${printable(mailbox)}: ${count(entries.size, "message")} known, ${when}`;
  return linesText([head], width) + columns(rows, [], width);
}
