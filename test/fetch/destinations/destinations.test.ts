// Runs the contract of destinations for each of them.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll } from "vitest";
import {
  Command,
  deliverTo,
  EmlFolder,
  GmailImport,
  ImapAppend,
  Lmtp,
  Maildir,
  Mbox,
  Webhook,
  type Delivery,
  type DeliveryWriter,
} from "../../../src/fetch/index.ts";
import { contract, obstruct, sign } from "./contract.ts";
import { HttpServer } from "./http-server.ts";
import { LmtpServer } from "./lmtp-server.ts";
import { GmailServer } from "../../support/gmail-server.ts";
import { octetsIn } from "../../support/folder.ts";
import { IMAP_PASSWORD, ImapServer } from "../../support/imap-server.ts";
import { bodiesOf, mboxForm } from "../../support/mbox-form.ts";

contract("Maildir", {
  make: (directory) => new Maildir(directory),
  delivered: (directory) => octetsIn(join(directory, "new")),
  knowsKeys: true,
  refuse: (directory, key) => obstruct(join(directory, "new", `${key}.popwright`)),
  steps: ["write", "datasync"],
});

contract("EmlFolder", {
  make: (directory) => new EmlFolder(directory),
  delivered: (directory) => octetsIn(directory, /\.eml$/),
  knowsKeys: true,
  refuse: (directory, key) => obstruct(join(directory, `${key}.eml`)),
  steps: ["write", "datasync"],
});

contract("Mbox", {
  make: (directory) => new Mbox(join(directory, "inbox")),
  delivered: async (directory) =>
    bodiesOf(await readFile(join(directory, "inbox")).catch(() => Buffer.alloc(0))),
  remains: ["mail/inbox"],
  form: mboxForm,
  knowsKeys: true,
  steps: ["appendFile", "datasync"],
});

/** What each function was given, by its directory, and the keys that it refuses. */
const given = new Map<string, Buffer[]>();
const refused = new Set<string>();

contract("deliverTo", {
  make: (directory) =>
    deliverTo(({ key, octets }) => {
      if (refused.has(directory + key)) throw new Error("not wanted");
      given.set(directory, [...(given.get(directory) ?? []), octets]);
    }),
  delivered: async (directory) => given.get(directory) ?? [],
  knowsKeys: false,
  refuse: (directory, key) => refused.add(directory + key),
  steps: [],
});

/** Writes its standard input to a file; whole, or not at all. */
const KEEP = `
  const { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } = require("node:fs");
  const { POPWRIGHT_KEY: key } = process.env;
  const [, directory] = process.argv;
  const file = directory + "/tmp/" + key + "." + process.pid;
  mkdirSync(directory + "/tmp", { recursive: true, mode: 0o700 });
  if (existsSync(directory + "/tmp/refuse." + key)) process.exit(1);
  writeFileSync(file, readFileSync(0), { mode: 0o600 });
  renameSync(file, directory + "/kept." + key);
`;

contract("Command", {
  make: (directory) =>
    new Command(process.execPath, ["-e", KEEP, directory], { cwd: dirname(directory), spool: directory }),
  // Not the spool files: on Windows an open file cannot lose its name.
  delivered: async (directory) => octetsIn(directory, /^kept\./),
  knowsKeys: false,
  refuse: (directory, key) => sign(join(directory, "tmp", `refuse.${key}`)),
  steps: ["write", "sync"],
});

/** What the receiver was given, by its path and the key. */
const received = new Map<string, Map<unknown, Buffer>>();
const receiver = await HttpServer.listen(({ path = "", headers, body }) => {
  const messages = received.get(path) ?? new Map<unknown, Buffer>();
  received.set(path, messages);
  if (refused.has(`${path}${String(headers["webhook-id"])}`)) return { status: 422 };
  if (messages.has(headers["webhook-id"])) return { status: 409 };
  messages.set(headers["webhook-id"], body);
  return { status: 204 };
});
afterAll(() => receiver.close());
const pathOf = (directory: string): string => `/${encodeURIComponent(directory)}`;

