// Lmtp against Dovecot's LMTP server: what arrives, what a full mailbox and a wrong recipient mean, and the Sieve script of the
// documentation.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Lmtp, type LmtpOptions } from "../../src/fetch/index.ts";
import { inDirectory, removeDirectory } from "../servers/directory.ts";
import { crlfLines } from "../servers/lines.ts";
import { Dovecot } from "../servers/dovecot.ts";
import { onFreePorts } from "../servers/ports.ts";
import { deliver, MESSAGES } from "../support/delivery.ts";
import { accountOf, digests, letters, Place, served } from "./fetching-place.ts";

/** Without a Message-ID: the Sieve script knows the message again only in its own test. */
const ONE = Buffer.from("Subject: one\r\n\r\n.1\r\n");

let server: Dovecot;
let directory: string;
let socket: string;
let port: number;

/** The block of the documentation. */
async function sieveScript(): Promise<string> {
  const page = await readFile(join(import.meta.dirname, "../../docs/destinations.md"), "utf8");
  return /```sieve\n([^]*?)```/.exec(page)?.[1] ?? "";
}

beforeAll(async () => {
  directory = await inDirectory("lmtp", (path) => Promise.resolve(path));
  socket = join(directory, "lmtp");
  const script = join(directory, "duplicate.sieve");
  await writeFile(script, await sieveScript());
  server = await onFreePorts(1, async ([free = 0]) => {
    port = free;
    return Dovecot.start({
      users: { ann: "secret", bea: "secret", cem: "secret", full: "secret" },
      settings: `
protocols = pop3 lmtp
postmaster_address = postmaster@example.com
service lmtp {
  unix_listener ${socket} {
    mode = 0666
  }
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${port}
  }
}
protocol lmtp {
  mail_plugins = quota sieve
}
plugin {
  quota = count
  quota_grace = 0
  quota_vsizes = yes
  quota_rule = *:storage=20M
  sieve_before = ${script}
}
`,
    });
  });
});
afterAll(async () => {
  await server.stop();
  await removeDirectory(directory);
});
beforeEach(async () => {
  for (const user of ["ann", "bea", "cem"]) await server.clear(user);
});

const lmtp = (options: Partial<LmtpOptions> = {}): Lmtp =>
  new Lmtp(`lmtp:${socket}`, { recipient: "bea", ...options });

/** Of each stored message, the fields that Dovecot has written, and the rest; in no order. */
async function stored(user: string): Promise<{ readonly fields: string; readonly message: Buffer }[]> {
  return (await server.mailbox(user)).map((octets) => {
    const text = crlfLines(octets).toString("latin1");
    const [fields = ""] =
      /^Return-Path: .*\r\nDelivered-To: [^]*?\r\nReceived: [^]*?\r\n(?![ \t])/.exec(text) ?? [];
    return { fields, message: Buffer.from(text.slice(fields.length), "latin1") };
  });
}

test.each(Object.entries(MESSAGES).filter(([title]) => title !== "empty"))(
  "a message arrives with nothing changed but line ends: %s",
  async (title, message) => {
    expect(await deliver(lmtp(), title, message)).toBe("new");
    const lines = message.toString("latin1").replace(/\r\n|\r|\n/g, "\r\n");
    const [mail, ...more] = await stored("bea");
    expect(mail?.message.equals(crlfLines(Buffer.from(lines, "latin1")))).toBe(true);
    expect(more).toEqual([]);
  },
);

test("the sender of the message is that of the envelope, and is there once", async () => {
  await deliver(lmtp(), "one", Buffer.concat([Buffer.from("Return-Path: <cem@example.com>\r\n"), ONE]));
  await deliver(lmtp(), "two", Buffer.from("Return-Path: <>\r\nSubject: two\r\n\r\n"));
  const mail = await stored("bea");
  expect(mail.map(({ fields }) => fields.split("\r\n")[0]).sort()).toEqual([
    "Return-Path: <>",
    "Return-Path: <cem@example.com>",
  ]);
  expect(mail.map(({ message }) => message)).toContainEqual(ONE);
});

test("TLS over TCP", async () => {
  const options: LmtpOptions = { recipient: "bea", starttls: "required", tls: { ca: server.ca } };
  const destination = new Lmtp(`lmtp://localhost:${port}`, options);
  expect(await deliver(destination, "one", ONE)).toBe("new");
  expect(await deliver(destination, "two", Buffer.from("Subject: two\r\n\r\n"))).toBe("new");
  expect(await stored("bea")).toHaveLength(2);
});

test("a whole mailbox goes from one user to another, and once", async () => {
  await server.deliver("ann", letters(20));
  const place = await Place.for(accountOf(server));
  const destination = lmtp({ recipient: ({ mailbox }) => (mailbox === "ann" ? "bea" : "cem") });
  expect(await place.fetch({}, { destination })).toMatchObject({
    outcome: "done",
    delivered: 20,
    failed: [],
  });
  expect(await place.fetch({}, { destination })).toMatchObject({ outcome: "done", delivered: 0 });
  expect(digests((await stored("bea")).map(({ message }) => message))).toEqual(served(letters(20)));
});

test("a full mailbox and an unknown recipient end the run, and no message is blamed", async () => {
  const large = Buffer.concat([ONE, Buffer.alloc(21_000_000, "x\r\n")]);
  await expect(deliver(lmtp({ recipient: "full" }), "large", large)).rejects.toMatchObject({
    message: expect.stringMatching(/552 5\.2\.2/) as unknown,
    down: true,
  });
  await expect(deliver(lmtp({ recipient: "nobody" }), "one", ONE)).rejects.toMatchObject({
    message: expect.stringMatching(/refused the recipient nobody: 550 5\.1\.1/) as unknown,
    down: true,
  });
  // The same destination then takes a message for another one.
  expect(await deliver(lmtp(), "one", ONE)).toBe("new");
});

test("the Sieve script of the documentation drops the second copy", async () => {
  const first = Buffer.concat([Buffer.from("Message-ID: <one@example.com>\r\n"), ONE]);
  for (const name of ["one", "again"])
    expect(await deliver(lmtp({ recipient: "cem" }), name, first)).toBe("new");
  const other = Buffer.from("Message-ID: <two@example.com>\r\nSubject: two\r\n\r\n");
  expect(await deliver(lmtp({ recipient: "cem" }), "two", other)).toBe("new");
  expect(digests((await stored("cem")).map(({ message }) => message))).toEqual(digests([first, other]));
});

test("check tells what Dovecot takes", async () => {
  const check = async (recipient: string): Promise<unknown> =>
    (await lmtp({ recipient }).check()).lines.map(({ name, ok }) => [name, ok]);
  expect(await check("bea")).toEqual([
    ["connection", true],
    ["recipient", true],
  ]);
  expect(await check("nobody")).toEqual([
    ["connection", true],
    ["recipient", false],
  ]);
  expect(await stored("bea")).toEqual([]);
});

test("a server that is killed between two messages ends the run; the next run continues", async () => {
  const destination = lmtp();
  await deliver(destination, "one", ONE);
  await server.kill();
  await expect(deliver(destination, "two", Buffer.from("Subject: two\r\n\r\n"))).rejects.toMatchObject({
    down: true,
  });
  await server.restart();
  expect(await deliver(destination, "two", Buffer.from("Subject: two\r\n\r\n"))).toBe("new");
  expect(await stored("bea")).toHaveLength(2);
});
