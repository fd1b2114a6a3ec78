// QUIT deletes the marked messages. Every other end of a session leaves the maildrop unchanged.
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { Pop3Client, type Pop3Error } from "../../src/index.ts";
import { Dovecot, servedOctets } from "../servers/dovecot.ts";
import { Perdition } from "../servers/perdition.ts";
import { crlfLines } from "../servers/lines.ts";
import { Twisted } from "../servers/twisted.ts";
import { reach } from "../servers/transport.ts";

// Not APOP, which Twisted offers and always refuses.
const auth = { user: "ann", pass: "secret", mechanism: "USER" };
const messages = Array.from({ length: 10 }, (_, index) =>
  Buffer.from(`Subject: message ${index + 1}\r\n\r\n`),
);
const served = messages.map(servedOctets);
/** All but those of these numbers. */
const without = (...numbers: number[]): Buffer[] =>
  messages.filter((_, index) => !numbers.includes(index + 1));

interface Row {
  readonly start: () => Promise<Dovecot | Perdition | Twisted>;
  /** What STAT counts after three of ten messages were marked. */
  readonly counted: number;
}

const rows: Readonly<Record<string, Row>> = {
  Dovecot: { start: () => Dovecot.start({ users: { ann: "secret" } }), counted: 7 },
  // It passes on what Dovecot says.
  Perdition: { start: () => Perdition.start({ users: { ann: "secret" } }), counted: 7 },
  // It counts marked messages, and lists them with the size 0.
  Twisted: { start: () => Twisted.start({ users: { ann: "secret" } }), counted: 10 },
};

