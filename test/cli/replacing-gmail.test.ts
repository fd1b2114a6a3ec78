// docs/replacing-gmail.md, followed as a new user would: its commands, configurations and units, against a Gmail, an IMAP
// server and a POP3 server of our own. Nothing that others can see has a secret.
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { Pop3Server } from "../../src/testing/index.ts";
import { fileOf, provider, terminalIn, visit } from "./login.ts";
import type { Terminal } from "./terminal.ts";
import { GmailServer } from "../support/gmail-server.ts";
import { IMAP_PASSWORD, ImapServer } from "../support/imap-server.ts";
import { newDirectory } from "../support/place.ts";
import { sectionsOf, type Section } from "./guide.ts";

const root = join(import.meta.dirname, "../..");

/** Every secret has this in it. */
const SECRET = "hunter2";
const POP_PASSWORD = `${SECRET}-pop`;

const mail = (name: string): string =>
  `Message-ID: <${name}@example.com>\r\nFrom: bob@example.com\r\nSubject: ${name}\r\n\r\n${name}\r\n`;

let sections: ReadonlyMap<string, Section>;
beforeAll(async () => {
  sections = await sectionsOf(join(root, "docs/replacing-gmail.md"));
});

let pop: Pop3Server;
let gmail: GmailServer;
let imap: ImapServer;
let directory: string;
beforeEach(async () => {
  const account = { pass: POP_PASSWORD, messages: ["old 1", "old 2"].map(mail) };
  pop = await Pop3Server.listen({
    users: { "ann@example.com": account, "ann@work.example": account, ann: account },
  });
  gmail = await GmailServer.listen();
  imap = await ImapServer.listen();
  directory = await newDirectory();
});
afterEach(async () => {
  await pop.close();
  await gmail[Symbol.asyncDispose]();
  await imap.close();
});

function section(heading: string): Section {
  const found = sections.get(heading);
  if (found === undefined) throw new Error(`the guide has no section "${heading}"`);
  return found;
}

/** Replaces the servers of the guide by those of the test. */
function here(text: string): string {
  return text
    .replace(/pop3s:\/\/(\w+(?:%40[\w.]+)?)@[\w.]+/, `pop3://$1@127.0.0.1:${pop.port}?stls=never`)
    .replace(/^gmail:ann@gmail\.com$/, `gmail:ann@gmail.com?api=${gmail.url}`)
    .replace(/^imaps:\/\/[^/]*\/INBOX$/, imap.url())
    .replace(/^(?:~|%h|\/mail|\$HOME[\\/]mail)[\\/](?:mail[\\/])?/, `${directory}/`);
}

/** The words of a command, without what keeps it running. */
const once_ = (words: readonly string[]): string[] => words.map(here).filter((word) => word !== "--watch");

/** Runs a command in this process. */
async function run(words: readonly string[], env: Record<string, string>): Promise<[Terminal, number]> {
  const terminal = terminalIn(directory, env);
  const code = await terminal.run(...words);
  expect(terminal.words).not.toContain(SECRET);
  return [terminal, code];
}

function added(name: string, ...users: string[]): void {
  for (const user of users) pop.maildrop(user).add(mail(name));
}

const tsx = pathToFileURL(join(root, "node_modules/tsx/dist/esm/index.mjs")).href;

/** A command as a process, whose secrets are in the environment. It logs all that it can. */
class Running {
  readonly child: ChildProcess;
  readonly err: Promise<string>;
  out = "";

