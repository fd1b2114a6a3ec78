// Client and server agree on the meaning of every command of the TRANSACTION state.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Pop3Client } from "../../src/index.ts";
import { Dovecot, servedOctets, type DovecotOptions } from "../servers/dovecot.ts";
import type { MailServer } from "../servers/mail-server.ts";
import { Perdition } from "../servers/perdition.ts";
import { reach, transports, type Transport } from "../servers/transport.ts";

const messages = [3, 0, 12].map((lines) =>
  servedOctets(Buffer.from(`Subject: ${lines} lines\r\nFrom: ann\r\n\r\n${".Line\r\n".repeat(lines)}`)),
);
const sizes = new Map(messages.map((message, index) => [index + 1, message.length]));

interface Row {
  readonly start: (options: Pick<DovecotOptions, "users" | "settings">) => Promise<MailServer>;
  /** What CAPA lists before the login. */
  readonly before: {
    readonly top: boolean;
    readonly pipelining: boolean;
    readonly codes: boolean;
    readonly sasl: readonly string[];
  };
}

const rows: Readonly<Record<string, Row>> = {
  Dovecot: {
    start: (options) => Dovecot.start(options),
    before: { top: true, pipelining: true, codes: true, sasl: ["PLAIN", "LOGIN", "CRAM-MD5"] },
  },
  // Perdition itself answers before the login, Dovecot after it.
  Perdition: {
    start: (options) => Perdition.start(options),
    before: { top: false, pipelining: false, codes: false, sasl: [] },
  },
};

describe.each(Object.entries(rows))("commands: %s", (_name, { start, before: listed }) => {
  let server: MailServer;
  const connect = (transport: Transport = "plain"): Promise<Pop3Client> =>
    Pop3Client.connect({ ...reach(server, transport), auth: { user: "ann", pass: "secret" } });

  beforeAll(async () => {
    server = await start({ users: { ann: "secret" }, settings: "pop3_enable_last = yes" });
    await server.deliver("ann", messages);
  });

  afterAll(() => server.stop());

  it("LIST and UIDL of one message agree with those of all", async () => {
    await using client = await connect();
    expect(await client.list()).toEqual(sizes);
    const uids = await client.uidl();
    for (const number of sizes.keys()) {
      expect(await client.list(number)).toBe(sizes.get(number));
      expect(await client.uidl(number)).toBe(uids.get(number));
    }
    await client.quit();
    await using again = await connect();
    expect(await again.uidl()).toEqual(uids);
    await again.quit();
  });

  it("TOP returns the headers, the empty line and the given number of lines", async () => {
    await using client = await connect();
    const head = "Subject: 12 lines\r\nFrom: ann\r\n\r\n";
    expect((await client.top(3)).toString()).toBe(head);
    expect((await client.top(3, 2)).toString()).toBe(`${head}.Line\r\n.Line\r\n`);
    expect(await client.top(3, 100)).toEqual(messages[2]);
    const tops: string[] = [];
    for await (const message of client.retrieve([3, 1], { top: 1 }))
      tops.push((await message.buffer()).toString());
    expect(tops).toEqual([`${head}.Line\r\n`, "Subject: 3 lines\r\nFrom: ann\r\n\r\n.Line\r\n"]);
    await client.quit();
  });

  it("NOOP, RSET, and LAST (RFC 1460) and LIST as raw commands", async () => {
    await using client = await connect();
    await client.noop();
    await client.rset();
    expect(await client.command("LAST")).toMatchObject({ text: "0", block: undefined });
    await client.retr(2);
    expect(await client.command("LAST")).toMatchObject({ text: "2", block: undefined });
    const { text, block } = await client.command("LIST", { multiline: true });
    expect(text).toBe("3 messages:");
    expect(block?.toString()).toBe([...sizes].map(([number, size]) => `${number} ${size}\r\n`).join(""));
    await client.quit();
  });

  it.each(transports)("CAPA as values over %s", async (transport) => {
    await using client = await Pop3Client.connect(reach(server, transport));
    const before = await client.capa();
    expect(before).toMatchObject({
      top: listed.top,
      uidl: true,
      user: true,
      // Not where TLS is there already.
      stls: transport === "plain",
      pipelining: listed.pipelining,
      respCodes: listed.codes,
      authRespCode: listed.codes,
      lang: false,
      utf8: undefined,
      expire: undefined,
      loginDelay: undefined,
      implementation: undefined,
    });
    expect(before.sasl).toEqual(expect.arrayContaining([...listed.sasl]));
    expect(client.capabilities).toEqual(before);
    await client.authenticate({ user: "ann", pass: "secret" });
    const after = await client.capa();
    expect(after).toMatchObject({ top: true, uidl: true, pipelining: true, respCodes: true, stls: false });
    // Nothing of the AUTHORIZATION state is left.
    expect(after).toMatchObject({ user: false, sasl: [] });
    expect(client.capabilities).toEqual(after);
    await client.quit();
  });

  it("a refused command does not affect the others", async () => {
    await using client = await connect();
    await client.dele(2);
    const refused: [string, Promise<unknown>][] = [
      ["RETR 99", client.retr(99)],
      ["RETR 2", client.retr(2)],
      ["TOP 99 0", client.top(99)],
      ["LIST 99", client.list(99)],
      ["UIDL 2", client.uidl(2)],
      ["DELE 2", client.dele(2)],
      ["DELE 99", client.dele([99])],
      ["NONSENSE", client.command("NONSENSE")],
    ];
    for (const [command, call] of refused)
      await expect(call).rejects.toMatchObject({ code: "POP3_REFUSED", command, temporary: false });
    await expect(client.utf8()).rejects.toMatchObject({ code: "POP3_STATE" });
    await expect(client.lang()).rejects.toMatchObject({ code: "POP3_REFUSED" });
    expect(client.marked).toEqual(new Set([2]));
    expect(await client.retr(1)).toEqual(messages[0]);
    await client.rset();
    await client.quit();
  });

  it("CAPA and UTF8 are answered before the login; commands for later are not sent", async () => {
    await using client = await Pop3Client.connect(reach(server, "STLS"));
    await expect(client.utf8()).rejects.toMatchObject({ code: "POP3_REFUSED", command: "UTF8" });
    await expect(client.stat()).rejects.toMatchObject({ code: "POP3_STATE", command: "STAT" });
    await expect(client.stls()).rejects.toMatchObject({ code: "POP3_STATE", command: "STLS" });
    await client.user("ann");
    await client.pass("secret");
    expect(await client.stat()).toMatchObject({ count: 3 });
    await client.quit();
  });
});
