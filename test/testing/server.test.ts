import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { describe, expect, it } from "vitest";
import { blockSize } from "../../src/protocol/dot-encoder.ts";
import { Connection } from "../../src/testing/connection.ts";
import { Faults } from "../../src/testing/faults.ts";
import { makeCertificate, Pop3Server } from "../../src/testing/index.ts";
import { Transcript } from "../../src/testing/transcript.ts";
import { sessionOf } from "./dialogue.ts";
import { RawClient } from "./raw-client.ts";

const MESSAGE = "Subject: one\r\n\r\n.dot\r\n";
const users = { ann: { pass: "secret", messages: [MESSAGE, "two\r\n"] }, bob: { pass: "b" } };
const LOGIN = "USER ann\r\nPASS secret\r\n";

async function loggedIn(server: Pop3Server): Promise<RawClient> {
  const client = RawClient.to(server);
  await client.until("\r\n");
  await client.ask("USER ann");
  expect(await client.ask("PASS secret")).toBe("+OK logged in\r\n");
  return client;
}

describe("Pop3Server", () => {
  it.each([false, true])("serves a session, tls: %s", async (tls) => {
    await using server = await Pop3Server.listen({ users, tls, apop: false });
    expect(server.url).toBe(`pop3${tls ? "s" : ""}://127.0.0.1:${String(server.port)}`);
    const client = RawClient.to(server);
    expect(await client.until("\r\n")).toBe("+OK popwright test server ready\r\n");
    expect(server.sessions).toBe(1);
    await client.ask("USER ann");
    expect(await client.ask("PASS secret")).toBe("+OK logged in\r\n");
    client.send("RETR 1\r\n");
    expect(await client.until("\r\n.\r\n")).toBe("+OK 22 octets\r\nSubject: one\r\n\r\n..dot\r\n.\r\n");
    expect(await client.ask("DELE 2")).toBe("+OK marked as deleted\r\n");
    expect(server.maildrop("ann").messages).toHaveLength(2);
    expect(await client.ask("QUIT")).toBe("+OK bye\r\n");
    expect(server.maildrop("ann").messages.map((message) => message.uid)).toEqual(["uid-1"]);
    expect(server.sessions).toBe(0);
    expect(await client.end()).toBe("end");
    expect(server.connections).toBe(1);
    expect(server.transcript.lines).toEqual([
      ...(tls ? ["* TLS"] : []),
      "S: +OK popwright test server ready",
      "C: USER ann",
      "S: +OK send PASS",
      "C: PASS ****",
      "S: +OK logged in",
      "C: RETR 1",
      "S: +OK 22 octets",
      "S: (22 octets)",
      "C: DELE 2",
      "S: +OK marked as deleted",
      "C: QUIT",
      "S: +OK bye",
    ]);
  });

  it("answers commands that arrive together in order, and together", async () => {
    await using server = await Pop3Server.listen({ users });
    const client = await loggedIn(server);
    const before = client.chunks.length;
    client.send("STAT\r\nLIST\r\nRETR 1\r\nUIDL 2\r\nRETR 3\r\nDELE 1\r\nQUIT\r\n");
    await client.end();
    expect(Buffer.concat(client.chunks.slice(before)).toString()).toBe(
      [
        "+OK 2 27",
        "+OK 2 messages\r\n1 22\r\n2 5\r\n.",
        "+OK 22 octets\r\nSubject: one\r\n\r\n..dot\r\n.",
        "+OK 2 uid-2",
        "-ERR no such message",
        "+OK marked as deleted",
        "+OK bye\r\n",
      ].join("\r\n"),
    );
    expect(client.chunks.length).toBe(before + 1);
  });

  it("lists the given unique-ids, and shows later messages to the next session", async () => {
    await using server = await Pop3Server.listen({
      users: { ann: { pass: "secret", messages: ["a", Buffer.from("b")], uids: ["x", "y"] } },
    });
    const client = await loggedIn(server);
    server.maildrop("ann").add("c\r\n", "z");
    expect(server.maildrop("ann").remove("x")).toBe(true);
    client.send("UIDL\r\n");
    expect(await client.until("\r\n.\r\n")).toBe("+OK 2 messages\r\n1 x\r\n2 y\r\n.\r\n");
    await client.ask("QUIT");
    const next = await loggedIn(server);
    next.send("UIDL\r\n");
    expect(await next.until("\r\n.\r\n")).toBe("+OK 2 messages\r\n1 y\r\n2 z\r\n.\r\n");
    expect(() => server.maildrop("nobody")).toThrow(
      expect.objectContaining({ code: "POP3_CONFIG" }) as Error,
    );
  });

  it.each(["close", "destroy", "reset"] as const)(
    "rolls back and unlocks when the client leaves by %s",
    async (how) => {
      await using server = await Pop3Server.listen({ users });
      const client = await loggedIn(server);
      await client.ask("DELE 1");
      const other = RawClient.to(server);
      await other.until("\r\n");
      await other.ask("USER ann");
      expect(await other.ask("PASS secret")).toMatch(/^-ERR \[IN-USE\]/);
      other.destroy();
      void client[how]();
      await server.idle();
      expect(server.sessions).toBe(0);
      expect(server.maildrop("ann").messages).toHaveLength(2);
      await loggedIn(server);
    },
  );

  it("sends a new timestamp to each connection, or the given one", async () => {
    const timestamps = async (server: Pop3Server): Promise<string[]> => {
      const greetings = [RawClient.to(server), RawClient.to(server)].map((client) => client.until("\r\n"));
      return (await Promise.all(greetings)).map(
        (greeting) => /<[!-~]+@[!-~]+>\r\n$/.exec(greeting)?.[0] ?? "",
      );
    };
    await using server = await Pop3Server.listen();
    const [first = "", second] = await timestamps(server);
    expect(first).not.toBe("");
    expect(first).not.toBe(second);
    await using always = await Pop3Server.listen({ apop: "<1@x>" });
    expect(await timestamps(always)).toEqual(["<1@x>\r\n", "<1@x>\r\n"]);
  });

  it("writes down each session, without secrets", async () => {
    await using server = await Pop3Server.listen({ users, apop: "<1@x>", greeting: "hi" });
    for (const line of [
      "USER ann",
      "PASS s3cret s3cret",
      "APOP ann s3cret",
      "AUTH PLAIN s3cret",
      "s3cret",
      "QUIT",
    ]) {
      const client = RawClient.to(server);
      await client.until("\r\n");
      await client.ask(line);
      client.destroy();
    }
    const client = RawClient.to(server);
    client.send(
      "AUTH LOGIN\r\nczNjcmV0\r\n*\r\n\x1b[31mX s3cret\r\nczNjcmV0\r\nXTND s3cret\r\nLIST \x1b[2J\r\nQUIT\r\n",
    );
    await client.end();
    expect(server.transcript.sessions.map((lines) => lines[1])).toEqual([
      "C: USER ann",
      "C: PASS ****",
      "C: APOP ann ****",
      "C: AUTH PLAIN ****",
      "C: ****",
      "C: QUIT",
      "C: AUTH LOGIN",
    ]);
    expect(server.transcript.sessions.at(-1)).toEqual([
      "S: +OK hi <1@x>",
      "C: AUTH LOGIN",
      "S: + VXNlcm5hbWU6",
      "C: ****",
      "S: + UGFzc3dvcmQ6",
      "C: *",
      "S: -ERR authentication cancelled",
      "C: **** ****",
      "S: -ERR unknown command",
      "C: ****",
      "S: -ERR unknown command",
      "C: XTND ****",
      "S: -ERR unknown command",
      "C: LIST \\x1b[2J",
      "S: -ERR not in the AUTHORIZATION state",
      "C: QUIT",
      "S: +OK bye",
    ]);
    expect(String(server.transcript)).not.toMatch(/s3cret|czNjcmV0/);
  });

  it("closes every connection in close(), which can be called twice, and frees the port", async () => {
    const server = await Pop3Server.listen({ users });
    const clients = [RawClient.to(server), await loggedIn(server)];
    await clients[0]?.until("\r\n");
    await Promise.all([server.close(), server.close()]);
    await Promise.all(clients.map((client) => client.end()));
    expect(server.sessions).toBe(0);
    await using again = await Pop3Server.listen({ port: server.port });
    await RawClient.to(again).until("\r\n");
    await expect(Pop3Server.listen({ port: again.port })).rejects.toMatchObject({ code: "EADDRINUSE" });
  });

  it("closes only the connection when a function of the test throws", async () => {
    const capabilities = (): string[] => {
      throw new Error("my own fault");
    };
    await using server = await Pop3Server.listen({ capabilities });
    const client = RawClient.to(server);
    client.send("CAPA\r\nNOOP\r\n");
    await client.end();
    await server.idle();
    expect(server.transcript.lines.slice(1)).toEqual(["C: CAPA", "* failed: Error: my own fault"]);
    expect(await RawClient.to(server).until("\r\n")).toContain("+OK");
  });

  it.each([
    { greeting: "a\r\nb" },
    { apop: "<a@b>\n" },
    { chunk: 0 },
    { sasl: ["NONE"] },
    { faults: [{ on: "RETR", close: 0, reset: 0 }] },
    { faults: [{ on: "RETR", split: 0 }] },
    { faults: [{ on: "RETR", nth: 0 }] },
    { users: { ann: { pass: "x", messages: ["a"], uids: ["\n"] } } },
  ])("rejects invalid options: %j", async (options) => {
    await expect(Pop3Server.listen(options)).rejects.toMatchObject({ code: "POP3_CONFIG" });
  });
});

