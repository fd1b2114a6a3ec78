// Courier loses commands that arrive after PASS and before its reply, and withholds messages with UTF-8
// headers from clients that did not enable UTF8.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Pop3Client, type Pop3Auth, type Pop3ClientOptions } from "../../src/index.ts";
import { Courier } from "../servers/courier.ts";
import { reach, transports } from "../servers/transport.ts";
import { Wire } from "./wire.ts";

const users = { ann: "secret", ben: "secret" };
const logins: readonly [string, Pop3Auth][] = [
  ["its own choice", {}],
  ["USER", { mechanism: "USER" }],
  ["PLAIN in one line", { mechanism: "PLAIN" }],
  ["PLAIN in two steps", { mechanism: "PLAIN", initialResponse: false }],
  ["LOGIN", { mechanism: "LOGIN" }],
  ["CRAM-MD5", { mechanism: "CRAM-MD5" }],
];
const messages = Array.from({ length: 40 }, (_, index) =>
  Buffer.from(`Subject: message ${index + 1}\r\n\r\n${"A line.\r\n".repeat(index * 50)}.\r\n`),
);

/** Raw UTF-8 in the header (RFC 6532), which mail without RFC 6856 cannot have. */
const inUtf8 = Buffer.from(
  "From: Jörg <jörg@example.test>\r\nSubject: Grüße, 日本\r\n\r\nTschüß\r\n.\r\n..\r\n",
);
const beyondAsciiBody = Buffer.from(
  "Subject: plain\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nTschüß\r\n",
);

let server: Courier;

beforeAll(async () => {
  server = await Courier.start({ users });
  await server.deliver("ann", messages);
  await server.deliver("ben", [inUtf8, beyondAsciiBody]);
});

afterAll(async () => {
  await server.stop();
});

describe.each(transports)("directly after the login, %s", (transport) => {
  const over = (auth: Pop3Auth): Pop3ClientOptions => ({
    ...reach(server, transport),
    auth: { user: "ann", pass: users.ann, ...auth },
    // What is lost would not come for ever.
    timeouts: { command: 10_000, body: 10_000 },
  });

  it.each(logins)("%s: every message is retrieved", async (_name, auth) => {
    await using client = await Pop3Client.connect(over(auth));
    const retrieved: Buffer[] = [];
    for await (const message of client.retrieve()) retrieved.push(await message.buffer());
    expect(retrieved).toHaveLength(messages.length);
    expect(Buffer.concat(retrieved).equals(Buffer.concat(messages))).toBe(true);
    await client.quit();
  });

  it.each(logins)("%s: commands of every kind at once", async (_name, auth) => {
    using wire = new Wire();
    await using client = await Pop3Client.connect(over(auth));
    const [stat, list, uids, message] = await Promise.all([
      client.stat(),
      client.list(),
      client.uidl(),
      client.retr(2),
      client.noop(),
    ]);
    expect(stat.count).toBe(messages.length);
    expect([list.size, uids.size]).toEqual([messages.length, messages.length]);
    expect(message.equals(messages[1] as Buffer)).toBe(true);
    await client.quit();
    // They did go out together, once the user was in.
    const commands = wire.take();
    const login = commands.findLastIndex((command) => command.includes("****"));
    expect(commands.slice(login + 1).sort()).toEqual(
      ["CAPA", "LIST", "NOOP", "QUIT", "RETR 2", "STAT", "UIDL"].sort(),
    );
  });
});

describe.each(transports)("a message with UTF-8 in its header, %s", (transport) => {
  const over = (utf8: boolean): Pop3ClientOptions => ({
    ...reach(server, transport),
    auth: { user: "ben", pass: users.ben },
    utf8,
  });

  it("arrives unchanged with utf8", async () => {
    using wire = new Wire();
    await using client = await Pop3Client.connect(over(true));
    expect((await client.retr(1)).equals(inUtf8)).toBe(true);
    expect((await client.retr(2)).equals(beyondAsciiBody)).toBe(true);
    const commands = wire.take();
    const login = commands.findIndex((command) => command.includes("****"));
    expect(commands.slice(0, login)).toContain("UTF8");
    await client.quit();
  });

  it("is replaced without utf8 by a message that is longer than LIST says and contains it", async () => {
    await using client = await Pop3Client.connect(over(false));
    const substitute = await client.retr(1);
    const size = await client.list(1);
    expect(size).toBe(inUtf8.length);
    expect(substitute.length).toBeGreaterThan(size);
    expect(substitute.toString()).toContain("Subject: Cannot display Unicode content");
    expect(substitute.toString()).toContain("Content-Type: message/global");
    expect(substitute.includes(inUtf8)).toBe(true);
    // A body alone is nothing that old clients could not take.
    expect((await client.retr(2)).equals(beyondAsciiBody)).toBe(true);
    await client.quit();
  });
});
