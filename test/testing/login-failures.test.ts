// Logins that fail on purpose, as clients see them: by options, by faults, by a mechanism of the test.
import { describe, expect, it } from "vitest";
import { Pop3Server, type Pop3ServerOptions, type ServerMechanism } from "../../src/testing/index.ts";
import { RawClient } from "./raw-client.ts";
import { clientFinal } from "./scram-client.ts";

const PLAIN = `AUTH PLAIN ${Buffer.from("\0ann\0secret").toString("base64")}`;
const WRONG = `AUTH PLAIN ${Buffer.from("\0ann\0wrong").toString("base64")}`;
const REFUSED = "-ERR [AUTH] wrong user name or password\r\n";
const CANCELLED = "-ERR authentication cancelled\r\n";

async function listen(options: Pop3ServerOptions): Promise<[Pop3Server, RawClient]> {
  const server = await Pop3Server.listen({ users: { ann: { pass: "secret" } }, ...options });
  const client = RawClient.to(server);
  await client.until("\r\n");
  return [server, client];
}

describe("a refusal", () => {
  it.each([
    "[IN-USE] locked",
    "[LOGIN-DELAY] wait",
    "[SYS/TEMP] later",
    "[SYS/PERM] never",
    "[AUTH] expired",
    "no",
  ])("can be set for a user, as %s", async (refusal) => {
    const [server, client] = await listen({
      users: { ann: { pass: "secret", refusal }, bob: { pass: "b" } },
    });
    await using _ = server;
    expect(await client.ask(PLAIN)).toBe(`-ERR ${refusal}\r\n`);
    await client.ask("USER ann");
    expect(await client.ask("PASS secret")).toBe(`-ERR ${refusal}\r\n`);
    expect(await client.ask(WRONG)).toBe(REFUSED);
    await client.ask("USER bob");
    expect(await client.ask("PASS b")).toBe("+OK logged in\r\n");
  });

  it("must be one line", async () => {
    await expect(Pop3Server.listen({ users: { ann: { refusal: "a\r\nb" } } })).rejects.toMatchObject({
      code: "POP3_CONFIG",
    });
  });

  it("closes the connection after the given number of attempts", async () => {
    const [server, client] = await listen({ attempts: 3 });
    await using _ = server;
    expect(await client.ask(WRONG)).toBe(REFUSED);
    expect(await client.ask("AUTH PLAIN")).toBe("+ \r\n");
    expect(await client.ask("*")).toBe(CANCELLED); // nothing was refused
    await client.ask("USER ann");
    expect(await client.ask("PASS wrong")).toBe(REFUSED);
    client.send(`${WRONG}\r\n${PLAIN}\r\n`);
    expect(await client.until("\r\n")).toBe(REFUSED);
    expect(await client.end()).toBe("end");
    await server.idle();
    expect(server.transcript.lines.slice(-2)).toEqual([`S: ${REFUSED.trimEnd()}`, "* close"]);
  });

  it("can be the end of the connection", async () => {
    const [server, client] = await listen({ faults: [{ on: "PASS", close: 0 }] });
    await using _ = server;
    await client.ask("USER ann");
    client.send("PASS wrong\r\n");
    await expect(client.until("\r\n")).rejects.toThrow("end");
  });
});

describe("a client that cancels with *", () => {
  it("gets +OK from a fault, and is not logged in", async () => {
    const [server, client] = await listen({ faults: [{ on: "AUTH-CANCEL", reply: "+OK\r\n" }] });
    await using _ = server;
    await client.ask("AUTH LOGIN");
    await client.ask("AAAA");
    expect(await client.ask("*")).toBe("+OK\r\n");
    expect(await client.ask("STAT")).toBe("-ERR not in the AUTHORIZATION state\r\n");
    await client.ask("AUTH LOGIN");
    expect(await client.ask("*")).toBe(CANCELLED);
  });

  it("gets no answer from a fault", async () => {
    const [server, client] = await listen({ faults: [{ on: "AUTH-CANCEL", stall: 0 }] });
    await using _ = server;
    await client.ask("AUTH PLAIN");
    client.send("*\r\n");
    expect(await client.close()).toBe("end");
    expect(client.received).toMatch(/\+ \r\n$/);
  });
});

describe("challenges", () => {
  it("can continue without end", async () => {
    const endless: ServerMechanism = {
      name: "PLAIN",
      initialResponse: true,
      *exchange() {
        for (;;) yield Buffer.from("more");
      },
    };
    const [server, client] = await listen({ sasl: [endless] });
    await using _ = server;
    expect(await client.ask(PLAIN)).toBe("+ bW9yZQ==\r\n");
    for (let round = 0; round < 20; round++) expect(await client.ask("")).toBe("+ bW9yZQ==\r\n");
    expect(await client.ask("*")).toBe(CANCELLED);
  });

  it("can continue without end, by a fault", async () => {
    const faults = [{ on: "AUTH-RESPONSE", nth: "every", reply: "+ \r\n", carriedOut: false }] as const;
    const [server, client] = await listen({ faults });
    await using _ = server;
    for (const line of ["AUTH PLAIN", "AAAA", "AAAA", "AAAA"]) expect(await client.ask(line)).toBe("+ \r\n");
    expect(await client.ask("*")).toBe(CANCELLED);
    expect(await client.ask(PLAIN)).toBe("+OK logged in\r\n");
  });

  it("can be invalid base64, and the server continues", async () => {
    const [server, client] = await listen({ faults: [{ on: "AUTH", reply: "+ not base64!\r\n" }] });
    await using _ = server;
    expect(await client.ask("AUTH PLAIN")).toBe("+ not base64!\r\n");
    expect(await client.ask(PLAIN.slice("AUTH PLAIN ".length))).toBe("+OK logged in\r\n");
  });
});

it("plays a whole login by SCRAM, with secrets masked in the transcript", async () => {
  const [server, client] = await listen({ sasl: ["SCRAM-SHA-256"], apop: false });
  await using _ = server;
  const mechanism = "SCRAM-SHA-256";
  const first = await client.ask(`AUTH ${mechanism} ${Buffer.from("n,,n=ann,r=abc").toString("base64")}`);
  const final = clientFinal({ mechanism, pass: "secret" }, Buffer.from(first.slice(2), "base64").toString());
  const second = await client.ask(Buffer.from(final.message).toString("base64"));
  expect(await client.ask("")).toBe("+OK logged in\r\n");
  expect(server.transcript.lines.slice(1)).toEqual([
    "C: AUTH SCRAM-SHA-256 ****",
    `S: ${first.trimEnd()}`,
    "C: ****",
    `S: ${second.trimEnd()}`,
    "C: ****",
    "S: +OK logged in",
  ]);
});
