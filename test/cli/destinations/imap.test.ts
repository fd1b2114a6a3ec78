// `popwright fetch` and `check` with an IMAP server as the destination.
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { IMAP_PASSWORD, ImapServer } from "../../support/imap-server.ts";
import { newDirectory } from "../../support/place.ts";
import { annsServer, MESSAGES, urlOf } from "../ann.ts";
import { lineOf } from "../program.ts";
import { Terminal } from "../terminal.ts";

let imap: ImapServer;
let directory: string;
beforeEach(async () => {
  imap = await ImapServer.listen();
  directory = await newDirectory();
});
afterEach(() => imap.close());

/** A terminal with the password of the destination. */
function terminalWith(env: Record<string, string> = { POPWRIGHT_TO_PASSWORD: IMAP_PASSWORD }): Terminal {
  const terminal = new Terminal();
  Object.assign(terminal.env, env);
  return terminal;
}

const state = (): string => join(directory, "state");

test("--to appends each message once, and keeps the journal next to the ledger", async () => {
  await using server = await annsServer();
  const args = ["fetch", urlOf(server), "--to", imap.url("Old mail"), "--state", state()];
  const terminal = terminalWith();
  expect(await terminal.run(...args)).toBe(0);
  expect(terminal.err).toContain("2 messages delivered");
  expect(await terminal.run(...args)).toBe(0);
  expect(imap.messages("Old mail")).toEqual(MESSAGES);
  const journal = join(state(), "destinations", "imap");
  expect(await readdir(journal)).not.toEqual([]);
  if (process.platform !== "win32") expect((await stat(journal)).mode & 0o777).toBe(0o700);
  expect(terminal.words).not.toContain(IMAP_PASSWORD);
});

test("accounts with the same destination share its connection", async () => {
  await using server = await annsServer();
  const config = join(directory, "mail.json");
  const accounts = ["one", "two", "three"].map((name) => ({ name, url: urlOf(server) }));
  const to = { imap: { url: imap.url(), flags: ["$Fetched"], passwordEnv: "MINE" } };
  await writeFile(config, JSON.stringify({ to, accounts, maxPerHost: 1, maxSessions: 1 }));
  const terminal = terminalWith({ MINE: IMAP_PASSWORD });
  expect(await terminal.run("fetch", "--config", config)).toBe(0);
  expect(imap.messages()).toHaveLength(6);
  expect(imap.folders.get("INBOX")?.messages[0]?.flags).toContain("$Fetched");
  expect(await readdir(join(directory, "state", "destinations"))).toEqual(["imap"]);
});

test("check signs in, shows folder and quota, and appends nothing", async () => {
  await imap.close();
  imap = await ImapServer.listen({ quota: 10_000_000 });
  const terminal = terminalWith();
  expect(await terminal.run("check", "--to", imap.url("New"), "--state", state())).toBe(0);
  expect(terminal.out).toMatch(/^to imap:\S+\n/);
  expect(terminal.words).toMatch(/ok folder New does not exist yet/);
  expect(await terminal.run("check", "--to", imap.url(), "--state", state())).toBe(0);
  expect(terminal.words).toMatch(/ok folder INBOX, 0 messages ok quota \S+ of \S+ MB are used/);
  expect(imap.count("APPEND") + imap.count("CREATE")).toBe(0);

  const json = terminalWith({ POPWRIGHT_TO_PASSWORD: "hunter2-wrong" });
  expect(await json.run("check", "--to", imap.url(), "--state", state(), "--json")).toBe(77);
  expect(json.json).toMatchObject([{ ok: false, destination: { ok: false } }]);
  expect(json.words).not.toContain("hunter2");
});

test("a password that is missing or wrong ends the run, and no message is blamed", async () => {
  await using server = await annsServer();
  const args = ["fetch", urlOf(server), "--to", imap.url(), "--state", state()];
  const missing = terminalWith({});
  expect(await missing.run(...args)).toBe(64);
  expect(missing.err).toMatch(/^\S+ cannot sign in at the destination: the password of ann/);
  expect(missing.words).toContain(
    "the password of ann at the destination is missing: set POPWRIGHT_TO_PASSWORD",
  );
  expect(await missing.run("check", "--to", imap.url())).toBe(64);

  const wrong = terminalWith({ POPWRIGHT_TO_PASSWORD: "hunter2-wrong" });
  expect(await wrong.run(...args, "--force")).toBe(77);
  const right = terminalWith();
  expect(await right.run(...args, "--force")).toBe(0);
  expect(imap.messages()).toEqual(MESSAGES);
  expect(wrong.words).not.toContain("hunter2");
});

