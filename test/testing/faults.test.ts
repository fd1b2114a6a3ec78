import { describe, expect, it } from "vitest";
import { distorted, Faults } from "../../src/testing/faults.ts";
import { Pop3Server, type Fault, type Pop3ServerOptions } from "../../src/testing/index.ts";
import { RawClient } from "./raw-client.ts";

const MESSAGE = "Subject: one\r\n\r\nline\r\n";
const RETR = "+OK 22 octets\r\nSubject: one\r\n\r\nline\r\n.\r\n";

function listen(options: Pop3ServerOptions, ...faults: Fault[]): Promise<Pop3Server> {
  return Pop3Server.listen({
    users: { ann: { pass: "secret", messages: [MESSAGE] } },
    apop: false,
    faults,
    ...options,
  });
}

async function greeted(server: Pop3Server): Promise<RawClient> {
  const client = RawClient.to(server);
  await client.until("\r\n");
  return client;
}

async function loggedIn(server: Pop3Server): Promise<RawClient> {
  const client = await greeted(server);
  await client.ask("USER ann");
  expect(await client.ask("PASS secret")).toBe("+OK logged in\r\n");
  return client;
}

describe.each([{ tls: false }, { tls: true }])("a fault, $tls", ({ tls }) => {
  it("splits a response into packets of one octet", async () => {
    await using server = await listen({ tls }, { on: "RETR", split: 1 });
    const client = await loggedIn(server);
    const before = client.chunks.length;
    client.send("RETR 1\r\n");
    expect(await client.until("\r\n.\r\n")).toBe(RETR);
    expect(client.chunks.slice(before).map(String)).toEqual(Array.from(RETR));
    client.send("RETR 1\r\n");
    expect(await client.until("\r\n.\r\n")).toBe(RETR);
    expect(client.chunks.slice(before).map(String)).toEqual([...Array.from(RETR), RETR]);
  });

  it("splits a response into packets of several octets", async () => {
    await using server = await listen({ tls }, { on: "greeting", split: 20 });
    const client = await greeted(server);
    expect(client.chunks.map(String)).toEqual(["+OK popwright test s", "erver ready\r\n"]);
  });

  it("splits the whole session", async () => {
    await using server = await listen({ tls, chunk: 1 });
    const client = await loggedIn(server);
    client.send("RETR 1\r\nQUIT\r\n");
    expect(await client.until("\r\n.\r\n")).toBe(RETR);
    await client.end();
    expect(client.chunks.every((chunk) => chunk.length === 1)).toBe(true);
  });

  it.each(["close", "cut", "reset"] as const)("ends the connection by %s", async (how) => {
    await using server = await listen({ tls });
    for (const octets of [0, 1, 20, RETR.length - 1, Infinity]) {
      server.fault({ on: "RETR", [how]: octets });
      const client = await loggedIn(server);
      const before = client.received.length;
      client.send("DELE 1\r\nRSET\r\nRETR 1\r\nNOOP\r\n");
      expect(await client.end()).toBe(how === "reset" ? "ECONNRESET" : "end");
      expect(client.received.slice(before)).toBe(
        `+OK marked as deleted\r\n+OK nothing is marked\r\n${RETR.slice(0, octets)}`,
      );
    }
    await server.idle();
    expect(server.transcript.lines.at(-1)).toBe(`* ${how}`);
    expect(server.transcript.sessions[0]?.at(-1)).toBe(`* ${how} after 0 octets`);
    expect(server.maildrop("ann").messages).toHaveLength(1);
  });

  it("stalls, and keeps the session open", async () => {
    await using server = await listen({ tls }, { on: "RETR", stall: 20 });
    const client = await loggedIn(server);
    const before = client.received.length;
    client.send("RETR 1\r\n");
    await client.until(RETR.slice(0, 20));
    client.send("NOOP\r\nQUIT\r\n");
    expect(server.sessions).toBe(1);
    expect(await client.close()).toBe("end");
    await server.idle();
    expect(client.received.slice(before)).toBe(RETR.slice(0, 20));
  });

  it("sends octets before and after a response", async () => {
    await using server = await listen(
      { tls },
      { on: "NOOP", before: "+OK early\r\n", after: "+OK late\r\n" },
    );
    const client = await loggedIn(server);
    const before = client.chunks.length;
    client.send("NOOP\r\n");
    await client.until("late\r\n");
    expect(client.chunks.slice(before).map(String)).toEqual(["+OK early\r\n+OK\r\n+OK late\r\n"]);
    expect(server.transcript.lines.slice(-4)).toEqual(["C: NOOP", "S: +OK early", "S: +OK", "S: +OK late"]);
  });

  it("sends octets in a later packet", async () => {
    await using server = await listen({ tls }, { on: "NOOP", later: "-ERR going down\r\n" });
    const client = await loggedIn(server);
    const before = client.chunks.length;
    client.send("NOOP\r\n");
    await client.until("down\r\n");
    expect(client.chunks.slice(before).map(String)).toEqual(["+OK\r\n", "-ERR going down\r\n"]);
  });
});