contract("Webhook", {
  make: (directory) => new Webhook(`${receiver.url}${pathOf(directory)}`, { allowPrivate: true }),
  delivered: async (directory) => [...(received.get(pathOf(directory))?.values() ?? [])],
  knowsKeys: true,
  refuse: (directory, key) => refused.add(pathOf(directory) + key),
  steps: [],
});

/** The accounts are one; each directory has a label. */
const gmail = await GmailServer.listen({ strict: false });
afterAll(() => gmail[Symbol.asyncDispose]());

contract("GmailImport", {
  make(directory) {
    const accessToken = (): string => "token";
    const destination = new GmailImport("ann@gmail.com", {
      accessToken,
      labels: [directory],
      api: gmail.url,
    });
    const begin = destination.begin.bind(destination);
    destination.begin = (delivery, ...more) => {
      if (refused.has(directory + delivery.key)) gmail.faults.push({ on: "part", status: 400 });
      return begin(delivery, ...more);
    };
    return destination;
  },
  async delivered(directory) {
    const messages = gmail.messages.filter(({ labelIds }) =>
      labelIds.some((id) => gmail.labels.get(id) === directory),
    );
    return messages.map(({ octets }) => octets);
  },
  knowsKeys: false,
  refuse: (directory, key) => refused.add(directory + key),
  steps: [],
});

const mailServer = await LmtpServer.listen();
mailServer.answers = { RCPT: (line) => (refused.has(line) ? "450 4.2.0 not now" : undefined) };
afterAll(() => mailServer.close());
const domainOf = (directory: string): string => `${Buffer.from(directory).toString("hex")}.test`;

contract("Lmtp", {
  make: (directory) =>
    new Lmtp(`lmtp://127.0.0.1:${mailServer.port}`, {
      recipient: ({ key }) => `${key.slice(0, 60)}@${domainOf(directory)}`,
    }),
  delivered: async (directory) =>
    mailServer.mail.filter(({ to }) => to.endsWith(`@${domainOf(directory)}`)).map(({ octets }) => octets),
  form: (message) => {
    const text = message.toString("latin1").replace(/\r\n|\r|\n/g, "\r\n");
    return Buffer.from(text.endsWith("\r\n") ? text : `${text}\r\n`, "latin1");
  },
  refusesEmpty: true,
  knowsKeys: false,
  refuse: (directory, key) => refused.add(`RCPT TO:<${key.slice(0, 60)}@${domainOf(directory)}>`),
  steps: [],
});

const imap = await ImapServer.listen({ folders: [] });
afterAll(() => imap.close());
const folderOf = (directory: string): string => createHash("sha256").update(directory).digest("hex");

/** The messages that the server refuses next, by their content: it does not learn the keys. */
const unwanted = new Map<string, string>();
imap.refuse = (octets) => {
  const content = octets.toString("latin1");
  return [...unwanted].some(([key, each]) => each === content && unwanted.delete(key))
    ? "NO refused"
    : undefined;
};

class Refusing extends ImapAppend {
  readonly refused: Set<string> = new Set();

  override async begin(delivery: Delivery, signal?: AbortSignal): Promise<DeliveryWriter | "known"> {
    const writer = await super.begin(delivery, signal);
    if (writer === "known" || !this.refused.delete(delivery.key)) return writer;
    let content = "";
    return {
      ...writer,
      write: (piece) => {
        content += piece.toString("latin1");
        unwanted.set(delivery.key, content);
        return writer.write(piece);
      },
    };
  }
}

const refusing = new Map<string, Refusing>();
contract("ImapAppend", {
  make: (directory) => {
    const destination = new Refusing(imap.url(folderOf(directory)), {
      state: directory,
      auth: { password: IMAP_PASSWORD },
    });
    refusing.set(directory, destination);
    return destination;
  },
  delivered: async (directory) => imap.messages(folderOf(directory)),
  // A lock that stays says that the journal may not be on the disk as it is read: the next holder replaces it.
  remains: /^mail\/ann@127\.0\.0\.1-\d+-[0-9a-f]+\.[0-9a-f]{16}\.(?:journal|lock)$/,
  knowsKeys: true,
  refuse: (directory, key) => refusing.get(directory)?.refused.add(key),
  steps: ["appendFile", "datasync"],
});
