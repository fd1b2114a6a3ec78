// `popwright list`: lists the messages of a mailbox: date, sender and subject, or only what the server lists.
import { Pop3Error, Pop3ReplyError, type Pop3Client } from "../../index.ts";
import { numbersIn } from "../../protocol/malformed-line.ts";
import { ACCOUNT_OPTIONS, accountFromWords } from "../account.ts";
import { ACCOUNT_HELP, type Subcommand } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { examples, exitCodes } from "../help.ts";
import { inSession } from "../in-session.ts";
import type { Io } from "../io.ts";
import { writeJson } from "../json.ts";
import { malformedTexts } from "../../advice/malformed.ts";
import { count, octetsText } from "../../advice/wording.ts";
import { columns, writeLines } from "../text.ts";
import { positionals, wordsOf } from "../usage.ts";
import { headersOf, jsonOf, NO_HEADERS } from "./message-headers.ts";
import { MessageRows } from "./message-rows.ts";

const OPTIONS = {
  ...ACCOUNT_OPTIONS,
  uids: { type: "boolean", short: "u" },
  json: { type: "boolean", short: "j" },
} as const;

export const list: Subcommand = {
  name: "list",
  summary: "lists the messages of a mailbox: date, sender, subject",
  options: OPTIONS,
  help: {
    usage: ["popwright list URL [--uids] [--json]"],
    sections: [
      {
        text: [
          "Lists the messages: number, size, date, sender, subject. It retrieves only the headers, with TOP, and changes nothing on the server. Dates are in the time zone of this machine.",
        ],
        rows: [
          ["-u, --uids", "lists number, size in bytes and unique-id instead, and retrieves nothing"],
          [
            "-j, --json",
            "prints a JSON object for each message, one per line: number, size, uid, date, from, subject; with --uids only the first three",
          ],
        ],
      },
      ...ACCOUNT_HELP,
      exitCodes(
        ["0", "done"],
        ["64", "usage"],
        ["69", "server unavailable"],
        ["75", "try again later"],
        ["77", "authentication"],
        ["78", "configuration"],
      ),
      examples(
        "popwright list pop3s://ann@pop.example.com",
        "popwright list pop3s://ann@pop.example.com --uids --json | jq -r .uid",
      ),
    ],
  },
  async run(args, io) {
    const { values, positionals: words } = wordsOf(args, OPTIONS);
    const [url] = positionals(words, ["URL"]);
    const account = accountFromWords(url ?? "", values, io);
    await inSession(account, io, async (client) => {
      const messages = await messagesOf(client, io);
      const isJson = values.json === true;
      const isShort = values.uids === true || !(await hasTop(client, messages, io));
      if (!isShort) await writeHeaders(client, messages, isJson, io);
      else if (isJson) for (const message of messages) await writeJson(io, message);
      else await writeUids(messages, io);
      let octets = 0;
      for (const { size = 0 } of messages) octets += size;
      if (!isJson) await io.stderr.write(`${count(messages.length, "message")}, ${octetsText(octets)}\n`);
    });
    return EXIT.ok;
  },
};

/** A message as the server lists it. */
interface Listed {
  readonly number: number;
  readonly size: number | undefined;
  readonly uid: string | undefined;
}

async function messagesOf(client: Pop3Client, io: Io): Promise<readonly Listed[]> {
  const [sizes, uids] = await Promise.all([client.list(), uidsOf(client)]);
  const { malformed } = client;
  // A message exists even if the line with its size is malformed.
  const unsized = [...numbersIn(malformed, "LIST")].filter(
    (number) => !sizes.has(number) && uids.has(number),
  );
  for (const text of malformedTexts(malformed)) await writeLines(io.stderr, text);
  return [...sizes.keys(), ...unsized].map((number) => ({
    number,
    size: sizes.get(number),
    uid: uids.get(number),
  }));
}

/** Returns the unique-ids. A server without UIDL has none, but its messages can still be listed. */
async function uidsOf(client: Pop3Client): Promise<ReadonlyMap<number, string>> {
  try {
    return await client.uidl();
  } catch (error) {
    if (!(error instanceof Pop3ReplyError)) throw error;
    return new Map();
  }
}

/** Whether the server knows TOP. Some servers do, and do not list it. */
async function hasTop(client: Pop3Client, [first]: readonly Listed[], io: Io): Promise<boolean> {
  if (first === undefined || client.capabilities.top) return true;
  try {
    await client.top(first.number, 0);
    return true;
  } catch (error) {
    if (!(error instanceof Pop3ReplyError)) throw error;
    await writeLines(io.stderr, "the server does not know TOP, so it has no subjects to list");
    return false;
  }
}

async function writeUids(messages: readonly Listed[], io: Io): Promise<void> {
  const rows = messages.map(({ number, size, uid }) => [String(number), String(size ?? "-"), uid ?? "-"]);
  await io.stdout.write(columns(rows, [0, 1], io.stdout.columns));
}

/** Writes a row as soon as its headers are there: the list of a large mailbox begins at once. */
async function writeHeaders(
  client: Pop3Client,
  messages: readonly Listed[],
  isJson: boolean,
  io: Io,
): Promise<void> {
  const listed = new Map(messages.map((message) => [message.number, message]));
  const rows = new MessageRows(messages.at(-1)?.number ?? 0, io);
  for await (const message of client.retrieve([...listed.keys()], { top: 0 })) {
    const { number, size, uid } = listed.get(message.number) ?? message;
    let headers = NO_HEADERS;
    try {
      headers = await headersOf(await message.buffer());
    } catch (error) {
      // The server refused this message, or its headers are too large. The others may be well.
      if (!Pop3Error.is(error) || !/^POP3_(?:REFUSED|MESSAGE_TOO_LARGE)$/.test(error.code)) throw error;
    }
    if (isJson) await writeJson(io, { number, size, uid, ...jsonOf(headers) });
    else await io.stdout.write(rows.text({ number, size, ...headers }));
  }
}