describe("TLS", () => {
  it("starts after STLS on the same connection", async () => {
    await using server = await Pop3Server.listen({ users });
    const client = RawClient.to(server);
    await client.until("\r\n");
    client.send("CAPA\r\n");
    expect(await client.until("\r\n.\r\n")).toContain("\r\nSTLS\r\n");
    expect(await client.ask("STLS")).toBe("+OK begin TLS\r\n");
    client.startTls(server);
    client.send("CAPA\r\n");
    expect(await client.until("\r\n.\r\n")).not.toContain("STLS");
    client.send(`${LOGIN}QUIT\r\n`);
    expect(await client.end()).toBe("end");
    expect(client.received).toMatch(/\+OK logged in\r\n\+OK bye\r\n$/);
  });

  it("ignores commands that were sent before it", async () => {
    await using server = await Pop3Server.listen({ users });
    const client = RawClient.to(server);
    await client.until("\r\n");
    client.send(`STLS\r\n${LOGIN}DELE 1\r\nQUIT\r\n`);
    expect(await client.until("\r\n")).toBe("-ERR bytes after STLS\r\n");
    expect(await client.end()).toBe("end");
    await server.idle();
    expect(server.maildrop("ann").messages).toHaveLength(2);
    expect(server.transcript.lines).not.toContain("C: USER ann");
  });

  it("ends without an error when the client refuses it", async () => {
    await using server = await Pop3Server.listen({ tls: true });
    const wrongName = RawClient.to(server, { servername: "wrong.example" });
    expect(await wrongName.end()).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
    const { cert } = makeCertificate();
    expect(await RawClient.to(server, { ca: cert }).end()).toBe("DEPTH_ZERO_SELF_SIGNED_CERT");
    await server.idle();
  });

  it("ends for a client that does not speak TLS", async () => {
    await using server = await Pop3Server.listen({ users });
    const client = RawClient.to(server);
    await client.until("\r\n");
    await client.ask("STLS");
    client.send("USER ann\r\n");
    await client.end();
    await server.idle();
    expect(server.transcript.lines.at(-1)).toBe("* TLS");
  });

  it("ends if it fails after the handshake, and unlocks", async () => {
    await using server = await Pop3Server.listen({ users, tls: true });
    const { host, port, ca } = server;
    const below = connect({ host, port });
    const client = new RawClient(connectTls({ socket: below, host, ca }));
    await client.until("\r\n");
    client.send(LOGIN);
    await client.until("+OK logged in\r\n");
    // A record that was encrypted with another key.
    below.write(Buffer.concat([Buffer.from([0x17, 3, 3, 0, 64]), Buffer.alloc(64, "?")]));
    await server.idle();
    expect(server.sessions).toBe(0);
    await loggedIn(server);
    client.destroy();
  });

  it("accepts options of node:tls, and a certificate of the test", async () => {
    const { key, cert } = makeCertificate({ names: ["mail.example"] });
    await using server = await Pop3Server.listen({ users, tls: { key, cert, maxVersion: "TLSv1.2" } });
    expect(server.ca).toBe(cert);
    const old = { servername: "mail.example", minVersion: "TLSv1.3" } as const;
    const refused = RawClient.to(server, old);
    await refused.end();
    expect(refused.received).toBe("");
    await RawClient.to(server, { servername: "mail.example" }).until("\r\n");
    await using plain = await Pop3Server.listen({ users, stls: { key, cert } });
    expect(plain.secure).toBe(false);
    expect(plain.ca).toBe(cert);
  });
});