test("the secret comes from a program, which gets no other secret", async () => {
  await using server = await annsServer();
  const command = await lineOf(
    `console.log(process.env.POPWRIGHT_TO_PASSWORD === undefined ? "${IMAP_PASSWORD}" : "wrong")`,
  );
  const terminal = terminalWith({ POPWRIGHT_TO_PASSWORD: "hunter2" });
  const args = ["fetch", urlOf(server), "--to", imap.url(), "--state", state()];
  expect(await terminal.run(...args, "--to-password-command", command)).toBe(0);
  expect(imap.messages()).toEqual(MESSAGES);
});

test.each([
  [["--to", "imaps://ann:hunter2@imap.example.com"], 64, "--to must not contain a password"],
  [["--to", "imaps://imap.example.com/INBOX"], 64, "--to must name the user, with @ as %40"],
  [["--to", "imaps://ann@imap.example.com", "--to-login", "google"], 64, "must name the address"],
  [
    ["--to", "imaps://ann%40gmail.com@imap.gmail.com", "--to-login", "google"],
    78,
    "run `popwright login google ann@gmail.com` first",
  ],
  [
    ["--to", "imaps://ann%40example.com@outlook.office365.com", "--to-login", "microsoft"],
    78,
    "run `popwright login microsoft ann@example.com --for imap` first",
  ],
])("check %j", async (args, code, words) => {
  const terminal = terminalWith({ XDG_STATE_HOME: directory });
  expect(await terminal.run("check", ...args)).toBe(code);
  expect(terminal.words).toContain(words);
  expect(terminal.words).not.toContain("hunter2");
});

const URL_ = "imaps://ann@imap.example.com/INBOX";
test.each([
  [5, "accounts[0].to.imap must be an object"],
  [{}, "accounts[0].to.imap.url is missing"],
  [
    "imaps://imap.example.com",
    "accounts[0].to.imap is wrong: the URL of an ImapAppend must have the user name",
  ],
  [
    "imaps://ann:hunter2@imap.example.com",
    "accounts[0].to.imap must not contain a password: use passwordEnv",
  ],
  [{ url: URL_, password: "hunter2" }, "accounts[0].to.imap.password is unknown: use passwordEnv"],
  [{ url: URL_, folder: "x" }, "accounts[0].to.imap.folder is unknown: it is a part of url"],
  [{ url: URL_, flag: [] }, "accounts[0].to.imap.flag is unknown: did you mean flags?"],
  [{ url: URL_, flags: ["a b"] }, "accounts[0].to.imap is wrong: imap.flags[0] must be a keyword"],
  [{ url: URL_, connections: 9 }, "imap.connections must be a whole number from 1 to 4 (got 9)"],
  [{ url: URL_, login: "google" }, "accounts[0].to.imap.login is wrong: the sign-in must name the address"],
  [
    { url: URL_, login: "google:a@b", tokenEnv: "X" },
    "accounts[0].to.imap.login cannot be combined with tokenEnv",
  ],
  [{ url: URL_, ca: "missing.pem" }, "/missing.pem: ENOENT"],
  [{ url: URL_, ca: "mail.json" }, "mail.json has no certificate in PEM form"],
])("the configuration %j is refused", async (place, words) => {
  const config = join(directory, "mail.json");
  const account = { url: "pop3s://ann@pop.example.com", to: { imap: place } };
  await writeFile(config, JSON.stringify({ accounts: [account] }));
  const terminal = terminalWith();
  expect(await terminal.run("fetch", "--config", config)).toBe(78);
  expect(terminal.words).toContain(words);
  expect(terminal.words).not.toContain("hunter2");
});

test("an error about an option names its line", async () => {
  const config = join(directory, "mail.json");
  await writeFile(config, `{ "to": { "imap": {\n"url": "${URL_}",\n"connections": 9 } },\n"accounts": [] }`);
  const terminal = terminalWith();
  expect(await terminal.run("fetch", "--config", config)).toBe(78);
  expect(terminal.words).toContain("mail.json:3: to.imap is wrong: imap.connections must be");
});