describe.each(Object.entries(rows))("the session as a transaction: %s", (_name, { start, counted }) => {
  let server: Dovecot | Perdition | Twisted;
  const connect = (): Promise<Pop3Client> => Pop3Client.connect({ ...reach(server, "plain"), auth });

  beforeAll(async () => {
    server = await start();
  });

  beforeEach(async () => {
    await server.clear("ann");
    await server.deliver("ann", messages);
  });

  afterAll(() => server.stop());

  /** Some servers keep their messages with LF. */
  const mailbox = async (): Promise<Buffer[]> =>
    (await server.mailbox("ann")).map((message) => crlfLines(message));

  /** A session that is let in only when the one before has ended: what that one left is final. */
  async function expectUntouched(): Promise<void> {
    await using client = await connect();
    expect(await client.stat()).toMatchObject({ count: messages.length });
    expect(await mailbox()).toEqual(messages);
    await client.quit();
  }

  it("DELE and QUIT delete, and not before QUIT", async () => {
    await using client = await connect();
    await client.dele(3);
    await client.dele([7, 1]);
    expect(client.marked).toEqual(new Set([1, 3, 7]));
    expect(await client.stat()).toMatchObject({ count: counted });
    expect([...(await client.list()).keys()]).toEqual([2, 4, 5, 6, 8, 9, 10]);
    expect([...(await client.uidl()).keys()]).toEqual([2, 4, 5, 6, 8, 9, 10]);
    expect(await mailbox()).toEqual(messages);
    await client.quit();
    expect(await mailbox()).toEqual(without(1, 3, 7));
    await using next = await connect();
    expect(await next.retr(1)).toEqual(served[1]);
    await next.quit();
  });

  it("QUIT without DELE deletes nothing", async () => {
    await using client = await connect();
    for await (const message of client.retrieve()) await message.buffer();
    await client.quit();
    await expectUntouched();
  });

  it("DELE and a dropped connection delete nothing", async () => {
    await using client = await connect();
    await client.dele([1, 2, 3]);
    client.close();
    await expectUntouched();
  });

  it("DELE, RSET and QUIT delete nothing; messages marked after RSET are deleted", async () => {
    await using client = await connect();
    await client.dele([1, 2, 3]);
    await client.rset();
    expect(client.marked.size).toBe(0);
    expect(await client.retr(2)).toEqual(served[1]);
    await client.dele(5);
    await client.quit();
    expect(await mailbox()).toEqual(without(5));
  });

  it("a block that is left by an exception deletes nothing", async () => {
    const ended: (Pop3Error | undefined)[] = [];
    const run = async (): Promise<void> => {
      await using client = await connect();
      client.on("close", (failure) => ended.push(failure));
      await client.dele([1, 2, 3]);
      throw new Error("the caller's own");
    };
    await expect(run()).rejects.toThrow("the caller's own");
    // By RSET and QUIT, not by dropping the connection.
    expect(ended).toEqual([undefined]);
    await expectUntouched();
  });

  it("a block that is left in the middle of a message deletes nothing", async () => {
    const run = async (): Promise<void> => {
      await using client = await connect();
      await client.dele([1, 2]);
      for await (const message of client.retrieve([3, 4, 5])) {
        message.stream();
        throw new Error("the caller's own");
      }
    };
    await expect(run()).rejects.toThrow("the caller's own");
    await expectUntouched();
  });

  it("QUIT that is aborted before it is sent deletes nothing", async () => {
    await using client = await connect();
    await client.dele([2, 4]);
    await expect(client.quit({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "POP3_ABORTED",
    });
    client.close();
    await expectUntouched();
  });

  it("QUIT whose reply is lost says that the outcome is unknown", async () => {
    const { host, port } = server;
    const socket = connectSocket({ host, port });
    await once(socket, "connect");
    await using client = await Pop3Client.connect({ ...reach(server, "plain"), socket, auth });
    await client.dele([2, 4]);
    // The reply stays in the system, and is lost with the connection.
    socket.pause();
    const quit = client.quit();
    await vi.waitFor(async () => expect(await mailbox()).toEqual(without(2, 4)), {
      interval: 5,
      timeout: 10_000,
    });
    socket.destroy();
    await expect(quit).rejects.toMatchObject({
      name: "Pop3ConnectionError",
      code: "POP3_COMMIT_UNKNOWN",
      command: "QUIT",
      marked: [2, 4],
    });
    expect(client.state).toBe("closed");
  });

  it("unique-ids stay when other messages are deleted", async () => {
    await using client = await connect();
    const uids = await client.uidl();
    await client.dele([1, 9]);
    await client.quit();
    await using next = await connect();
    expect([...(await next.uidl()).values()]).toEqual(
      [2, 3, 4, 5, 6, 7, 8, 10].map((number) => uids.get(number)),
    );
    await next.quit();
  });
});

describe("messages that another session removes", () => {
  let server: Dovecot;
  const connect = (pipelining: "auto" | false = "auto"): Promise<Pop3Client> =>
    Pop3Client.connect({ ...reach(server, "plain"), pipelining, auth });

  beforeAll(async () => {
    server = await Dovecot.start({ users: { ann: "secret" }, lockSession: false });
  });

  beforeEach(async () => {
    await server.clear("ann");
    await server.deliver("ann", messages);
  });

  afterAll(() => server.stop());

  it.each(["auto", false] as const)("are refused separately (pipelining: %s)", async (pipelining) => {
    await using client = await connect(pipelining);
    expect((await client.list()).size).toBe(messages.length);
    await using other = await connect();
    await other.dele([2, 3, 9]);
    await other.quit();
    const outcomes: unknown[] = [];
    for await (const message of client.retrieve()) {
      try {
        outcomes.push(await message.buffer());
      } catch (error) {
        expect(error).toMatchObject({ code: "POP3_REFUSED", command: `RETR ${message.number}` });
        outcomes.push("gone");
      }
    }
    expect(outcomes).toEqual(
      served.map((message, index) => ([2, 3, 9].includes(index + 1) ? "gone" : message)),
    );
    await client.noop();
    await client.quit();
  });

  it("are reported by their streams, and not at all if no caller reads those", async () => {
    await using client = await connect();
    await client.list();
    await using other = await connect();
    await other.dele([2, 3]);
    await other.quit();
    const numbers: number[] = [];
    for await (const message of client.retrieve()) {
      numbers.push(message.number);
      if (message.number === 2) {
        await expect(message.stream().toArray()).rejects.toMatchObject({
          code: "POP3_REFUSED",
          command: "RETR 2",
        });
      }
    }
    expect(numbers).toEqual(messages.map((_, index) => index + 1));
    expect(await client.retr(10)).toEqual(served[9]);
    await client.quit();
  });

  it("DELE of a removed message and QUIT succeed", async () => {
    await using client = await connect();
    await client.dele([1, 2]);
    await server.clear("ann");
    await client.quit();
    expect(await server.count("ann")).toBe(0);
  });
});
