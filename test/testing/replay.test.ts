// A server that plays a transcript: what it sends, and what it reports about a client that deviates from it.
import { describe, expect, it } from "vitest";
import { makeCertificate, Pop3Server, type ReplayServer } from "../../src/testing/index.ts";
import { RawClient } from "./raw-client.ts";

/** All that a client gets that has said this. */
async function answersTo(server: ReplayServer, octets = ""): Promise<string> {
  const client = RawClient.to(server);
  client.send(octets);
  await client.end();
  await server.idle();
  return client.received;
}

const HELLO = ["S: +OK hello", "C: USER ann", "S: +OK", "C: PASS ****", "S: +OK"];
const LOGIN = "USER ann\r\nPASS secret\r\n";

describe("a replay", () => {
  it("sends the server's lines, and waits for the client's", async () => {
    await using server = await Pop3Server.replay(`
      S: +OK hello
      C: USER ann
      S: +OK
      C: PASS ****
      S: +OK
      C: LIST
      S: +OK
      S: 1 20
      S: ..
      S: .
      C: RETR 1
      S: +OK
      S: (20 octets)
      C: QUIT
      S: +OK bye
    `);
    expect(server.url).toBe(`pop3://127.0.0.1:${String(server.port)}`);
    const client = RawClient.to(server);
    expect(await client.until("\r\n")).toBe("+OK hello\r\n");
    expect(await client.ask("user ann")).toBe("+OK\r\n");
    expect(await client.ask("PASS s e c r e t")).toBe("+OK\r\n");
    client.send("LIST\r\n");
    expect(await client.until("\r\n.\r\n")).toBe("+OK\r\n1 20\r\n..\r\n.\r\n");
    client.send("RETR 1\r\n");
    expect(await client.until("\r\n.\r\n")).toBe(`+OK\r\n${"x".repeat(18)}\r\n.\r\n`);
    expect(server.sessions).toBe(1);
    expect(await client.ask("QUIT")).toBe("+OK bye\r\n");
    expect(await client.end()).toBe("end");
    await server.idle();
    expect(server.mismatch).toBeUndefined();
    expect(server.mismatches).toEqual([]);
    expect(server.transcript.lines.slice(1, 5)).toEqual(["C: USER ann", "S: +OK", "C: PASS ****", "S: +OK"]);
  });

  it("answers each of several lines sent together in its turn", async () => {
    await using server = await Pop3Server.replay([
      ...HELLO,
      "C: STAT",
      "S: +OK 0 0",
      "C: QUIT",
      "S: +OK bye",
    ]);
    expect(await answersTo(server, `${LOGIN}STAT\r\nQUIT\r\n`)).toBe(
      "+OK hello\r\n+OK\r\n+OK\r\n+OK 0 0\r\n+OK bye\r\n",
    );
    await using together = await Pop3Server.replay([
      "S: +OK",
      "C: STAT",
      "C: NOOP",
      "S: +OK 0 0",
      "S: +OK",
      "* close",
    ]);
    expect(await answersTo(together, "STAT\r\nNOOP\r\n")).toBe("+OK\r\n+OK 0 0\r\n+OK\r\n");
    expect([server.mismatch, together.mismatch]).toEqual([undefined, undefined]);
  });

  it("sends octets that are not lines", async () => {
    await using server = await Pop3Server.replay([
      "S: +O\\",
      "S: K\\x0a\\",
      "S: \\xff\\x00\\x5c é",
      "* close",
    ]);
    const client = RawClient.to(server);
    await client.end();
    expect(Buffer.concat(client.chunks)).toEqual(
      Buffer.concat([Buffer.from("+OK\n\xff\0\\ ", "latin1"), Buffer.from("é\r\n")]),
    );
  });

  it.each(["close", "cut", "reset"] as const)("ends by %s, after the given number of octets", async (how) => {
    await using server = await Pop3Server.replay([
      ...["S: +OK hello", "C: RETR 1", "S: +OK", "S: (100000 octets)", `* ${how} after 50005 octets`],
    ]);
    const client = RawClient.to(server);
    client.send("RETR 1\r\nNOOP\r\n");
    expect(await client.end()).toBe(how === "reset" ? "ECONNRESET" : "end");
    expect(client.received).toHaveLength("+OK hello\r\n".length + 50_005);
    await server.idle();
    expect(server.mismatch).toBeUndefined();
    expect(server.transcript.lines.at(-1)).toBe(`* ${how} after 50005 octets`);
  });

  it("stalls until the client closes", async () => {
    await using server = await Pop3Server.replay("S: +OK\nC: STAT\nS: +OK 0 0\n* stall after 4 octets");
    const client = RawClient.to(server);
    client.send("STAT\r\n");
    await client.until("\r\n+OK ");
    client.send("QUIT\r\n");
    expect(server.sessions).toBe(1);
    await client.close();
    await server.idle();
    expect(client.received).toBe("+OK\r\n+OK ");
    expect(server.mismatch).toBeUndefined();
  });

  it("floods until the client closes, or to the given end", async () => {
    await using server = await Pop3Server.replay(
      "S: +OK\nC: LIST\nS: +OK\n* flood 1 1\\x0d\\x0a\n\nS: +OK\nC: LIST\n* flood xy\n* close after 100001 octets",
    );
    const endless = RawClient.to(server);
    endless.send("LIST\r\n");
    while (endless.received.length < 1_000_000) await new Promise((resolve) => setImmediate(resolve));
    endless.destroy();
    await server.idle();
    expect(endless.received).toMatch(/^\+OK\r\n\+OK\r\n(?:1 1\r\n)+(?:1 ?1?\r?)?$/);
    expect(await answersTo(server, "LIST\r\n")).toBe(`+OK\r\n${"xy".repeat(50_000)}x`);
    expect(server.mismatch).toBeUndefined();
  });

  it.each([{ chunk: 1 }, { latency: 1 }])("applies the options of a network: %j", async (options) => {
    await using server = await Pop3Server.replay([...HELLO, "C: QUIT", "S: +OK bye"], options);
    const client = RawClient.to(server);
    client.send(`${LOGIN}QUIT\r\n`);
    await client.end();
    expect(client.received).toBe("+OK hello\r\n+OK\r\n+OK\r\n+OK bye\r\n");
    if ("chunk" in options) expect(client.chunks.every((chunk) => chunk.length === 1)).toBe(true);
  });

  it("sends the lines after a wait in a packet of their own", async () => {
    await using server = await Pop3Server.replay("S: +OK\n* wait 0 ms\nS: +OK again\n* close");
    const client = RawClient.to(server);
    await client.end();
    expect(client.chunks.map(String)).toEqual(["+OK\r\n", "+OK again\r\n"]);
  });
});