describe("a large message", () => {
  it("is written no faster than it is read", async () => {
    const message = Buffer.alloc(20_000_000, "no dot in this line\r\n.dot\r\n");
    const session = sessionOf({ users: { ann: { pass: "secret", messages: [message] } } });
    let most = 0;
    const server = createServer((socket: Socket) => {
      const write = socket.write.bind(socket);
      socket.write = (octets: Buffer, done?: unknown): boolean => {
        const more = write(octets, done as () => void);
        most = Math.max(most, socket.writableLength);
        return more;
      };
      const transcript = new Transcript().session();
      const over = (): void => undefined;
      const setup = {
        session,
        transcript,
        faults: new Faults(),
        tls: {},
        implicitTls: false,
        chunk: Infinity,
        latency: 0,
        over,
      };
      void new Connection(socket, setup).run();
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
    client.write(`${LOGIN}RETR 1\r\nQUIT\r\n`);
    let octets = 0;
    let end = "";
    for await (const chunk of client as AsyncIterable<Buffer>) {
      octets += chunk.length;
      end = (end + chunk.toString("latin1")).slice(-12);
      // The other side has its turn, again and again, while nothing is read.
      for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    server.close();
    expect(end).toBe(".\r\n+OK bye\r\n");
    expect(octets).toBeGreaterThan(blockSize(message) + 700_000); // the dots that were doubled
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(128 * 1024);
  });
});