  constructor(words: readonly string[], env: Record<string, string>) {
    this.child = spawn(process.execPath, ["--import", tsx, join(root, "src/cli/main.ts"), ...words], {
      cwd: directory,
      env: { ...process.env, XDG_STATE_HOME: directory, DEBUG: "popwright:*", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const { stdout, stderr } = this.child;
    if (stdout === null || stderr === null) throw new Error("no pipes");
    this.err = text(stderr);
    stdout.on("data", (piece: Buffer) => {
      this.out += String(piece);
    });
  }

  /** Waits until the output has `words`, or has ended. */
  async until(words: string): Promise<void> {
    const { child } = this;
    while (!this.out.includes(words) && child.stdout?.readableEnded === false)
      await Promise.race([once(child.stdout, "data"), once(child.stdout, "end")]);
  }

  /** Waits for the end. Rejects if the outputs have a secret. */
  async end(): Promise<{ readonly code: number | null; readonly words: string }> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, "exit");
    const words = `${this.out} ${await this.err}`.replace(/\s+/g, " ");
    expect(words).not.toContain(SECRET);
    return { code: this.child.exitCode, words };
  }
}

/** The arguments of all processes. Windows has no `ps`. */
async function processes(): Promise<string> {
  if (process.platform === "win32") return "";
  return (await promisify(execFile)("ps", ["-A", "-ww", "-o", "args"], { maxBuffer: Infinity })).stdout;
}

/** All files below a directory, other than sign-ins, which only their owner can read. */
async function filesIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.parentPath.endsWith("sign-ins"))
    .map((entry) => join(entry.parentPath, entry.name));
}

test("with the Gmail API: from the sign-in to the first new message, as processes", async () => {
  await using google = await provider();
  const secretFile = { installed: { client_id: "client-1", client_secret: `${SECRET}-client` } };
  await writeFile(join(directory, "client_secret.json"), JSON.stringify(secretFile));

  const [login = []] = section("3. Sign in").commands;
  const signIn = new Running([...login, "--authority", google.url, "--no-browser"], {});
  await signIn.until("\n");
  await visit(signIn.out.trim());
  const signedIn = await signIn.end();
  expect(signedIn.words).toContain("Next: popwright check --to gmail:ann@gmail.com");
  expect(signedIn.code).toBe(0);

  const env = { [section("4. Try").variables[0] ?? ""]: POP_PASSWORD };
  const [check = []] = section("4. Try").commands;
  const checking = await new Running([...check.map(here), "--record", "session.txt"], env).end();
  expect(checking.words).toMatch(/ok login .* ok sign-in .* ok labels INBOX, UNREAD ok import/);
  expect(checking.code).toBe(0);
  expect(gmail.messages).toEqual([]);

  const [fetch = []] = section("5. Fetch").commands;
  const first = await new Running(once_(fetch), env).end();
  expect(first.words).toContain("no new mail");
  added("new", "ann@example.com");
  const watching = new Running([...fetch.map(here), "--force", "--json"], env);
  await watching.until('"type":"end"');
  const seen = await processes();
  watching.child.kill("SIGTERM");
  await watching.end();
  expect(gmail.messages.map(({ octets }) => octets.toString())).toEqual([mail("new")]);
  expect(gmail.messages[0]?.labelIds).toEqual(["INBOX", "UNREAD"]);

  expect(seen).not.toContain(SECRET);
  if (process.platform !== "win32") expect(seen).toContain("gmail:ann@gmail.com");
  const files = await filesIn(directory);
  expect(files.map((file) => file.slice(directory.length))).toContain("/session.txt");
  for (const file of files.filter((name) => !name.endsWith("client_secret.json")))
    expect(await readFile(file, "latin1"), file).not.toContain(SECRET);
  expect(await readFile(fileOf(directory, "google-gmail-api-ann@gmail.com"), "utf8")).toContain(SECRET);
});

test("with an app password", async () => {
  const { variables, commands } = section("With an app password (IMAP)");
  const env = Object.fromEntries(
    variables.map((name, at) => [name, [POP_PASSWORD, IMAP_PASSWORD][at] ?? ""]),
  );
  const [check = [], fetch = []] = commands;
  const [checked, code] = await run(once_(check), env);
  expect(checked.words).toMatch(/ok mailbox 2 messages.* ok folder INBOX, 0 messages/);
  expect(code).toBe(0);
  const [first] = await run(once_(fetch), env);
  expect(first.words).toContain("no new mail");
  added("new", "ann@example.com");
  await run([...once_(fetch), "--force"], env);
  expect(imap.messages().map(String)).toEqual([mail("new")]);
});