describe("sessions of a replay", () => {
  const TWO = "S: +OK 1\nC: QUIT\nS: +OK\n\nS: +OK 2\nC: QUIT\nS: +OK";

  it("are played in order, one per connection, and no more follow", async () => {
    await using server = await Pop3Server.replay(TWO);
    expect(await answersTo(server, "QUIT\r\n")).toBe("+OK 1\r\n+OK\r\n");
    expect(await answersTo(server, "QUIT\r\n")).toBe("+OK 2\r\n+OK\r\n");
    expect(server.mismatch).toBeUndefined();
    expect(await answersTo(server)).toBe("-ERR the transcript has no more sessions\r\n");
    expect(server.mismatches).toEqual([
      { session: 3, line: 7, expected: "(no more connections)", got: "(a connection)" },
    ]);
    expect(server.connections).toBe(3);
  });

  it("can be played at the same time", async () => {
    await using server = await Pop3Server.replay(TWO);
    const [first, second] = [RawClient.to(server), RawClient.to(server)];
    const greetings = [await first.until("\r\n"), await second.until("\r\n")];
    expect(greetings).toEqual(["+OK 1\r\n", "+OK 2\r\n"]);
    expect(await second.ask("QUIT")).toBe("+OK\r\n");
    expect(await first.ask("QUIT")).toBe("+OK\r\n");
  });

  it("start again with the option repeat", async () => {
    await using server = await Pop3Server.replay(TWO, { repeat: true });
    const greetings: string[] = [];
    for (let nth = 0; nth < 4; nth++) greetings.push((await answersTo(server, "QUIT\r\n")).slice(4, 5));
    expect(greetings).toEqual(["1", "2", "1", "2"]);
    expect(server.mismatch).toBeUndefined();
  });
});

describe("TLS in a replay", () => {
  it("starts with the first octet if the transcript does", async () => {
    await using server = await Pop3Server.replay("* TLS\nS: +OK\nC: QUIT\nS: +OK bye");
    expect(server.secure).toBe(true);
    expect(server.url).toMatch(/^pop3s:/);
    expect(await answersTo(server, "QUIT\r\n")).toBe("+OK\r\n+OK bye\r\n");
    expect(await answersTo(server)).toBe("-ERR the transcript has no more sessions\r\n");
  });

  it("starts after STLS, with the given certificate", async () => {
    const tls = makeCertificate({ names: ["mail.example"] });
    await using server = await Pop3Server.replay(
      "S: +OK\nC: STLS\nS: +OK\n* TLS\nC: QUIT\nS: +OK within TLS",
      { tls },
    );
    expect([server.secure, server.ca]).toEqual([false, tls.cert]);
    const client = RawClient.to(server);
    await client.until("\r\n");
    expect(await client.ask("STLS")).toBe("+OK\r\n");
    client.startTls(server, { servername: "mail.example" });
    expect(await client.ask("QUIT")).toBe("+OK within TLS\r\n");
    expect(server.mismatch).toBeUndefined();
  });

  it("reports a client that refuses it", async () => {
    await using server = await Pop3Server.replay("S: +OK\nC: STLS\nS: +OK\n* TLS\nC: QUIT\nS: +OK bye");
    const client = RawClient.to(server);
    await client.until("\r\n");
    await client.ask("STLS");
    client.startTls(server, { ca: makeCertificate().cert });
    await client.end();
    await server.idle();
    expect(server.mismatch).toEqual({ session: 1, line: 4, expected: "* TLS", got: "(the client closes)" });
  });

  it("does not start if octets came in clear text after STLS", async () => {
    await using server = await Pop3Server.replay("S: +OK\nC: STLS\nS: +OK\n* TLS\nC: QUIT\nS: +OK bye");
    expect(await answersTo(server, "STLS\r\nQUIT\r\n")).toBe("+OK\r\n+OK\r\n");
    expect(server.mismatch).toEqual({ session: 1, line: 4, expected: "* TLS", got: "(bytes after STLS)" });
  });
});

