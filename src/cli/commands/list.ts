// `popwright list`: lists the messages of a maildrop, as the server reports them.
import { type Pop3Client, Pop3ReplyError } from "../../index.ts";
import { numbersIn } from "../../protocol/malformed-line.ts";
import { ACCOUNT_OPTIONS, accountFromWords } from "../account.ts";
import { ACCOUNT_HELP, type Subcommand } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { inSession } from "../in-session.ts";
import { writeJson } from "../json.ts";
import { malformedTexts } from "../malformed.ts";
import { columns, count, octetsText } from "../text.ts";
import { positionals, wordsOf } from "../usage.ts";

const OPTIONS = { ...ACCOUNT_OPTIONS, json: { type: "boolean" } } as const;

export const list: Subcommand = {
  name: "list",
  summary: "lists the messages of a maildrop: number, size, unique-id",
  options: OPTIONS,
  help: `popwright list URL [--json]

Lists the messages: number, size in bytes, unique-id. It changes nothing on the server.

  --json             prints a JSON object for each message, one per line: number, size, uid

${ACCOUNT_HELP}
Examples
  popwright list pop3s://ann@pop.example.com
  popwright list pop3s://ann@pop.example.com --json | jq -r .uid
`,
  async run(args, io) {
    const { values, positionals: words } = wordsOf(args, OPTIONS);
    const [url] = positionals(words, ["URL"]);
    const account = await accountFromWords(url ?? "", values, io);
    const [sizes, uids, malformed] = await inSession(account, io, async (client) => {
      const listings = await Promise.all([client.list(), uidsOf(client)]);
      return [...listings, client.malformed] as const;
    });
    // A message exists even if the line with its size is malformed.
    const unsized = [...numbersIn(malformed, "LIST")].filter(
      (number) => !sizes.has(number) && uids.has(number),
    );
    const messages = [...sizes.keys(), ...unsized].map((number) => ({
      number,
      size: sizes.get(number),
      uid: uids.get(number),
    }));
    for (const text of malformedTexts(malformed)) await io.stderr.write(`${text}\n`);
    if (values.json === true) {
      for (const message of messages) await writeJson(io, message);
      return EXIT.ok;
    }
    const rows = messages.map(({ number, size, uid }) => [String(number), String(size ?? "-"), uid ?? "-"]);
    await io.stdout.write(columns(rows, [0, 1]));
    let octets = 0;
    for (const size of sizes.values()) octets += size;
    await io.stderr.write(`${count(messages.length, "message")}, ${octetsText(octets)}\n`);
    return EXIT.ok;
  },
};

/** Returns the unique-ids. A server without UIDL has none, but its messages can still be listed. */
async function uidsOf(client: Pop3Client): Promise<ReadonlyMap<number, string>> {
  try {
    return await client.uidl();
  } catch (error) {
    if (!(error instanceof Pop3ReplyError)) throw error;
    return new Map();
  }
}
