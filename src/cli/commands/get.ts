// `popwright get`: writes one message exactly as the server sends it.
import { open, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { Pop3ReplyError, type Pop3Client } from "../../index.ts";
import { printable } from "../../protocol/printable.ts";
import { ACCOUNT_OPTIONS, accountFromWords } from "../account.ts";
import { ACCOUNT_HELP, type Subcommand } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { inSession } from "../in-session.ts";
import type { Io } from "../io.ts";
import { count } from "../text.ts";
import { NoMessageError } from "../usage-error.ts";
import { positionals, wholeNumber, wordsOf } from "../usage.ts";

const OPTIONS = {
  ...ACCOUNT_OPTIONS,
  output: { type: "string" },
  top: { type: "string" },
} as const;

export const get: Subcommand = {
  name: "get",
  summary: "writes one message, unchanged, to standard output or a file",
  options: OPTIONS,
  help: `popwright get URL MESSAGE [--output FILE] [--top LINES]

Writes a message exactly as the server sends it, with CRLF line ends. It changes nothing on the server.

  MESSAGE            its number, or uid:UNIQUE-ID
  --output FILE      writes to a new file instead of standard output
  --top LINES        writes only the headers and the first LINES lines of the body

${ACCOUNT_HELP}
Exit codes
  0 done    64 usage    66 no such message    69 server unavailable    73 the file cannot be written
  75 try again later    77 authentication    78 configuration

Examples
  popwright get pop3s://ann@pop.example.com 3 > message.eml
  popwright get pop3s://ann@pop.example.com uid:000001ab --top 0
`,
  async run(args, io) {
    const { values, positionals: words } = wordsOf(args, OPTIONS);
    const [url = "", name = ""] = positionals(words, ["URL", "MESSAGE"]);
    const top = wholeNumber("--top", values.top);
    const uid = name.startsWith("uid:") ? name.slice("uid:".length) : undefined;
    const wished = uid === undefined ? wholeNumber("MESSAGE", name, 1) : undefined;
    const account = await accountFromWords(url, values, io);
    await inSession(account, io, async (client) => {
      const number = uid === undefined ? (wished as number) : await numberOf(client, uid);
      try {
        await write(pieces(client, number, top), values.output, io);
      } catch (error) {
        throw (await missing(client, number, error)) ?? error;
      }
    });
    return EXIT.ok;
  },
};

async function numberOf(client: Pop3Client, uid: string): Promise<number> {
  for (const [number, each] of await client.uidl()) if (each === uid) return number;
  throw new NoMessageError(`no message has the unique-id ${printable(uid)}`);
}

/** Returns the error for a message that does not exist, if that is why the server refused it. */
async function missing(
  client: Pop3Client,
  number: number,
  error: unknown,
): Promise<NoMessageError | undefined> {
  if (!Pop3ReplyError.is(error) || error.temporary) return undefined;
  const { count: messages } = await client.stat();
  if (number <= messages) return undefined;
  return new NoMessageError(
    `there is no message ${String(number)}: the maildrop has ${count(messages, "message")}`,
  );
}

async function* pieces(
  client: Pop3Client,
  number: number,
  top: number | undefined,
): AsyncGenerator<Buffer, void> {
  if (top !== undefined) yield await client.top(number, top);
  else yield* client.retrStream(number) as AsyncIterable<Buffer>;
}

async function write(octets: AsyncIterable<Buffer>, path: string | undefined, io: Io): Promise<void> {
  if (path === undefined) {
    for await (const piece of octets) await io.stdout.write(piece);
    return;
  }
  const file = await open(path, "wx", 0o600);
  try {
    await pipeline(octets, file.createWriteStream());
  } catch (error) {
    // A partial message would look like a complete one.
    await rm(path, { force: true });
    throw error;
  }
}
