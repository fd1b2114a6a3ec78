// `popwright fetch` and `check` with a mail server as the destination.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseConfiguration } from "../../../src/cli/fetch/configuration.ts";
import { placeNamed } from "../../../src/cli/fetch/delivery-place.ts";
import { LmtpServer } from "../../fetch/destinations/lmtp-server.ts";
import { newDirectory } from "../../support/place.ts";
import { annsServer, MESSAGES, urlOf } from "../ann.ts";
import { Terminal } from "../terminal.ts";

let lmtp: LmtpServer;
let directory: string;
beforeEach(async () => {
  lmtp = await LmtpServer.listen();
  directory = await newDirectory();
});
afterEach(() => lmtp.close());

const to = (recipient = "ann%40example.com"): string => `lmtp://127.0.0.1:${lmtp.port}/${recipient}`;
const recipients = (): string[] => [...new Set(lmtp.commands.filter((line) => line.startsWith("RCPT")))];

test("--to hands each message to the recipient in the URL", async () => {
  await using server = await annsServer();
  const terminal = new Terminal();
  const state = ["--state", join(directory, "state")];
  expect(await terminal.run("fetch", urlOf(server), "--to", to(), ...state)).toBe(0);
  expect(lmtp.messages).toEqual(MESSAGES);
  expect(recipients()).toEqual(["RCPT TO:<ann@example.com>"]);
});

test("a configuration names the recipient of each account", async () => {
  await using server = await annsServer();
  const config = join(directory, "mail.json");
  const url = to("");
  const accounts = ["ann@example.com", "bob@example.com"].map((recipient) => ({
    name: recipient,
    url: urlOf(server),
    to: { lmtp: { url, recipient, sender: "" } },
  }));
  await writeFile(config, JSON.stringify({ accounts, maxSessions: 1 }));
  const terminal = new Terminal();
  expect(await terminal.run("fetch", "--config", config)).toBe(0);
  expect(recipients().sort()).toEqual(["RCPT TO:<ann@example.com>", "RCPT TO:<bob@example.com>"]);
});

test("check asks for the recipient, and delivers nothing", async () => {
  const terminal = new Terminal();
  expect(await terminal.run("check", "--to", to())).toBe(0);
  expect(terminal.words).toContain("ok recipient the server takes mail for ann@example.com");
  lmtp.answers = { RCPT: "550 5.1.1 no such user" };
  const refused = new Terminal();
  expect(await refused.run("check", "--to", to(), "--json")).toBe(73);
  expect(refused.json).toMatchObject([{ ok: false, destination: { steps: [{ ok: true }, { ok: false }] } }]);
  expect(lmtp.messages).toEqual([]);
});

test("a server that is down ends the run", async () => {
  await using server = await annsServer();
  lmtp.answers = { greeting: "421 4.3.2 shutting down" };
  const terminal = new Terminal();
  const state = ["--state", join(directory, "state")];
  expect(await terminal.run("fetch", urlOf(server), "--to", to(), ...state)).toBe(73);
  expect(terminal.words).toContain("421");
});

test.each([
  ["lmtp://127.0.0.1:24", 64, "--to must name the recipient"],
  ["lmtp:/run/no-such-socket", 64, "--to must name the recipient"],
  ["lmtp:/run/no-such-socket?recipient=ann@example.com", 73, "FAIL connection"],
  ["smtps://ann:hunter2@mail.example.com/ann@example.com", 64, "--to must not contain a password"],
  ["smtps://ann@mail.example.com/ann@example.com", 64, "the password of ann at the destination is missing"],
])("check --to %s", async (place, code, words) => {
  const terminal = new Terminal();
  expect(await terminal.run("check", "--to", place)).toBe(code);
  expect(terminal.words).toContain(words);
  expect(terminal.words).not.toContain("hunter2");
});

test.each([
  ["lmtp://127.0.0.1:24", "accounts[0].to.lmtp.recipient is missing"],
  ["ldap://h/ann@example.com", "accounts[0].to.lmtp is wrong: the URL of an Lmtp must begin with"],
  [{ recipient: "ann@example.com" }, "accounts[0].to.lmtp.url is missing"],
  [
    { url: "lmtp://h", socket: "/run/lmtp", recipient: "ann@example.com" },
    "accounts[0].to.lmtp must have either url or socket",
  ],
  [{ url: "lmtp://h/a@b", timeout: 0 }, "lmtp.timeout must be greater than 0"],
  [{ url: "lmtp://h/a@b", passwordEnv: "X" }, "accounts[0].to.lmtp.passwordEnv needs a user in url"],
  [{ url: "lmtp://h/a@b", to: "x" }, "accounts[0].to.lmtp.to is unknown"],
])("the configuration %j is refused", async (place, words) => {
  const config = join(directory, "mail.json");
  const account = { url: "pop3s://ann@pop.example.com", to: { lmtp: place } };
  await writeFile(config, JSON.stringify({ accounts: [account] }));
  const terminal = new Terminal();
  expect(await terminal.run("fetch", "--config", config)).toBe(78);
  expect(terminal.words).toContain(words);
});

test.each([
  [{ socket: "/run/my mail/lmtp", recipient: "ann@h" }, "lmtp:/run/my%20mail/lmtp", "ann@h"],
  ["lmtp:/run/dovecot/lmtp?recipient=ann@h", "lmtp:/run/dovecot/lmtp", "ann@h"],
  ["smtps://ann@mail.example.com:465/ann%2Bpop@h", "smtps://ann@mail.example.com:465", "ann+pop@h"],
  [{ url: "smtp://mail.example.com/ann@h", recipient: "bob@h" }, "smtp://mail.example.com", "bob@h"],
])("%j names the server and the recipient", (value, url, recipient) => {
  const to = { lmtp: value };
  const account = { url: "pop3s://ann@pop.example.com", to };
  const { accounts } = parseConfiguration(JSON.stringify({ accounts: [account] }), "mail.json");
  expect(accounts[0]?.to).toMatchObject({ lmtp: { url, recipient } });
  if (typeof value === "string")
    expect(placeNamed({ to: value })).toMatchObject({ lmtp: { url, recipient } });
});
