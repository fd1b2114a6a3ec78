// `popwright retry`: another try for messages that could not be delivered.
import type { LedgerEntry } from "../../fetch/index.ts";
import { hasFailed } from "../../fetch/ledger/another-try.ts";
import { printable } from "../../protocol/printable.ts";
import type { Subcommand } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { writeJson } from "../json.ts";
import { LEDGER_HELP, LEDGER_OPTIONS, ledgerPlace, mailboxNamed, shownId } from "./ledger-place.ts";
import { count } from "../text.ts";
import { UsageError, wordsOf } from "../usage.ts";

const OPTIONS = { ...LEDGER_OPTIONS, json: { type: "boolean" } } as const;

export const retry: Subcommand = {
  name: "retry",
  summary: "gives messages that could not be delivered another try",
  options: OPTIONS,
  help: `popwright retry URL [ID ...] [--state DIR]
popwright retry --config FILE [ID ...]

A message that could not be delivered is tried again after pauses, and left alone in the end. This gives such
messages another try, with as many tries as a new message has: those with these IDs, or all. The next fetch
retrieves them. Nothing is connected to, and no password is needed. "popwright ledger" lists the IDs.

  URL                the URL of the account, or the name of the mailbox in the ledger
  ID                 the unique-id of a message, or what is shown in its place
${LEDGER_HELP}
  --json             a JSON object for each mailbox, one a line: mailbox, released

Exit codes
  0 done, or nothing to do    64 no such mailbox or message    74 ledger    75 a run holds the mailbox

Examples
  popwright retry pop3s://ann@pop.example.com
  popwright retry --config ~/.config/popwright.json 0000000a4b2c
`,
  async run(args, io) {
    const { values, positionals: words } = wordsOf(args, OPTIONS);
    const { ledger, mailboxes: configured } = await ledgerPlace(values, io);
    const ids = configured === undefined ? words.slice(1) : words;
    const [named] = words;
    if (configured === undefined && named === undefined)
      throw new UsageError("URL or --config is missing: whose mail is to be tried again?");
    const mailboxes = configured ?? [mailboxNamed(named ?? "")];
    const known = await ledger.mailboxes();
    const [first = ""] = mailboxes;
    if (configured === undefined && !known.includes(first)) {
      const others = known.length === 0 ? "no mailbox" : known.join(", ");
      throw new UsageError(`the ledger in ${ledger.directory} does not know ${first}; it knows ${others}`);
    }
    const missing = new Set(ids);
    const failed = new Map<string, LedgerEntry[]>();
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
        `no message that could not be delivered has the ID ${[...missing].map((id) => printable(id)).join(", ")}`,
      );
    for (const [mailbox, entries] of failed) {
      for (const { id } of entries) await ledger.release(mailbox, id);
      if (values.json === true)
        await writeJson(io.stdout, { mailbox, released: entries.map(({ id }) => shownId(id)) });
      else if (entries.length === 0) await io.stderr.write(`${mailbox}: no message waits for another try\n`);
      else {
        await io.stdout.write(
          `${mailbox}: ${count(entries.length, "message")} will be tried again by the next fetch\n`,
        );
        for (const { id, reason = "" } of entries)
          await io.stdout.write(`  ${printable(shownId(id))}  ${printable(reason)}\n`);
      }
    }
    return EXIT.ok;
  },
};