describe("a client that deviates", () => {
  it("gets no more answers, and its line is reported", async () => {
    await using server = await Pop3Server.replay([...HELLO, "C: STAT", "S: +OK 0 0", "C: QUIT", "S: +OK"]);
    expect(await answersTo(server, `${LOGIN}LIST\r\nQUIT\r\n`)).toBe("+OK hello\r\n+OK\r\n+OK\r\n");
    expect(server.mismatch).toEqual({ session: 1, line: 6, expected: "C: STAT", got: "C: LIST" });
    expect(server.transcript.lines.slice(-2)).toEqual(["C: LIST", "* close"]);
  });

  it("is reported without a secret", async () => {
    const auth = "S: +OK hello\nC: AUTH PLAIN\nS: + \nC: AGFubgBzZWNyZXQ=\nS: +OK\nC: QUIT\nS: +OK";
    const pass = "S: +OK hello\nC: PASS s3cret\nS: +OK";
    const end = "S: +OK hello\nC: AUTH PLAIN\nS: + ";
    const got: (string | undefined)[] = [];
    const play = async (text: string, octets: string): Promise<void> => {
      await using server = await Pop3Server.replay(text);
      await answersTo(server, octets);
      const { expected, got: instead } = server.mismatch ?? {};
      got.push(`${expected ?? ""}, not ${instead ?? ""}`);
      expect(String(server.transcript)).not.toMatch(/hunter2|s3cret|AGFub/);
    };
    await play(auth, "AUTH PLAIN\r\nhunter2\r\n");
    await play(auth, "AUTH PLAIN\r\n*\r\n");
    await play(auth, "AUTH PLAIN hunter2\r\n");
    await play(pass, "PASS hunter2\r\n");
    await play(end, "AUTH PLAIN\r\nhuNt\r\n");
    await play(end, "hunter2\r\n");
    await play(end, "\x1b\0\r\n");
    expect(got).toEqual([
      "C: ****, not C: ****",
      "C: ****, not C: *",
      "C: AUTH PLAIN, not C: AUTH PLAIN ****",
      "C: PASS ****, not C: PASS ****",
      "(the client closes), not C: ****",
      "C: AUTH PLAIN, not C: ****",
      "C: AUTH PLAIN, not C: (invalid line)",
    ]);
  });

  it("can close too early, or send too much", async () => {
    await using server = await Pop3Server.replay(
      "S: +OK\nC: NOOP\nS: +OK\nC: QUIT\nS: +OK\n\nS: +OK\nC: NOOP\nS: +OK",
    );
    const early = RawClient.to(server);
    await early.until("\r\n");
    await early.ask("NOOP");
    await early.close();
    await server.idle();
    expect(await answersTo(server, "NOOP\r\nNOOP\r\n")).toBe("+OK\r\n+OK\r\n");
    expect(server.mismatches).toEqual([
      { session: 1, line: 4, expected: "C: QUIT", got: "(the client closes)" },
      { session: 2, line: 9, expected: "(the client closes)", got: "C: NOOP" },
    ]);
  });

  it("does not include a client that close() disconnects", async () => {
    const server = await Pop3Server.replay("S: +OK\nC: QUIT\nS: +OK");
    const client = RawClient.to(server);
    await client.until("\r\n");
    await server.close();
    await client.end();
    await server.idle();
    expect(server.mismatch).toBeUndefined();
  });

  it("is noticed while the server sends", async () => {
    await using server = await Pop3Server.replay(
      "S: +OK\nC: RETR 1\nS: +OK\nS: (1000000000 octets)\nC: QUIT\nS: +OK",
    );
    const client = RawClient.to(server);
    client.send("RETR 1\r\n");
    await client.until("\r\n+OK\r\n");
    client.reset();
    await server.idle();
    expect(server.mismatch).toMatchObject({ line: 5, expected: "C: QUIT", got: "(the client closes)" });
  });
});
