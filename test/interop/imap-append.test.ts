// ImapAppend with Dovecot as the server: the contract, awkward messages, TLS, quota, flags and times.
import { createHash, randomUUID } from "node:crypto";
import { ImapFlow } from "imapflow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AppendJournal } from "../../src/fetch/destinations/imap/append-journal.ts";
import { canonicalOf } from "../../src/fetch/destinations/imap/canonical.ts";
import {
  completeImapOptions,
  targetOf,
  type ImapAppendOptions,
} from "../../src/fetch/destinations/imap/imap-options.ts";
import { DestinationError, ImapAppend } from "../../src/fetch/index.ts";
import { destinationContract } from "../../src/testing/index.ts";
import { Dovecot } from "../servers/dovecot.ts";
import { deliver, keyOf, MESSAGES } from "../support/delivery.ts";
import { Folder } from "../support/folder.ts";
import { scratch } from "../support/scratch.ts";

const SETTINGS = `
mail_plugins = quota
protocol imap {
  mail_plugins = quota imap_quota
}
plugin {
  quota = maildir:User quota
  quota_rule = *:storage=200M
}
`;

let server: Dovecot;
beforeAll(async () => {
  server = await Dovecot.start({ users: { ann: "imap-secret" }, imap: true, settings: SETTINGS });
});
afterAll(() => server.stop());

interface Stored {
  readonly octets: Buffer;
  readonly flags: readonly string[];
  readonly date: string;
  readonly size: number;
}

/** What another program sees in a folder. */
async function stored(folder: string): Promise<Stored[]> {
  const client = new ImapFlow({
    host: "127.0.0.1",
    port: server.imapPort,
    secure: false,
    doSTARTTLS: false,
    auth: { user: "ann", pass: "imap-secret" },
    logger: false,
  });
  await client.connect();
  const found: Stored[] = [];
  try {
    if ((await client.status(folder, { messages: true }).catch(() => false)) === false) return [];
    const { exists } = await client.mailboxOpen(folder, { readOnly: true });
    const query = { source: true, flags: true, internalDate: true, size: true };
    if (exists > 0)
      for await (const message of client.fetch("1:*", query))
        found.push({
          octets: Buffer.from(message.source ?? ""),
          flags: [...(message.flags ?? [])].filter((flag) => flag !== "\\Recent").sort(),
          date: new Date(message.internalDate ?? 0).toISOString(),
          size: message.size ?? 0,
        });
  } finally {
    await client.logout();
  }
  return found;
}

const url = (folder: string): string => `imap://ann@127.0.0.1:${server.imapPort}/${folder}`;
const auth = { password: "imap-secret" };

function to(folder: string, state: string, more: Partial<ImapAppendOptions> = {}): ImapAppend {
  return new ImapAppend(url(folder), { state, auth, ...more });
}

describe("the contract", () => {
  const reopened = (folder: string, files: Folder) =>
    Object.assign(to(folder, files.path), { folder, files });
  const cases = destinationContract(async () => reopened(randomUUID(), await Folder.make()), {
    messages: async ({ folder }) => (await stored(folder)).map(({ octets }) => octets),
    reopen: ({ folder, files }) => reopened(folder, files),
    remove: ({ files }) => files.remove(),
    knowsKeys: true,
    timeout: 60_000,
  });
  // What Dovecot keeps of a message is tested below.
  test.each(cases.filter(({ notRun }) => notRun === undefined))("$name", ({ run }) => run());
});

describe("an awkward message", () => {
  test.each(Object.entries(MESSAGES).filter(([name]) => name !== "empty"))(
    "is there, and is found after a crash: %s",
    async (name, message) => {
      const folder = randomUUID();
      expect(await deliver(to(folder, await scratch()), name, message)).toBe("new");
      const [found, ...others] = await stored(folder);
      expect(others).toEqual([]);
      const { digest, least, most } = canonicalOf(message);
      expect(canonicalOf(found?.octets ?? Buffer.alloc(0)).digest).toBe(digest);
      expect(found?.size).toBeGreaterThanOrEqual(least);
      expect(found?.size).toBeLessThanOrEqual(most);
      // Another journal, in which the answer is missing.
      const state = await scratch();
      const journal = new AppendJournal(state, targetOf(completeImapOptions(url(folder), { state, auth })));
      await journal.hold(undefined, () => journal.begin(keyOf(name), digest));
      expect(await deliver(to(folder, state, { settleTime: 0 }), name, message)).toBe("known");
      expect(await stored(folder)).toHaveLength(1);
    },
  );

  test("that is empty is refused for itself, and others are stored", async () => {
    const folder = randomUUID();
    const destination = to(folder, await scratch());
    await expect(deliver(destination, "empty", Buffer.alloc(0))).rejects.toMatchObject({
      down: false,
      later: false,
      message: expect.stringContaining("zero byte") as string,
    });
    expect(await deliver(destination, "next", Buffer.from("a: b\r\n\r\n"))).toBe("new");
  });

  test("of 20 MB arrives whole", async () => {
    const folder = randomUUID();
    const line = `${"0123456789".repeat(7)}\r\n`;
    const message = Buffer.from(`Subject: large\r\n\r\n${line.repeat(290_000)}`);
    await deliver(to(folder, await scratch()), "large", message);
    const [found] = await stored(folder);
    const sum = (octets: Buffer): string => createHash("sha256").update(octets).digest("hex");
    expect(sum(found?.octets ?? Buffer.alloc(0))).toBe(sum(message));
  });
});