/** Writes the configuration of the guide, for the servers of the test, and returns the secrets that it needs. */
async function configured(): Promise<Record<string, string>> {
  const several = section("Several mailboxes, and a label for each");
  const configuration = JSON.parse(several.block("json")) as {
    accounts: { url: string; to: { gmail: object } }[];
  };
  for (const account of configuration.accounts) {
    account.url = here(account.url);
    account.to.gmail = { ...account.to.gmail, api: gmail.url };
  }
  await writeFile(join(directory, "popwright.json"), JSON.stringify(configuration));
  const names = [...several.block("").matchAll(/^(\w+)=/gm)].map(([, name = ""]) => name);
  return {
    ...Object.fromEntries(names.map((name) => [name, POP_PASSWORD])),
    POPWRIGHT_TO_TOKEN: `${SECRET}-token`,
  };
}

test("several mailboxes, and a label for each", async () => {
  const env = await configured();
  const [check = [], fetch = []] = section("Several mailboxes, and a label for each").commands;
  expect((await run(once_(check), env))[1]).toBe(0);
  expect((await run(once_(fetch), env))[1]).toBe(0);
  expect(gmail.messages).toEqual([]);
  added("private", "ann@example.com");
  added("work", "ann@work.example");
  await run([...once_(fetch), "--force"], env);
  const labelled = gmail.messages.map(({ octets, labelIds }) => [
    /Subject: (.*)\r/.exec(octets.toString())?.[1],
    labelIds.map((id) => gmail.labels.get(id) ?? id),
  ]);
  expect(Object.fromEntries(labelled)).toEqual({
    private: ["INBOX", "UNREAD", "Example"],
    work: ["UNREAD", "Work"],
  });
});

test("the unit, the container and the task run the configuration", async () => {
  const env = await configured();
  const unit = /^ExecStart=\/usr\/bin\/env popwright (.*)$/m.exec(section("systemd").block("ini"))?.[1];
  const docker = section("Docker Compose, and a NAS");
  const compose = JSON.parse(/command: (\[.*\])$/m.exec(docker.block("yaml"))?.[1] ?? "") as string[];
  const task = /-Argument "`"\$run`" (.*)"$/m.exec(
    section("Windows: Task Scheduler").block("powershell"),
  )?.[1];
  expect(docker.block("dockerfile")).toContain('ENTRYPOINT ["popwright"]');
  for (const words of [unit?.split(" "), compose, task?.replaceAll('`"', "").split(" ")]) {
    const [terminal, code] = await run(once_(words ?? []), env);
    expect(terminal.words).not.toContain("popwright:");
    expect(code, words?.join(" ")).toBe(0);
    await run(["fetch", "--config", join(directory, "popwright.json"), "--force"], env);
  }
  for (const words of docker.commands) expect(words[0]).toMatch(/^(?:login|check)$/);
});

test("POP3 to IMAP: all mail, once, and nothing is deleted", async () => {
  const { variables, commands } = section("POP3 to IMAP");
  const env = Object.fromEntries(
    variables.map((name, at) => [name, [POP_PASSWORD, IMAP_PASSWORD][at] ?? ""]),
  );
  const [check = [], fetch = []] = commands;
  expect((await run(once_(check), env))[1]).toBe(0);
  const [moved, code] = await run(once_(fetch), env);
  expect(moved.words).toContain("2 messages delivered");
  expect(code).toBe(0);
  await run([...once_(fetch), "--force"], env);
  expect(imap.messages().map(String)).toEqual(["old 1", "old 2"].map(mail));
  expect(pop.maildrop("ann").messages).toHaveLength(2);
});