describe("a reply of the test", () => {
  it("is sent instead of the answer, octet for octet", async () => {
    const octets = Buffer.from([0x2b, 0x4f, 0x4b, 0x20, 0, 0xff, 0x0a, 0x0d, 0x0a]);
    await using server = await listen({}, { on: "greeting", reply: octets });
    const client = await greeted(server);
    expect(Buffer.concat(client.chunks)).toEqual(octets);
    expect(server.transcript.lines).toEqual(["S: +OK \\x00\\xff\\x0a"]);
  });

  it("leaves the command undone only if it is -ERR", async () => {
    const refused = "-ERR [SYS/TEMP] not now\r\n";
    await using server = await listen(
      {},
      { on: "PASS", reply: refused },
      { on: "DELE", reply: "+OK gone\r\n" },
      { on: "QUIT", nth: 1, reply: "-ERR not removed\r\n" },
    );
    const client = await greeted(server);
    await client.ask("USER ann");
    expect(await client.ask("PASS secret")).toBe(refused);
    expect(await client.ask("STAT")).toBe("-ERR not in the AUTHORIZATION state\r\n");
    expect(await client.ask("PASS secret")).toBe("+OK logged in\r\n");
    expect(await client.ask("DELE 1")).toBe("+OK gone\r\n");
    expect(await client.ask("STAT")).toBe("+OK 0 0\r\n");
    expect(await client.ask("QUIT")).toBe("-ERR not removed\r\n");
    expect(server.maildrop("ann").messages).toHaveLength(1);
    expect(await client.ask("QUIT")).toBe("+OK bye\r\n");
    expect(server.maildrop("ann").messages).toHaveLength(0);
  });

  it("can carry out a refused command, and leave an accepted one undone", async () => {
    await using server = await listen(
      {},
      { on: "DELE", reply: "+OK so you think\r\n", carriedOut: false },
      { on: "QUIT", reply: "-ERR so you think\r\n", carriedOut: true },
    );
    const client = await loggedIn(server);
    expect(await client.ask("DELE 1")).toBe("+OK so you think\r\n");
    expect(await client.ask("STAT")).toBe("+OK 1 22\r\n");
    await client.ask("DELE 1");
    expect(await client.ask("QUIT")).toBe("-ERR so you think\r\n");
    expect(await client.end()).toBe("end");
    expect(server.maildrop("ann").messages).toHaveLength(0);
  });

  it("can replace a challenge and the answer to a response", async () => {
    await using server = await listen(
      {},
      { on: "AUTH", reply: "+ ===\r\n" },
      { on: "AUTH-RESPONSE", reply: "+ AAAA\r\n", carriedOut: false },
      { on: "AUTH-CANCEL", nth: 2, reply: "+OK not really\r\n" },
    );
    const client = await greeted(server);
    expect(await client.ask("AUTH PLAIN")).toBe("+ ===\r\n");
    expect(await client.ask("AAAA")).toBe("+ AAAA\r\n");
    expect(await client.ask("*")).toBe("-ERR authentication cancelled\r\n");
    expect(await client.ask("AUTH PLAIN")).toBe("+ \r\n");
    expect(await client.ask("*")).toBe("+OK not really\r\n");
    expect(await client.ask("STAT")).toBe("-ERR not in the AUTHORIZATION state\r\n");
  });

  it("can be missing for a command that is not carried out", async () => {
    await using server = await listen({}, { on: "STAT", carriedOut: false });
    const client = await loggedIn(server);
    client.send("STAT\r\nNOOP\r\n");
    expect(await client.until("\r\n")).toBe("+OK\r\n");
  });

  it("can be lost for QUIT, with the messages deleted or not", async () => {
    await using server = await listen(
      {},
      { on: "QUIT", close: 0, carriedOut: false },
      { on: "QUIT", nth: 2, reset: 0 },
    );
    for (const left of [1, 0]) {
      const client = await loggedIn(server);
      await client.ask("DELE 1");
      client.send("QUIT\r\n");
      await client.end();
      await server.idle();
      expect(server.maildrop("ann").messages).toHaveLength(left);
    }
  });
});

