// `popwright get`: writes one message exactly as the server sends it.
import { open, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import type { Pop3Client } from "../../index.ts";
import { ACCOUNT_OPTIONS, accountFromWords } from "../account.ts";
import { ACCOUNT_HELP, type Subcommand } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { examples, exitCodes } from "../help.ts";
import { inSession } from "../in-session.ts";
import type { Io, Output } from "../io.ts";
import { ERASE, progressBar, REST } from "../progress-bar.ts";
import { UsageError } from "../usage-error.ts";
import { positionals, wholeNumber, wordsOf } from "../usage.ts";
import { MESSAGE_HELP, messageNamed, withNumber } from "./message-number.ts";

const OPTIONS = {
  ...ACCOUNT_OPTIONS,
  output: { type: "string", short: "o" },
  top: { type: "string" },
} as const;

export const get: Subcommand = {
  name: "get",
  summary: "writes one message, unchanged, to standard output or a file",
  options: OPTIONS,
  help: {
    usage: ["popwright get URL MESSAGE [--output FILE] [--top LINES]"],
    sections: [
      {
        text: [
          "Writes a message exactly as the server sends it, with CRLF line ends. It changes nothing on the server.",
        ],
        rows: [
          MESSAGE_HELP,
          [
            "-o, --output FILE",
            'writes to a new file instead of standard output. "-" is standard output, even if that is a terminal',
          ],
          ["--top LINES", "writes only the headers and the first LINES lines of the body"],
        ],
      },
      ...ACCOUNT_HELP,
      exitCodes(
        ["0", "done"],
        ["64", "usage"],
        ["66", "no such message"],
        ["69", "server unavailable"],
        ["73", "the file cannot be written"],
        ["75", "try again later"],
        ["77", "authentication"],
        ["78", "configuration"],
      ),
      examples(
        "popwright get pop3s://ann@pop.example.com 3 > message.eml",
        "popwright get pop3s://ann@pop.example.com uid:000001ab --top 0",
      ),
    ],
  },
  async run(args, io) {
    const { values, positionals: words } = wordsOf(args, OPTIONS);
    const [url = "", name = ""] = positionals(words, ["URL", "MESSAGE"]);
    const top = wholeNumber("--top", values.top);
    const message = messageNamed(name);
    if (values.output === undefined && io.stdout.columns !== undefined)
      throw new UsageError(
        "a message may contain bytes that control the terminal. Run `popwright show` to read it, or write it to a file with --output FILE; --output - writes it to the terminal anyway",
      );
    const path = values.output === "-" ? undefined : values.output;
    const account = accountFromWords(url, values, io);
    await inSession(account, io, (client) =>
      withNumber(client, message, async (number) => {
        // On a terminal, the bar would be written into the message.
        const isShown = path !== undefined || io.stdout.columns === undefined;
        const isLong = top === undefined && io.stderr.columns !== undefined;
        const bar = new Bar(io.stderr, isShown && isLong ? await client.list(number) : 0);
        try {
          await write(counted(pieces(client, number, top), bar), path, io);
        } finally {
          await bar.end();
        }
      }),
    );
    return EXIT.ok;
  },
};

/** The progress of one message, in the last line of a terminal. */
class Bar {
  readonly #output: Output;
  readonly #expected: number;
  #drawn = 0;

  /** `expected`: the size in bytes; 0: nothing is shown. */
  constructor(output: Output, expected: number) {
    this.#output = output;
    this.#expected = expected;
  }

  async draw(received: number): Promise<void> {
    const { columns } = this.#output;
    const now = Date.now();
    if (columns === undefined || this.#expected === 0 || now - this.#drawn < REST) return;
    this.#drawn = now;
    const state = { received, expected: this.#expected, isComplete: false };
    await this.#output.write(`${ERASE}${progressBar(state, columns)}`);
  }

  async end(): Promise<void> {
    if (this.#drawn > 0) await this.#output.write(ERASE);
  }
}

async function* counted(octets: AsyncIterable<Buffer>, bar: Bar): AsyncGenerator<Buffer, void> {
  let received = 0;
  for await (const piece of octets) {
    received += piece.length;
    await bar.draw(received);
    yield piece;
  }
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
