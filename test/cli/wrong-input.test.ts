// Every kind of wrong input ends with a sentence that says what to do. test/cli/commands.test.ts has the wrong options.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Pop3Server } from "../../src/testing/index.ts";
import { newDirectory } from "../support/place.ts";
import { annsServer, urlOf } from "./ann.ts";
import { Terminal } from "./terminal.ts";

let server: Pop3Server;
let directory: string;

beforeAll(async () => {
  server = await annsServer();
  directory = await mkdtemp(join(tmpdir(), "popwright-wrong-"));
  await writeFile(join(directory, "file"), "text");
  await writeFile(join(directory, "empty"), "");
  for (const [name, text] of Object.entries(CONFIGURATIONS)) await writeFile(join(directory, name), text);
  await mkdir(join(directory, "folder"));
});

afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});

const TO = '"to": { "maildir": "Mail" }';
const ACCOUNT = `"url": "pop3s://ann@pop.example.com"`;
const CONFIGURATIONS = {
  "open.json": "{",
  "utf16.json": "{\0}\0",
  "none.json": "{}",
  "no-url.json": `{ ${TO}, "accounts": [{}] }`,
  "no-user.json": `{ ${TO}, "accounts": [{ "url": "pop3s://pop.example.com" }] }`,
  "no-to.json": `{ "accounts": [{ ${ACCOUNT} }] }`,
  "text-to.json": `{ "to": "Mail", "accounts": [{ ${ACCOUNT} }] }`,
  "policy.json": `{ ${TO}, "policy": { "poll": { "every": "5 moons" } }, "accounts": [{ ${ACCOUNT} }] }`,
  "key.json": `{ ${TO}, "accounts": [{ ${ACCOUNT}, "polcy": {} }] }`,
  "secret.json": `{ ${TO}, "accounts": [{ ${ACCOUNT}, "password": "x" }] }`,
  "mechanism.json": `{ ${TO}, "accounts": [{ ${ACCOUNT}, "mechanism": "PLAINEST" }] }`,
  "twice.json": `{ ${TO}, "accounts": [{ ${ACCOUNT} }, { ${ACCOUNT} }] }`,
};

const CHECK_PATH = "There is no such file or directory. Check the path.";
const OVERWRITES = "Nothing is overwritten. Choose another name, or remove what has this one.";
const NOT_DIRECTORY = "A part of the path is a file, not a directory. Check the path.";
const NO_PORT =
  "Nothing listens at that port. POP3 uses port 995 with TLS (pop3s://) and port 110 with STLS (pop3://). Some providers also block an address in this way after many wrong passwords.";
const NO_DESTINATION =
  "The server of the destination cannot be reached. Check its name and its port, and whether it runs.";
const MUST_NAME = "the URL must name a user, as in pop3s://USER@127.0.0.1";
const NO_PASSWORD =
  "the password of ann is missing: set POPWRIGHT_PASSWORD, or give --password-command or --password-file";

