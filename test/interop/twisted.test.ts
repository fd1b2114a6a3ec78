// What Twisted's POP3 server does differently, and what becomes of its messages.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Pop3Client, type Pop3Auth } from "../../src/index.ts";
import { reach } from "../servers/transport.ts";
import { Twisted } from "../servers/twisted.ts";
import { accountOf, digests, letter, octets, Place } from "./fetching-place.ts";

const auth: Pop3Auth = { user: "ann", pass: "secret", mechanism: "USER" };
const messages = [3, 0, 12].map((lines) =>
  octets(`Subject: ${lines} lines\r\nFrom: ann\r\n\r\n${".Line\r\n".repeat(lines)}`),
);

describe("Twisted", () => {
  let server: Twisted;
  const connect = (options: Pop3Auth = auth): Promise<Pop3Client> =>
    Pop3Client.connect({ ...reach(server, "plain"), auth: options });

  beforeAll(async () => {
    server = await Twisted.start({ users: { ann: "secret", ben: "secret", "ann lee": "secret" } });
    await server.deliver("ann", messages);
  });

  afterAll(() => server.stop());

  it("lists PIPELINE, which is not PIPELINING, and announces sizes without CR", async () => {
    await using client = await connect();
    expect(client.capabilities).toMatchObject({
      top: true,
      uidl: true,
      user: true,
      pipelining: false,
      stls: false,
    });
    expect([...client.capabilities.all.keys()]).toContain("PIPELINE");
    expect(await client.list(1)).toBeLessThan(messages[0]?.length ?? 0);
    for (const [index, message] of messages.entries()) expect(await client.retr(index + 1)).toEqual(message);
    expect((await client.top(3, 2)).toString()).toBe(
      "Subject: 12 lines\r\nFrom: ann\r\n\r\n.Line\r\n.Line\r\n",
    );
    expect((await client.top(3)).toString()).toBe("Subject: 12 lines\r\nFrom: ann\r\n\r\n");
    await client.quit();
  });

  it("answers UIDL of one message without its number", async () => {
    await using client = await connect();
    await expect(client.uidl(1)).rejects.toMatchObject({ code: "POP3_BAD_RESPONSE" });
    expect((await client.uidl()).size).toBe(3);
    await client.quit();
  });

  it("lists marked messages, which the client leaves out", async () => {
    await using client = await connect();
    const uids = await client.uidl();
    await client.dele(2);
    expect([...(await client.list()).keys()]).toEqual([1, 3]);
    expect(await client.uidl()).toEqual(new Map([...uids].filter(([number]) => number !== 2)));
    expect(await client.list(2)).toBe(0);
    await expect(client.retr(2)).rejects.toMatchObject({ code: "POP3_REFUSED", text: "message deleted" });
    await client.rset();
    await client.quit();
  });

  it("refuses commands for good, and stays in step", async () => {
    await using client = await connect();
    const refused: [string, Promise<unknown>][] = [
      ["RETR 99", client.retr(99)],
      ["TOP 99 0", client.top(99)],
      ["LIST 99", client.list(99)],
      ["UIDL 99", client.uidl(99)],
      ["DELE 99", client.dele([99])],
      ["NONSENSE", client.command("NONSENSE")],
    ];
    for (const [command, call] of refused)
      await expect(call).rejects.toMatchObject({ code: "POP3_REFUSED", command, temporary: false });
    expect(await client.retr(1)).toEqual(messages[0]);
    await client.quit();
  });

  it("offers APOP and always refuses it", async () => {
    await expect(connect({ user: "ann", pass: "secret" })).rejects.toMatchObject({
      code: "POP3_AUTH_REJECTED",
      command: "APOP ann ****",
      message: expect.stringContaining('mechanism: "USER"') as string,
    });
  });

  it("refuses a wrong password for good, and closes on a user name that contains a space", async () => {
    await expect(connect({ ...auth, pass: "wrong" })).rejects.toMatchObject({
      code: "POP3_AUTH_REJECTED",
      text: "Authentication failed",
      temporary: false,
    });
    await expect(connect({ ...auth, user: "ann lee" })).rejects.toMatchObject({ code: "POP3_CLOSED" });
  });

  it("does not stuff a dot after 16,384 bytes: a message that ends there is neither delivered nor deleted", async () => {
    // With LF at the end of lines, as Twisted counts.
    const lines = `Subject: early\n\n${"x".repeat(16_384 - 17)}\n.\nafter\n`;
    const early = octets(lines.replaceAll("\n", "\r\n"));
    await server.deliver("ben", [letter(1), early, letter(2)]);
    const place = await Place.for(accountOf(server, "plain", "ben"));
    const policy = { delete: "delivered", retry: { first: 0 } } as const;
    for (let run = 0; run < 4; run++)
      await expect(place.fetch(policy, { force: true })).rejects.toMatchObject({ code: "POP3_UNSOLICITED" });
    expect(await place.delivered()).toEqual(digests([letter(1), letter(2)]));
    expect(await server.mailbox("ben")).toContainEqual(octets(lines));
  });
});
