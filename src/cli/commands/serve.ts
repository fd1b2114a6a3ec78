// `popwright serve`: runs the embedded server, for tests of a client or a program.
import { randomBytes } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onAbort } from "../../net/abort.ts";
import { Pop3Server } from "../../testing/index.ts";
import { PASSWORD } from "../secret-variables.ts";
import type { Subcommand } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { examples, exitCodes } from "../help.ts";
import { writeJson } from "../json.ts";
import { count } from "../../advice/wording.ts";
import { columns } from "../text.ts";
import { UsageError } from "../usage-error.ts";
import { positionals, wholeNumber, wordsOf } from "../usage.ts";
import { printable } from "../../protocol/printable.ts";
import { readFile } from "../../fetch/files/read-whole.ts";

const OPTIONS = {
  port: { type: "string" },
  host: { type: "string" },
  user: { type: "string" },
  tls: { type: "boolean" },
  ca: { type: "string" },
  json: { type: "boolean" },
} as const;

export const serve: Subcommand = {
  name: "serve",
  summary: "runs a POP3 server in memory, for tests",
  options: OPTIONS,
  help: {
    usage: ["popwright serve [DIRECTORY] [options]"],
    sections: [
      {
        text: [
          `Serves the *.eml files of a directory, or the messages in new/ and cur/ of a Maildir, as one mailbox. The server works in memory and never changes the files. SIGINT or SIGTERM ends it. The password is the value of ${PASSWORD}, or a random one, which is printed.`,
        ],
        rows: [
          ["--port N", "the port (default: a free one)"],
          ["--host ADDRESS", "the address to listen at (default: 127.0.0.1)"],
          ["--user NAME", "the user who may log in (default: test)"],
          ["--tls", "TLS from the first byte, with a certificate that the server creates"],
          ["--ca FILE", "writes this certificate to a file, so that clients can trust it"],
          ["--json", "prints the URL, the port and the number of messages as JSON"],
        ],
      },
      exitCodes(
        ["0", "ended by a signal"],
        ["64", "usage"],
        ["69", "the port cannot be used"],
        ["73", "the file of --ca cannot be written"],
      ),
      examples("popwright serve ./mail --port 1100 --user ann"),
    ],
  },
  async run(args, io) {
    const { values, positionals: words } = wordsOf(args, OPTIONS);
    const [directory] = words.length === 0 ? [] : positionals(words, ["DIRECTORY"]);
    const { user = "test", host = "127.0.0.1" } = values;
    if (user === "") throw new UsageError("--user must be a name (got an empty one)");
    const port = wholeNumber("--port", values.port) ?? 0;
    if (port > 65_535) throw new UsageError(`--port must be a number <= 65535 (got ${String(port)})`);
    const given = io.env[PASSWORD];
    const pass = given === undefined || given === "" ? randomBytes(9).toString("base64url") : given;
    const messages = directory === undefined ? [] : await messagesIn(directory);
    await using server = await Pop3Server.listen({
      host,
      port,
      tls: values.tls ?? false,
      users: { [user]: { pass, messages } },
    });
    if (values.ca !== undefined) await writeFile(values.ca, server.ca);
    const url = server.url.replace("://", `://${encodeURIComponent(user)}@`);
    if (values.json === true) await writeJson(io, { url, port: server.port, messages: messages.length });
    else await io.stdout.write(columns([[url, count(messages.length, "message")]], [], io.stdout.columns));
    if (pass !== given) await io.stderr.write(`password: ${pass}\n`);
    await until(io.stop);
    return EXIT.ok;
  },
};

/** Reads the messages, in the order of their paths. The names in a Maildir sort by the time of arrival. */
async function messagesIn(directory: string): Promise<Buffer[]> {
  const paths: string[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true }).catch(noDirectory(directory))) {
    if (entry.isFile() && entry.name.endsWith(".eml")) paths.push(join(directory, entry.name));
    if (entry.isDirectory() && (entry.name === "new" || entry.name === "cur")) {
      const below = join(directory, entry.name);
      for (const name of await readdir(below)) if (!name.startsWith(".")) paths.push(join(below, name));
    }
  }
  return Promise.all(paths.sort().map((path) => readFile(path)));
}

function noDirectory(directory: string): (error: Error) => never {
  return (error) => {
    throw new UsageError(`cannot read the directory ${printable(directory)}: ${printable(error.message)}`, {
      cause: error,
    });
  };
}

async function until(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    onAbort(signal, resolve);
  });
}
