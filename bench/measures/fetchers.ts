// Compares the whole job of mail fetchers, into each kind of destination: from the start of the program to its end.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Dovecot, servedOctets } from "../../test/servers/dovecot.ts";
import { HOST, PASS, SERVER_NAME, type Target } from "../contenders/contender.ts";
import { isInstalled, mpopArguments, timed } from "../contenders/programs.ts";
import { NoOutcome, type Outcome } from "../job.ts";
import { mailboxNamed } from "../mailbox.ts";
import { inTurn, measured, values, type Entered } from "../round.ts";
import { root, type Stage } from "../stage.ts";
import { median, medianRatio } from "../statistics.ts";
import { NONE, number, runs, text, type Row, type Table } from "../table.ts";
import type { Measure } from "./measure.ts";

const MAILBOX = "2000x5000";
/** Seconds. */
const LIMIT = 120;
/** Where the tests install better-sqlite3, for a Node without node:sqlite. */
const BETTER_SQLITE3 = join(root, "test/better-sqlite3");

interface Fetcher {
  readonly name: string;
  /** The program that must be installed. */
  readonly command?: string;
  /** Fetches into `Mail` in a directory. */
  readonly fetch: (target: Target, directory: string) => Promise<Outcome>;
  /** Counts the messages that are there. Ours counts them itself. */
  readonly count?: (path: string) => Promise<number>;
}

const inFolder = async (path: string): Promise<number> => (await readdir(join(path, "new"))).length;

const inFile =
  (start: RegExp) =>
  async (path: string): Promise<number> =>
    (await readFile(path, "latin1")).match(start)?.length ?? 0;

const inMbox = inFile(/^From /gm);

async function makeMaildir(path: string): Promise<void> {
  for (const name of ["tmp", "new", "cur"]) await mkdir(join(path, name), { recursive: true });
}

function popwright(kind: "Maildir" | "eml" | "mbox" | "SQLite"): Fetcher {
  const program = fileURLToPath(new URL("fetch-mail.js", import.meta.url));
  return {
    name: `popwright, ${kind}`,
    fetch: ({ port, mailbox }, directory) =>
      timed(process.execPath, [program, String(port), mailbox, directory, kind], LIMIT, { BETTER_SQLITE3 }),
  };
}

function mpop(kind: "maildir" | "mbox"): Fetcher {
  return {
    name: `mpop, ${kind}`,
    command: "mpop",
    async fetch(target, directory) {
      const path = join(directory, "Mail");
      if (kind === "maildir") await makeMaildir(path);
      return timed("mpop", mpopArguments(target, directory, `${kind},${path}`), LIMIT);
    },
    count: kind === "maildir" ? inFolder : inMbox,
  };
}

/** It hands mail to a mail server, or writes what it would say to one into a file. */
const fetchmail: Fetcher = {
  name: "fetchmail, batch",
  command: "fetchmail",
  async fetch({ port, mailbox }, directory) {
    const file = join(directory, "fetchmailrc");
    await writeFile(
      file,
      `poll ${SERVER_NAME} service ${port} protocol pop3 timeout 60\n` +
        `  user "${mailbox}" password "${PASS}" fetchall keep sslproto ""\n` +
        `  bsmtp "${join(directory, "Mail")}"\n`,
      { mode: 0o600 },
    );
    const files = ["--pidfile", join(directory, "pid"), "--idfile", join(directory, "ids")];
    return timed("fetchmail", ["--silent", "-f", file, ...files], LIMIT);
  },
  count: inFile(/^MAIL FROM:/gm),
};

/** The user and the group `nobody`: getmail delivers nothing as root. */
const NOBODY = 65_534;

function getmail(kind: "Maildir" | "Mboxrd"): Fetcher {
  return {
    name: `getmail, ${kind === "Maildir" ? "maildir" : "mbox"}`,
    command: "getmail",
    async fetch({ port, mailbox }, directory) {
      const path = join(directory, kind === "Maildir" ? "Mail/" : "Mail");
      await (kind === "Maildir" ? makeMaildir(path) : writeFile(path, ""));
      const file = join(directory, "getmailrc");
      await writeFile(
        file,
        `[retriever]\ntype = SimplePOP3Retriever\nserver = ${HOST}\nport = ${port}\n` +
          `username = ${mailbox}\npassword = ${PASS}\n[destination]\ntype = ${kind}\npath = ${path}\n` +
          "[options]\nread_all = true\ndelete = false\nverbose = 0\nreceived = false\ndelivered_to = false\n",
      );
      const args = ["getmail", `--getmaildir=${directory}`, `--rcfile=${file}`, "--quiet"];
      if (process.getuid?.() !== 0) return timed("getmail", args.slice(1), LIMIT);
      for (const name of [".", ...(await readdir(directory, { recursive: true }))])
        await chown(join(directory, name), NOBODY, NOBODY);
      const user = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
      return timed("setpriv", [...user, ...args], LIMIT);
    },
    count: kind === "Maildir" ? inFolder : inMbox,
  };
}

