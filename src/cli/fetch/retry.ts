// `popwright retry`: gives messages that could not be delivered another try.
import type { FileLedger, LedgerEntry } from "../../fetch/index.ts";
import { hasFailed } from "../../fetch/ledger/another-try.ts";
import { printable } from "../../protocol/printable.ts";
import type { Subcommand } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { examples, exitCodes } from "../help.ts";
import type { Io } from "../io.ts";
import { writeJson } from "../json.ts";
import { namesIn } from "./other-name.ts";
import {
  LEDGER_HELP,
  LEDGER_OPTIONS,
  ledgerPlace,
  mailboxNamed,
  shownId,
  unknownMailbox,
} from "./ledger-place.ts";
import { count } from "../../advice/wording.ts";
import { columns, writeLines } from "../text.ts";
import { UsageError } from "../usage-error.ts";
import { wordsOf } from "../usage.ts";

const OPTIONS = { ...LEDGER_OPTIONS, json: { type: "boolean" } } as const;

export const retry: Subcommand = {
  name: "retry",
  summary: "gives messages that could not be delivered another try",
  options: OPTIONS,
  help: {
    usage: ["popwright retry URL [ID ...] [--state DIR]", "popwright retry --config FILE [ID ...]"],
    sections: [
      {
        text: [
          'If a message cannot be delivered, popwright tries it again after pauses, and leaves it alone after the last try. This command gives such messages as many tries as a new message has: the messages with these IDs, or all. The next fetch retrieves them. The command needs no password and connects to no server. Run "popwright ledger" to list the IDs.',
        ],
        rows: [
          ["URL", "the URL of the account, or the name of the mailbox in the ledger"],
          ["ID", 'the ID of a message, as "popwright ledger" shows it'],
          ...LEDGER_HELP,
          ["--json", "prints a JSON object for each mailbox, one per line: mailbox, released"],
        ],
      },
      exitCodes(
        ["0", "done, or nothing to do"],
        ["64", "no such mailbox or message"],
        ["74", "ledger"],
        ["75", "another run uses the mailbox"],
        ["78", "configuration"],
      ),
      examples(
        "popwright retry pop3s://ann@pop.example.com",
        "popwright retry --config ~/.config/popwright.json 0000000a4b2c",
      ),
    ],
  },
  async run(args, io) {
    const { values, positionals: words } = wordsOf(args, OPTIONS);
    const { ledger, mailboxes: configured } = await ledgerPlace(values, io);
    const ids = configured === undefined ? words.slice(1) : words;
    const [named] = words;
    if (configured === undefined && named === undefined)
      throw new UsageError("URL or --config is missing: one of them must name the mailbox");
    const mailboxes = configured ?? [mailboxNamed(named ?? "")];
    const known = await namesIn(ledger);
    const [first = ""] = mailboxes;
    if (configured === undefined && !known.includes(first)) throw unknownMailbox(ledger, first, known);
    const failed = await failedMessages(ledger, mailboxes, ids);
    for (const [mailbox, entries] of failed) {
      for (const { id } of entries) await ledger.release(mailbox, id);
      if (values.json === true)
        await writeJson(io, { mailbox, released: entries.map(({ id }) => shownId(id)) });
      else await printReleased(mailbox, entries, io);
    }
    return EXIT.ok;
  },
};

/**
 * Returns the failed messages with these IDs by mailbox; without IDs, all of them. Rejects with
 * {@link UsageError} if no message has one of the IDs.
 */
async function failedMessages(
  ledger: FileLedger,
  mailboxes: readonly string[],
  ids: readonly string[],
): Promise<ReadonlyMap<string, readonly LedgerEntry[]>> {
  const missing = new Set(ids);
  const failed = new Map<string, readonly LedgerEntry[]>();
  for (const mailbox of mailboxes) {
    const entries = [...(await ledger.read(mailbox)).entries.values()].filter(hasFailed);
    const asked = entries.filter(
      ({ id }) => ids.length === 0 || ids.includes(id) || ids.includes(shownId(id)),
    );
    for (const { id } of asked) for (const word of [id, shownId(id)]) missing.delete(word);
    failed.set(mailbox, asked);
  }
  if (missing.size > 0)
    throw new UsageError(
      `no undelivered message has the ID ${[...missing].map((id) => printable(id)).join(", ")}`,
    );
  return failed;
}

async function printReleased(mailbox: string, entries: readonly LedgerEntry[], io: Io): Promise<void> {
  if (entries.length === 0) {
    await writeLines(io.stderr, `${printable(mailbox)}: no message waits for another try`);
    return;
  }
  await writeLines(
    io.stdout,
    `${printable(mailbox)}: ${count(entries.length, "message")} will be tried again by the next fetch`,
  );
  const rows = entries.map(({ id, reason = "" }) => [`  ${printable(shownId(id))}`, printable(reason)]);
  await io.stdout.write(columns(rows, [], io.stdout.columns));
}
