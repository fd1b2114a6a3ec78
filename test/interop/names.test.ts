// User names and passwords are octets: spaces and UTF-8 reach the server unchanged.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Pop3Client } from "../../src/index.ts";
import { Dovecot } from "../servers/dovecot.ts";
import { reach } from "../servers/transport.ts";

const accounts = [
  { user: "ann", pass: "two words" },
  { user: "ann lee", pass: "x" },
  { user: "bea", pass: "  spaces at both ends " },
  { user: "ärger@exämple.org", pass: "Schlüßel€" },
  { user: "花子 山田", pass: "パス ワード 🔑" },
  { user: "colon", pass: "a:b:{PLAIN}c#%u\\\"'" },
  // Beyond 255 octets in base64, with or without AUTH: the server has to ask for it.
  { user: "long", pass: "0123456789".repeat(20) },
] as const;
const mechanisms = ["USER", "APOP", "PLAIN", "LOGIN"] as const;

const cells = accounts.flatMap((account) => mechanisms.map((mechanism) => ({ ...account, mechanism })));
// APOP separates the name and the digest by a space: a name that contains spaces is ambiguous.
const isAmbiguous = ({ user, mechanism }: (typeof cells)[number]): boolean =>
  mechanism === "APOP" && user.includes(" ");

describe("names and passwords", () => {
  let server: Dovecot;

  beforeAll(async () => {
    server = await Dovecot.start({
      users: Object.fromEntries(accounts.map(({ user, pass }) => [user, pass])),
    });
    for (const [index, { user }] of accounts.entries())
      await server.deliver(user, Array<Buffer>(index + 1).fill(Buffer.from("Subject: one\r\n\r\n")));
  });

  afterAll(() => server.stop());

  it.each(cells.filter((cell) => !isAmbiguous(cell)))("$mechanism of $user, $pass", async (cell) => {
    const { user, pass, mechanism } = cell;
    await using client = await Pop3Client.connect({
      ...reach(server, "plain"),
      auth: { user, pass, mechanism },
    });
    // Each has another number of messages: it is the right maildrop.
    const { count } = await client.stat();
    expect(count).toBe(1 + accounts.findIndex((account) => account.user === user));
    await client.quit();
  });

  it.each(cells.filter(isAmbiguous))("$mechanism of $user is not sent", async ({ user, pass, mechanism }) => {
    const attempt = Pop3Client.connect({ ...reach(server, "plain"), auth: { user, pass, mechanism } });
    await expect(attempt).rejects.toMatchObject({ code: "POP3_INVALID_ARGUMENT" });
  });

  it("a URL opens the same maildrop", async () => {
    const { user, pass } = accounts[4];
    const credentials = `${encodeURIComponent(user)}:${encodeURIComponent(pass)}`;
    await using client = await Pop3Client.connect(
      `pop3://${credentials}@${server.host}:${server.port}?stls=never`,
    );
    expect(await client.stat()).toMatchObject({ count: 5 });
    await client.quit();
  });
});