/** It remembers nothing, and syncs nothing. */
const curl: Fetcher = {
  name: "curl, files",
  command: "curl",
  async fetch({ port, mailbox }, directory) {
    await makeMaildir(join(directory, "Mail"));
    const output = join(directory, "Mail/new/#1");
    const url = `pop3://${HOST}:${port}/[1-${mailboxNamed(mailbox).count}]`;
    const args = ["--silent", "--show-error", "--user", `${mailbox}:${PASS}`, "--output", output, url];
    return timed("curl", args, LIMIT);
  },
  count: inFolder,
};

const FETCHERS: readonly Fetcher[] = [
  ...(["Maildir", "eml", "mbox", "SQLite"] as const).map(popwright),
  ...(["maildir", "mbox"] as const).map(mpop),
  fetchmail,
  ...(["Maildir", "Mboxrd"] as const).map(getmail),
  curl,
];

export const fetchers: Measure = {
  name: "fetchers",
  async run(stage, plan) {
    if (plan.name === "quick") return [];
    await installSqlite();
    const tables = [await compare(stage, stage.target(MAILBOX), "fetchers", "2,000 × 5 KB")];
    if (!isInstalled("dovecot")) return tables;
    await using server = await Dovecot.start({ users: { [MAILBOX]: PASS }, lockSession: false });
    await server.deliver(MAILBOX, messages());
    const target: Target = { port: server.port, ca: undefined, mailbox: MAILBOX };
    return [...tables, await compare(stage, target, "fetchers-dovecot", "2,000 × 5 KB from Dovecot")];
  },
};

async function installSqlite(): Promise<void> {
  if (process.getBuiltinModule("node:sqlite") !== undefined) return;
  if (existsSync(join(BETTER_SQLITE3, "node_modules/better-sqlite3/build/Release"))) return;
  await promisify(execFile)("npm", ["ci", "--no-audit", "--no-fund"], { cwd: BETTER_SQLITE3 });
}

function* messages(): Generator<Buffer> {
  const mailbox = mailboxNamed(MAILBOX);
  for (let number = 1; number <= mailbox.count; number++)
    for (const piece of mailbox.pieces(number)) yield servedOctets(piece);
}

async function compare(stage: Stage, target: Target, id: string, title: string): Promise<Table> {
  const entries = FETCHERS.filter(({ command }) => command === undefined || isInstalled(command)).map(
    (fetcher) => ({ name: fetcher.name, rounds: 3, run: () => fetched(stage, target, fetcher) }),
  );
  return toTable(id, title, await inTurn(entries));
}

/** Runs a fetcher, and checks that all messages are there. */
async function fetched(stage: Stage, target: Target, { fetch, count }: Fetcher): Promise<Outcome> {
  await chmod(stage.directory, 0o755);
  const directory = await mkdtemp(join(stage.directory, "fetched-"));
  const outcome = await fetch(target, directory);
  const found = await count?.(join(directory, "Mail"));
  if (found !== undefined && found !== mailboxNamed(target.mailbox).count)
    throw new NoOutcome(`${found} messages`);
  return outcome;
}

function toTable(id: string, title: string, entered: readonly Entered[]): Table {
  const { count } = mailboxNamed(MAILBOX);
  const [first] = entered;
  return {
    id,
    title: `${title}, fetched by whole programs`,
    note:
      "From the start of the program to its end. popwright syncs each message and what it has fetched. mpop and getmail " +
      "sync the messages. fetchmail writes a file for a mail server, and curl files; they sync nothing, and curl remembers nothing.",
    columns: ["ms", "× popwright, Maildir", "messages/s", "CPU ms"],
    rows: entered.map((one): Row => {
      const { name, failure } = one;
      const ms = measured(one, "ms");
      if (ms.length === 0) return { name, cells: [text(failure ?? "–"), NONE, NONE, NONE] };
      return {
        name,
        cells: [
          runs(ms),
          number(first && medianRatio(values(one, "ms"), values(first, "ms"))),
          number((count * 1000) / median(ms)),
          number(median(measured(one, "cpu"))),
        ],
      };
    }),
  };
}
