// The programs of docs/destinations.md run as they are, each in a process of its own, against servers that stand in for those that
// they name. Each delivers the new messages, and nothing the second time.
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { Pop3Server } from "../../../src/testing/index.ts";
import { HttpServer } from "./http-server.ts";
import { LmtpServer } from "./lmtp-server.ts";
import { Folder } from "../../support/folder.ts";
import { GmailServer } from "../../support/gmail-server.ts";
import { IdentityProvider } from "../../support/identity-provider.ts";
import { IMAP_PASSWORD, ImapServer } from "../../support/imap-server.ts";
import { bodiesOf } from "../../support/mbox-form.ts";
import { codeBlocks, type Block } from "../../docs/blocks.ts";

const root = join(import.meta.dirname, "../../..");
const MESSAGES = [1, 2].map(
  (number) => `From: bea@x.test\r\nMessage-ID: <${number}@x.test>\r\n\r\nmessage ${number}\r\n`,
);

let pop: Pop3Server;
let imap: ImapServer;
let lmtp: LmtpServer;
let gmail: GmailServer;
let google: IdentityProvider;
let receiver: HttpServer;
let folder: Folder;
beforeEach(async () => {
  folder = await Folder.make();
  pop = await Pop3Server.listen({
    users: { "ann@example.com": { pass: "secret", messages: MESSAGES } },
    tls: true,
  });
  imap = await ImapServer.listen();
  lmtp = await LmtpServer.listen();
  gmail = await GmailServer.listen();
  google = await IdentityProvider.listen(() => ({
    access_token: "token",
    token_type: "Bearer",
    expires_in: 3599,
  }));
  receiver = await HttpServer.listen(() => ({ status: 204 }));
  await writeFile(join(folder.path, "ca.pem"), pop.ca);
});
afterEach(async () => {
  await Promise.all([pop.close(), imap.close(), lmtp.close(), receiver.close()]);
  await Promise.all([gmail, google].map((server) => server[Symbol.asyncDispose]()));
  await folder.remove();
});

let programs: Block[];
beforeAll(async () => {
  programs = (await codeBlocks(join(root, "docs/destinations.md"))).filter(({ fetches }) => fetches);
});

/** Puts the servers of the test in the place of those that the program names. */
function here(code: string): string {
  return code
    .replaceAll(/from "popwright\/(\w+)"/g, (_, name: string) => {
      return `from "${pathToFileURL(join(root, "src", name, "index.ts")).href}"`;
    })
    .replace('host: "pop.example.com",', `host: "127.0.0.1", port: ${pop.port},`)
    .replace("imaps://ann%40example.com@imap.example.com/INBOX", imap.url())
    .replace("lmtp://127.0.0.1:24", `lmtp://127.0.0.1:${lmtp.port}`)
    .replace('"https://app.example.com/mail", {', `"${receiver.url}/mail", { allowPrivate: true,`)
    .replace('"ann@gmail.com", {', `"ann@gmail.com", { api: "${gmail.url}",`)
    .replace("https://oauth2.googleapis.com/token", `${google.url}/token`);
}

async function run(code: string): Promise<string> {
  const file = join(folder.path, "program.mts");
  await writeFile(file, here(code));
  const tsx = pathToFileURL(join(root, "node_modules/tsx/dist/esm/index.mjs")).href;
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", tsx, file], {
    cwd: folder.path,
    env: {
      ...process.env,
      NODE_EXTRA_CA_CERTS: join(folder.path, "ca.pem"),
      POP3_PASS: "secret",
      IMAP_PASSWORD,
      WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, "a").toString("base64")}`,
      GOOGLE_CLIENT_ID: "client",
      GOOGLE_CLIENT_SECRET: "secret",
      GOOGLE_REFRESH_TOKEN: "secret",
    },
    timeout: 150_000,
  });
  return stdout;
}

const filesIn = async (directory: string): Promise<Buffer[]> =>
  Promise.all((await folder.files(directory)).map((file) => folder.read(join(directory, file))));

/** What arrived, by the destination. The function keeps its messages in its process. */
const ARRIVED: Readonly<Record<string, (() => readonly Buffer[] | Promise<readonly Buffer[]>) | undefined>> =
  {
    Maildir: () => filesIn("Mail"),
    EmlFolder: () => filesIn("archive"),
    Mbox: async () => bodiesOf(await folder.read("inbox.mbox")).map((body) => withoutBlank(body)),
    Command: async () =>
      Promise.all(
        (await folder.files()).filter((file) => file.endsWith(".eml")).map((file) => folder.read(file)),
      ),
    ImapAppend: () => imap.messages(),
    Webhook: () => receiver.requests.map(({ body }) => body),
    GmailImport: () => gmail.messages.map(({ octets }) => octets),
    Lmtp: () => lmtp.messages,
    deliverTo: undefined,
  };

/** A message of an mbox, with CRLF and without the blank line after it. */
const withoutBlank = (body: Buffer): Buffer =>
  Buffer.from(body.toString("latin1").replace(/\n$/, "").replaceAll("\n", "\r\n"), "latin1");

test("there is a program for each destination", () => {
  const named = programs.map(({ code }) => /destination = (?:new )?(\w+)\(/.exec(code)?.[1]);
  expect(named.sort()).toEqual(Object.keys(ARRIVED).sort());
});

test.each(Object.entries(ARRIVED))("%s", async (name, arrived) => {
  const { code = "" } = programs.find((program) => new RegExp(`\\b${name}\\(`).test(program.code)) ?? {};
  expect(await run(code)).toBe("2\n");
  if (arrived !== undefined) expect((await arrived()).map(String).sort()).toEqual(MESSAGES);
  expect(await run(code)).toBe("0\n");
  expect(pop.maildrop("ann@example.com").messages).toHaveLength(2);
});
