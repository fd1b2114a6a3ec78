// `popwright show`: prints one message readably: its main headers, its text, and what is attached.
import { Readable } from "node:stream";
import { parseMessage, type MailAddress, type ParsedMessage } from "../../parse/index.ts";
import { ACCOUNT_OPTIONS, accountFromWords } from "../account.ts";
import { paintFor } from "../colour.ts";
import { ACCOUNT_HELP, type Subcommand } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { examples, exitCodes } from "../help.ts";
import { inSession } from "../in-session.ts";
import type { Io } from "../io.ts";
import { writeJson } from "../json.ts";
import { localTime } from "../local-time.ts";
import { readable, readableLines } from "../readable.ts";
import { count, octetsText } from "../../advice/wording.ts";
import { columns } from "../text.ts";
import { positionals, wordsOf } from "../usage.ts";
import { broken } from "../width.ts";
import { addressText, jsonOf } from "./message-headers.ts";
import { MESSAGE_HELP, messageNamed, withNumber } from "./message-number.ts";

const OPTIONS = { ...ACCOUNT_OPTIONS, json: { type: "boolean", short: "j" } } as const;

/** No line of a text is longer, however wide the terminal is. */
const WIDEST = 100;

export const show: Subcommand = {
  name: "show",
  summary: "prints one message readably: headers, text, and the names of attachments",
  options: OPTIONS,
  help: {
    usage: ["popwright show URL MESSAGE [--json]"],
    sections: [
      {
        text: [
          'Prints a message for people: sender, recipients, date, subject, the text, and what is attached. If there is only HTML, its text is printed. Control characters of the sender never reach the terminal. It changes nothing on the server. To get the message as it is, with its attachments, use "popwright get".',
        ],
        rows: [
          MESSAGE_HELP,
          ["-j, --json", "prints a JSON object: number, date, from, subject, to, cc, text, attachments"],
        ],
      },
      ...ACCOUNT_HELP,
      exitCodes(
        ["0", "done"],
        ["64", "usage"],
        ["66", "no such message"],
        ["69", "server unavailable"],
        ["75", "try again later"],
        ["77", "authentication"],
        ["78", "configuration"],
      ),
      examples(
        "popwright show pop3s://ann@pop.example.com 3",
        "popwright show pop3s://ann@pop.example.com uid:000001ab | less",
      ),
    ],
  },
  async run(args, io) {
    const { values, positionals: words } = wordsOf(args, OPTIONS);
    const [url = "", name = ""] = positionals(words, ["URL", "MESSAGE"]);
    const named = messageNamed(name);
    const account = accountFromWords(url, values, io);
    await inSession(account, io, (client) =>
      withNumber(client, named, async (number) => {
        const source = Readable.from(client.retrStream(number) as AsyncIterable<Buffer>);
        const message = await parseMessage(source, { skipHtmlToText: false });
        if (values.json === true) await writeJson(io, { number, ...asObject(message) });
        else await io.stdout.write(asText(message, io));
      }),
    );
    return EXIT.ok;
  },
};

function asObject(message: ParsedMessage): object {
  const { to, cc, text, attachments } = message;
  return {
    ...jsonOf(message),
    to: to.map(addressText),
    cc: cc.map(addressText),
    text,
    attachments: attachments.map(({ filename, contentType, size }) => ({ filename, contentType, size })),
  };
}

function asText(message: ParsedMessage, io: Io): string {
  const { date, subject, text = "", attachments } = message;
  const paint = paintFor(io.stdout, io.env);
  const width = Math.min(WIDEST, io.stdout.columns ?? WIDEST);
  const field = (name: string, value: string): string[] => {
    if (value === "") return [];
    const [first = "", ...more] = broken(readable(value, io.secrets), width - NAME);
    return [
      `${paint("bold", name.padEnd(NAME))}${first}`,
      ...more.map((line) => `${" ".repeat(NAME)}${line}`),
    ];
  };
  const people = (addresses: readonly MailAddress[]): string => addresses.map(addressText).join(", ");
  const lines = [
    ...field("From", people(message.from)),
    ...field("To", people(message.to)),
    ...field("Cc", people(message.cc)),
    ...field("Date", date === undefined ? "" : localTime(date)),
    ...field("Subject", subject ?? ""),
    "",
    ...readableLines(text.trimEnd(), io.secrets).flatMap((line) => broken(line, width)),
  ];
  const rows = attachments.map(({ filename = "-", contentType, size }) => [
    `  ${octetsText(size)}`,
    readable(contentType, io.secrets),
    readable(filename, io.secrets),
  ]);
  const attached =
    rows.length === 0
      ? ""
      : `\n${paint("bold", count(rows.length, "attachment"))}\n${columns(rows, [0], io.stdout.columns)}`;
  return `${lines.join("\n")}\n${attached}`;
}

/** The columns for the name of a field. */
const NAME = 9;
