// `popwright fetch` and `check` with a Gmail account as the destination, and the sign-in for it.
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { GmailServer } from "../../support/gmail-server.ts";
import { newDirectory } from "../../support/place.ts";
import { annsServer, urlOf } from "../ann.ts";
import { fileOf, logIn, provider, terminalIn } from "../login.ts";
import type { Terminal } from "../terminal.ts";

const MESSAGES = ["one", "two"].map((name) =>
  Buffer.from(
    `Message-ID: <${name}@example.com>\r\nFrom: bob@example.com\r\nSubject: ${name}\r\n\r\n${name}\r\n`,
  ),
);
const OPTIONS = { users: { ann: { pass: "secret", messages: MESSAGES } } };

let gmail: GmailServer;
let directory: string;
beforeEach(async () => {
  gmail = await GmailServer.listen();
  directory = await newDirectory();
});
afterEach(() => gmail[Symbol.asyncDispose]());

const to = (): string => `gmail:ann@gmail.com?api=${gmail.url}`;

/** A terminal of a user whose token is in the environment. */
function terminalWith(env: Record<string, string> = { POPWRIGHT_TO_TOKEN: "hunter2-token" }): Terminal {
  return terminalIn(directory, { POPWRIGHT_PASSWORD: "secret", ...env });
}

test("one sign-in, then each message once: in the inbox, unread, with the labels", async () => {
  await using server = await annsServer(OPTIONS);
  await using google = await provider();
  const signedIn = await logIn(google, ["google", "ann@gmail.com"], {
    directory,
    args: ["--no-browser", "--for", "gmail-api"],
  });
  expect(signedIn.code).toBe(0);
  expect(signedIn.terminal.words).toContain("Next: popwright check --to gmail:ann@gmail.com");
  expect(signedIn.terminal.words).toContain('"Testing", this sign-in ends after seven days. Publish it');
  expect(google.signIns[0]?.["scope"]).toBe(
    "https://www.googleapis.com/auth/gmail.insert https://www.googleapis.com/auth/gmail.labels openid email",
  );

  const terminal = terminalWith({});
  const args = ["fetch", urlOf(server), "--to", to()];
  expect(await terminal.run(...args)).toBe(0);
  expect(await terminal.run(...args)).toBe(0);
  expect(gmail.messages.map(({ octets }) => octets)).toEqual(MESSAGES);
  expect(gmail.messages[0]).toMatchObject({ labelIds: ["INBOX", "UNREAD"], method: "import", again: 0 });
  expect(gmail.requests.every(({ headers }) => headers.authorization === "Bearer hunter2-access-2")).toBe(
    true,
  );
  // The refresh token is used once.
  expect(google.requests).toHaveLength(2);
  expect(terminal.words).not.toContain("hunter2");
  expect(await readdir(join(directory, "popwright", "destinations"))).toEqual(["gmail"]);
});

test("labels and options of a configuration", async () => {
  await using server = await annsServer(OPTIONS);
  const config = join(directory, "mail.json");
  const place = (label: string): object => ({
    gmail: {
      address: "ann@gmail.com",
      labels: ["INBOX", label],
      neverMarkSpam: true,
      internalDateSource: "receivedTime",
      tokenEnv: "GMAIL_TOKEN",
      api: gmail.url,
    },
  });
  const accounts = ["one", "two"].map((name) => ({ name, url: urlOf(server), to: place(name) }));
  await writeFile(config, JSON.stringify({ accounts }));
  const terminal = terminalWith({ GMAIL_TOKEN: "hunter2-token" });
  expect(await terminal.run("fetch", "--config", config)).toBe(0);
  expect([...gmail.labels.values()].sort()).toEqual(["one", "two"]);
  const [message] = gmail.messages;
  expect(message?.parameters).toMatchObject({ neverMarkSpam: "true", internalDateSource: "receivedTime" });
  expect(message?.labelIds).toContain("INBOX");
  expect(message?.labelIds).not.toContain("UNREAD");
});

test("check says what is wrong, and imports nothing", async () => {
  const well = terminalWith();
  expect(await well.run("check", "--to", to())).toBe(0);
  expect(well.words).toMatch(/to gmail:ann@gmail\.com ok sign-in .* ok labels INBOX, UNREAD ok import/);

  gmail.address = "bob@gmail.com";
  const other = terminalWith();
  expect(await other.run("check", "--to", to(), "--json")).toBe(73);
  expect(other.json).toMatchObject([{ ok: false, destination: { place: "gmail:ann@gmail.com", ok: false } }]);

  const unsigned = terminalWith({});
  expect(await unsigned.run("check", "--to", to())).toBe(78);
  expect(unsigned.words).toContain("run `popwright login google ann@gmail.com --for gmail-api` first");
  expect(gmail.messages).toEqual([]);
  for (const { words } of [well, other, unsigned]) expect(words).not.toContain("hunter2");
});

test("a sign-in that has ended is explained, by check and by fetch", async () => {
  await using server = await annsServer(OPTIONS);
  await using google = await provider({}, { error: "invalid_grant" });
  const path = fileOf(directory, "google-gmail-api-ann@gmail.com");
  await mkdir(dirname(path), { recursive: true });
  await writeFile(
    path,
    JSON.stringify({
      tokenUrl: `${google.url}/token`,
      clientId: "client-1",
      clientSecret: "hunter2-client",
      refreshToken: "hunter2-refresh",
    }),
  );
  for (const args of [
    ["check", "--to", to()],
    ["fetch", urlOf(server), "--to", to()],
  ]) {
    const terminal = terminalWith({});
    expect(await terminal.run(...args), args[0]).toBe(77);
    expect(terminal.words).toContain("invalid_grant");
    expect(terminal.words).toContain("publish it, then sign in again");
    expect(terminal.words).not.toContain("hunter2");
  }
  expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ refreshToken: "hunter2-refresh" });
});

test.each([
  [["--to", "gmail:ann"], 64, "--to needs an address after gmail:, as in gmail:ann@gmail.com"],
  [["--to", "gmail:ann@gmail.com", "--to-password-command", "x"], 64, "takes no password"],
  [["--to", "gmail:ann@gmail.com", "--to-login", "microsoft"], 64, "--to-login must be google"],
  [["--to", "gmail:ann@gmail.com?api=http://example.com"], 78, "gmail.api must be an https: URL"],
])("check %j", async (args, code, words) => {
  const terminal = terminalWith();
  expect(await terminal.run("check", ...args)).toBe(code);
  expect(terminal.words).toContain(words);
});

const address = "ann@gmail.com";
test.each([
  ["ann", "accounts[0].to.gmail is wrong: the address of GmailImport must look like"],
  [{ address, labels: "Work" }, "accounts[0].to.gmail is wrong: gmail.labels must be an array of names"],
  [{ address, label: "Work" }, "accounts[0].to.gmail.label is unknown: did you mean labels?"],
  [{ address, method: "append" }, 'gmail.method must be "import" or "insert"'],
  [{ address, token: "hunter2" }, "accounts[0].to.gmail.token is unknown: `popwright login google ADDRESS"],
  [{ address, limit: "5M" }, "gmail.limit must be a number"],
])("the configuration %j is refused", async (place, words) => {
  const config = join(directory, "mail.json");
  const account = { url: "pop3s://ann@pop.example.com", to: { gmail: place } };
  await writeFile(config, JSON.stringify({ accounts: [account] }));
  const terminal = terminalWith();
  expect(await terminal.run("fetch", "--config", config)).toBe(78);
  expect(terminal.words).toContain(words);
  expect(terminal.words).not.toContain("hunter2");
});