/** The commands, and their last sentence. `@ANN`: the URL of a server that works. `@DIR`: the directory of the files above. */
test.each<[words: string, code: number, last: string, env?: Record<string, string>]>([
  // The server and the account.
  ["list pop3://ann@127.0.0.1:1?stls=never", 69, NO_PORT],
  ["check pop3://ann@127.0.0.1:1?stls=never", 69, NO_PORT],
  ["fetch pop3://ann@127.0.0.1:1?stls=never --to @DIR/Mail", 69, NO_PORT],
  ["list @TLS", 69, "Use pop3://@PLACE, which turns TLS on with STLS."],
  ["list @STLS", 69, "pass its certificate, or the one of its authority, with --ca FILE."],
  ["list @NOBODY", 64, MUST_NAME],
  [
    "list @ANN",
    77,
    "Check both. Many servers require the full address as the user name, and some require an app password.",
    { POPWRIGHT_PASSWORD: "wrong" },
  ],
  ["list @ANN", 64, NO_PASSWORD, { POPWRIGHT_PASSWORD: "" }],
  ["list @ANN --mechanism GSSAPI", 77, "need an access token (--login, --token-command)."],
  ["list @ANN --proxy http://127.0.0.1:1", 69, "and whether it allows connections to @PLACE."],
  ["get @ANN 9", 66, "the mailbox has 2 messages. Run `popwright list URL` to see them"],
  ["get @ANN uid:none", 66, "Run `popwright list --uids URL` to see those that exist"],
  ["get @ANN uid:", 64, "MESSAGE needs a unique-id after uid:. `popwright list --uids URL` shows them"],
  // Files and programs.
  ["list @ANN --ca @DIR/none", 78, CHECK_PATH],
  ["list @ANN --ca @DIR/file", 78, "`openssl x509 -inform der -in FILE` converts one"],
  ["list @ANN --password-file @DIR/none", 78, CHECK_PATH],
  ["list @ANN --password-file @DIR/folder", 78, "This is a directory, not a file. Check the path."],
  [
    "list @ANN --password-file @DIR/empty",
    78,
    "must have the password of ann in its first line, which is empty",
  ],
  ["list @ANN --password-command @DIR/none", 78, "There is no such program: check its name, and PATH"],
  ["list @ANN --password-command=", 64, "the command is empty: it must name a program"],
  ["get @ANN 1 -o @DIR/file", 73, OVERWRITES],
  ["get @ANN 1 -o @DIR/none/file", 73, CHECK_PATH],
  ["get @ANN 1 --output=", 64, "--output must be a path (got an empty one)"],
  ["check @ANN --record @DIR/file", 73, OVERWRITES],
  ["check --to @DIR/file", 73, "@DIR/file is not a folder: choose another path"],
  ["serve @DIR/none", 64, CHECK_PATH],
  ["serve @DIR/file", 64, NOT_DIRECTORY],
  ["serve --port @PORT", 69, "Choose another one with --port, or leave --port out."],
  [
    "serve --host 192.0.2.1",
    69,
    "--host must be an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all.",
  ],
  ["serve --user=", 64, "--user must be a name (got an empty one)"],
  // Destinations and the ledger.
  ["fetch @ANN --to mailto:bob@example.com", 64, "for a path with a colon, write ./ before it"],
  ["fetch @ANN --to ftp://h", 64, 'lmtp:// or https:// (got "ftp://h")'],
  [
    "fetch @ANN --to Mail --first-run some",
    64,
    '--first-run must be all, none or a whole number (got "some")',
  ],
  ["fetch @ANN --to @DIR/file", 73, NOT_DIRECTORY],
  ["fetch @ANN --to @DIR/folder --format mbox", 73, "Remove or rename it (POP3_DESTINATION)"],
  ["fetch @ANN --to lmtp://127.0.0.1:1/ann@example.com", 73, NO_DESTINATION],
  ["fetch @ANN --to imap://ann@127.0.0.1:1/INBOX", 73, NO_DESTINATION, { POPWRIGHT_TO_PASSWORD: "x" }],
  ["fetch @ANN --to @DIR/Mail --state @DIR/file", 74, NOT_DIRECTORY],
  ["retry pop3s://bob@h --state @DIR", 64, "does not know bob@h:995; it knows no mailbox"],
  ["ledger --state @DIR/file", 74, NOT_DIRECTORY],
  ["ledger --state @DIR/none", 0, "The first `popwright fetch` makes one; --state names another directory"],
  ["ledger rename a b --state @DIR", 64, "does not know a; it knows no mailbox"],
  ["login google ann@gmail.com --client-secret-file @DIR/none", 78, CHECK_PATH],
  ["login google ann@gmail.com --client-secret-file @DIR/empty", 78, "in its first line, which is empty"],
  // The configuration file.
  ["fetch --config @DIR/none", 78, CHECK_PATH],
  ["fetch --config @DIR/folder", 78, "This is a directory, not a file. Check the path."],
  [
    "fetch --config @DIR/open.json",
    78,
    "open.json:1: expected a key in double quotes, found the end of the file",
  ],
  ["fetch --config @DIR/utf16.json", 78, "must be UTF-8 text: save it as UTF-8"],
  [
    "fetch --config @DIR/none.json",
    78,
    'list of accounts, such as [{ "url": "pop3s://user@pop.example.com" }]',
  ],
  ["fetch --config @DIR/no-url.json", 78, "is missing: it must look like pop3s://user@pop.example.com"],
  ["fetch --config @DIR/no-user.json", 78, "must name a user, as in pop3s://user@pop.example.com"],
  ["fetch --config @DIR/no-to.json", 78, "is missing: set it here, or at the top level for all accounts"],
  ["fetch --config @DIR/text-to.json", 78, 'such as { "maildir": "Mail" } or { "gmail": "ann@gmail.com" }'],
  ["fetch --config @DIR/policy.json", 78, "the units are ms, s, min, h, d and w"],
  ["fetch --config @DIR/key.json", 78, "accounts[0].polcy is unknown: did you mean policy?"],
  [
    "fetch --config @DIR/secret.json",
    78,
    "use passwordEnv or passwordCommand, so that the file contains no secret",
  ],
  ["fetch --config @DIR/mechanism.json", 78, "EXTERNAL, GSSAPI, ANONYMOUS"],
  [
    "fetch --config @DIR/twice.json",
    78,
    "must be unique: another account is also called ann@pop.example.com:995",
  ],
])("%s", async (words, code, last, env = {}) => {
  const terminal = new Terminal();
  Object.assign(terminal.env, { HOME: directory, XDG_STATE_HOME: await newDirectory() }, env);
  const place = `127.0.0.1:${String(server.port)}`;
  const values: Record<string, string> = {
    DIR: directory,
    PORT: String(server.port),
    PLACE: place,
    ANN: urlOf(server),
    NOBODY: urlOf(server, ""),
    STLS: `pop3://ann@${place}`,
    TLS: `pop3s://ann@${place}`,
  };
  const filled = (text: string): string =>
    text.replace(/@([A-Z]+)/g, (_, name: string) => values[name] ?? name);
  expect(await terminal.run(...filled(words).split(" "))).toBe(code);
  const said = terminal.words.trim().replace(/ Run `popwright \w+ --help` for usage$/, "");
  expect(said.endsWith(filled(last)), said).toBe(true);
});