test("a message keeps its time and its flags", async () => {
  const folder = randomUUID();
  const destination = to(folder, await scratch(), { flags: ["\\Seen", "$Imported", "popwright.test"] });
  for (const [name, header] of Object.entries({
    received: "Received: x; 29 Nov 2020 10:00:00 +0530\r\nDate: 1 Jan 2001 00:00:00 +0000\r\n",
    date: "Date: Thu, 1 Jan 1970 00:00:00 +0000\r\nReceived: x; Fri, 2 Jan 1970 00:00:00 +0000\r\n",
  }))
    await deliver(destination, name, Buffer.from(`${header}\r\n${name}`));
  const flags = ["$Imported", "\\Seen", "popwright.test"];
  expect(await stored(folder)).toMatchObject([
    { date: "2020-11-29T04:30:00.000Z", flags },
    { date: "1970-01-02T00:00:00.000Z", flags },
  ]);
});

test("a folder within folders is created, with letters outside ASCII", async () => {
  const top = randomUUID();
  const destination = to(`${top}/K%C3%A4se%20%26%20Brot`, await scratch());
  await deliver(destination, "one", Buffer.from("a: b\r\n\r\n"));
  expect(await stored(`${top}.Käse & Brot`)).toHaveLength(1);
});

test("a folder that the server does not allow is a matter of the settings", async () => {
  const failure: unknown = await deliver(
    to(`${randomUUID()}%2Ea..b`, await scratch()),
    "one",
    Buffer.from("a: b\r\n\r\n"),
  ).catch((error: unknown) => error);
  expect(DestinationError.is(failure) && failure.down).toBe(true);
});

describe("TLS", () => {
  test.each(["imaps", "imap"])("%s:// checks the certificate", async (scheme) => {
    const folder = randomUUID();
    const port = scheme === "imaps" ? server.imapsPort : server.imapPort;
    const address = `${scheme}://ann@127.0.0.1:${port}/${folder}`;
    const more = scheme === "imap" ? { starttls: "required" as const } : {};
    const state = await scratch();
    const failure: unknown = await deliver(
      new ImapAppend(address, { state, auth, ...more }),
      "one",
      Buffer.from("a: b\r\n\r\n"),
    ).catch((error: unknown) => error);
    expect(DestinationError.is(failure) && failure.down).toBe(true);
    const trusting = new ImapAppend(address, { state, auth, tls: { ca: server.ca }, ...more });
    expect(await deliver(trusting, "one", Buffer.from("a: b\r\n\r\n"))).toBe("new");
    expect(await stored(folder)).toHaveLength(1);
  });
});

test("check() reports what Dovecot says, and changes nothing", async () => {
  const folder = randomUUID();
  const { lines } = await to(folder, await scratch()).check();
  expect(lines.map(({ name, ok, text }) => [name, ok, text])).toEqual([
    ["journal", true, expect.any(String)],
    ["sign-in", true, expect.stringMatching(/^ann at /)],
    ["folder", true, `${folder} does not exist yet: the first message creates it`],
    ["quota", true, expect.stringMatching(/^[\d.]+ of 210 MB are used$/)],
    ["server", true, "reports UIDs (UIDPLUS)"],
  ]);
  const wrong = await to(folder, await scratch(), { auth: { password: "wrong-password" } }).check();
  expect(wrong.lines.at(-1)).toMatchObject({ name: "sign-in", ok: false });
  expect(await stored(folder)).toEqual([]);
});

test("a mailbox that is full takes the destination down; a message that can never fit is refused", async () => {
  const full = SETTINGS.replace("200M", "100k");
  await using small = await Dovecot.start({ users: { ann: "imap-secret" }, imap: true, settings: full });
  const state = await scratch();
  const destination = new ImapAppend(`imap://ann@127.0.0.1:${small.imapPort}/INBOX`, { state, auth });
  const message = (size: number): Buffer => Buffer.from(`a: b\r\n\r\n${"x".repeat(size)}\r\n`);
  await expect(deliver(destination, "never", message(200_000))).rejects.toMatchObject({ later: false });
  expect(await deliver(destination, "first", message(60_000))).toBe("new");
  await expect(deliver(destination, "second", message(60_000))).rejects.toMatchObject({ down: true });
  expect(await deliver(destination, "small", message(10))).toBe("new");
});