describe("a fault around STLS", () => {
  it("sends octets after the reply, and still starts TLS", async () => {
    await using server = await listen({}, { on: "STLS", after: "+OK injected\r\n" });
    const client = await greeted(server);
    client.send("STLS\r\n");
    expect(await client.until("injected\r\n")).toBe("+OK begin TLS\r\n+OK injected\r\n");
    expect(client.chunks).toHaveLength(2);
    client.startTls(server);
    expect(await client.ask("USER ann")).toBe("+OK send PASS\r\n");
  });

  it("splits the reply, and waits for the handshake", async () => {
    await using server = await listen({}, { on: "STLS", split: 1 });
    const client = await greeted(server);
    expect(await client.ask("STLS")).toBe("+OK begin TLS\r\n");
    client.startTls(server);
    expect(await client.ask("USER ann")).toBe("+OK send PASS\r\n");
  });

  it("says +OK and continues without TLS, or stalls", async () => {
    await using server = await listen(
      {},
      { on: "STLS", carriedOut: false, reply: "+OK begin\r\n", later: "+OK in the clear\r\n" },
      { on: "STLS", nth: 2, stall: Infinity },
    );
    const client = await greeted(server);
    expect(await client.ask("STLS")).toBe("+OK begin\r\n");
    expect(await client.until("\r\n")).toBe("+OK in the clear\r\n");
    expect(await client.ask("STLS")).toBe("+OK begin TLS\r\n");
    client.startTls(server);
    client.destroy();
    await server.idle();
    expect(server.transcript.lines.slice(-2)).toEqual(["S: +OK begin TLS", "* stall"]);
  });
});

describe("Faults", () => {
  const struck = (fault: Fault, ...responses: string[]): boolean[] => {
    const faults = new Faults();
    faults.add({ split: 1, ...fault });
    return responses.map((on) => faults.strike(on) !== undefined);
  };

  it("apply to the response that they name", () => {
    expect(struck({ on: "RETR" }, "greeting", "RETR", "RETR", "TOP")).toEqual([false, true, false, false]);
    expect(struck({ on: "retr", nth: 2 }, "RETR", "TOP", "RETR", "RETR")).toEqual([
      false,
      false,
      true,
      false,
    ]);
    expect(struck({ on: "*", nth: 2 }, "greeting", "CAPA", "AUTH-RESPONSE")).toEqual([false, false, true]);
    expect(struck({ on: "greeting", nth: "every" }, "greeting", "CAPA", "greeting")).toEqual([
      true,
      false,
      true,
    ]);
  });

  it("are combined if they name the same response", () => {
    const faults = new Faults();
    faults.add({ on: "RETR", before: "a", split: 3 });
    faults.add({ on: "*", split: 1, after: "z" });
    expect(faults.strike("RETR")).toMatchObject({ before: "a", after: "z", split: 1 });
  });

  it("cut the whole response, with the octets around it", () => {
    const pieces = [Buffer.from("one"), Buffer.from("two")];
    const cut = (close: number): string =>
      Buffer.concat([...distorted(pieces, { on: "*", before: "<", after: ">", close })]).toString();
    expect([0, 1, 4, 5, 8, 9].map(cut)).toEqual(["", "<", "<one", "<onet", "<onetwo>", "<onetwo>"]);
  });
});
