// Faults that take time or have no end. The clock is simulated.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Pop3Server, type Fault, type Pop3ServerOptions } from "../../src/testing/index.ts";
import { RawClient } from "./raw-client.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

function listen(options: Pop3ServerOptions, ...faults: Fault[]): Promise<Pop3Server> {
  return Pop3Server.listen({
    users: { ann: { pass: "secret" } },
    apop: false,
    greeting: "hi",
    faults,
    ...options,
  });
}

async function greeted(server: Pop3Server): Promise<RawClient> {
  const client = RawClient.to(server);
  await client.until("\r\n");
  return client;
}

/** Resolves when the server waits for `times` timers. */
async function waiting(times = 1): Promise<void> {
  while (vi.getTimerCount() < times) await new Promise((resolve) => setImmediate(resolve));
}

/** Everything that can come without the clock has come. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe.each([{ tls: false }, { tls: true }])("with tls: $tls", ({ tls }) => {
  it("delays an answer, and the answers after it", async () => {
    await using server = await listen({ tls }, { on: "NOOP", delay: 5000 });
    const client = await greeted(server);
    client.send("STLX\r\nNOOP\r\nSTLY\r\n");
    expect(await client.until("\r\n")).toBe("-ERR unknown command\r\n");
    await waiting();
    await vi.advanceTimersByTimeAsync(4999);
    await settled();
    const before = client.received.length;
    expect(server.transcript.lines.slice(-2)).toEqual(["C: NOOP", "* wait 5000 ms"]);
    await vi.advanceTimersByTimeAsync(1);
    expect(await client.until("\r\n")).toBe("-ERR not in the AUTHORIZATION state\r\n");
    expect(await client.until("\r\n")).toBe("-ERR unknown command\r\n");
    expect(client.received.slice(0, before)).not.toContain("AUTHORIZATION");
  });

  it("sends an answer octet by octet", async () => {
    await using server = await listen({ tls }, { on: "QUIT", interval: 1000 });
    const client = await greeted(server);
    const before = client.chunks.length;
    client.send("QUIT\r\n");
    for (let octets = 1; octets <= "+OK bye\r\n".length; octets++) {
      await waiting();
      await settled();
      expect(client.chunks.slice(before).map(String)).toEqual(Array.from("+OK bye\r\n").slice(0, octets));
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(await client.end()).toBe("end");
  });

  it("sends an answer in packets, with a pause between them", async () => {
    await using server = await listen({ tls }, { on: "QUIT", split: 5, interval: 1000, close: 7 });
    const client = await greeted(server);
    client.send("QUIT\r\n");
    await waiting();
    await vi.advanceTimersByTimeAsync(1000);
    await waiting();
    await vi.advanceTimersByTimeAsync(1000);
    await client.end();
    expect(client.chunks.slice(-2).map(String)).toEqual(["+OK b", "ye"]);
  });

  it("delays all answers together by the latency", async () => {
    await using server = await listen({ tls, latency: 250 });
    const client = RawClient.to(server);
    await waiting();
    await vi.advanceTimersByTimeAsync(249);
    await settled();
    expect(client.received).toBe("");
    await vi.advanceTimersByTimeAsync(1);
    expect(await client.until("\r\n")).toBe("+OK hi\r\n");
    client.send("NOOP\r\nNOOP\r\nQUIT\r\n");
    await waiting();
    await settled();
    expect(client.received).toBe("+OK hi\r\n");
    await vi.advanceTimersByTimeAsync(250);
    expect(await client.until("bye\r\n")).toMatch(
      /^(?:-ERR not in the AUTHORIZATION state\r\n){2}\+OK bye\r\n$/,
    );
  });

  it.each([
    ["delay", { latency: 0 }, [{ on: "greeting", delay: Infinity }]],
    ["trickle", { latency: 0 }, [{ on: "greeting", interval: 1e12 }]],
    ["latency", { latency: 1e12 }, []],
  ] as const)("ends a %s when the client has closed", async (_, options, faults) => {
    await using server = await listen({ tls, ...options }, ...faults);
    const client = RawClient.to(server);
    await waiting();
    client.destroy();
    await server.idle();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("floods until the client closes", async () => {
    await using server = await listen({ tls }, { on: "CAPA", reply: "+OK\r\n", flood: "X-ENDLESS\r\n" });
    const client = await greeted(server);
    const before = client.received.length;
    client.send("CAPA\r\n");
    while (client.received.length < before + 1_000_000) await settled();
    client.destroy();
    await server.idle();
    const flood = client.received.slice(before);
    expect(flood.slice(0, 27)).toBe("+OK\r\nX-ENDLESS\r\nX-ENDLESS\r\n");
    expect(flood.slice(5).replaceAll("X-ENDLESS\r\n", "").length).toBeLessThan(11);
    expect(server.transcript.lines.slice(-2)).toEqual(["S: +OK", "* flood X-ENDLESS\\x0d\\x0a"]);
  });

  it("floods as far as the fault says", async () => {
    await using server = await listen(
      { tls },
      { on: "greeting", flood: "xyz", close: 100_000, split: 40_000 },
      { on: "greeting", nth: 2, reply: "+OK\r\n", flood: Buffer.from("x"), stall: 10 },
    );
    const closed = RawClient.to(server);
    expect(await closed.end()).toBe("end");
    expect(closed.received).toBe(`+OK hi\r\n${"xyz".repeat(40_000)}`.slice(0, 100_000));
    const stalled = RawClient.to(server);
    await stalled.until("+OK\r\nxxxxx");
    await settled();
    expect(stalled.received).toBe("+OK\r\nxxxxx");
    expect(server.transcript.sessions.map((lines) => lines.at(-1))).toEqual([
      "* close after 100000 octets",
      "* stall after 10 octets",
    ]);
  });
});

it("answers twice: with the whole answer, or with a reply of the test", async () => {
  await using server = await listen(
    {},
    { on: "CAPA", twice: true, before: "<", after: ">" },
    { on: "NOOP", twice: true, reply: "+OK own\r\n" },
  );
  const client = await greeted(server);
  client.send("CAPA\r\nNOOP\r\nQUIT\r\n");
  await client.end();
  const [, capa = ""] = /^\+OK hi\r\n<(\+OK capabilities[^]*?\r\n\.\r\n)/.exec(client.received) ?? [];
  expect(client.received).toBe(`+OK hi\r\n<${capa}${capa}>+OK own\r\n+OK own\r\n+OK bye\r\n`);
  expect(server.transcript.lines.filter((line) => line === "S: .")).toHaveLength(2);
});

it.each<Fault>([
  { on: "RETR", delay: -1 },
  { on: "RETR", delay: NaN },
  { on: "RETR", interval: -1 },
  { on: "RETR", close: -1 },
  { on: "RETR", flood: "" },
])("rejects %j, an invalid fault", async (fault) => {
  await expect(listen({}, fault)).rejects.toMatchObject({ code: "POP3_CONFIG" });
  await expect(listen({ latency: -1 })).rejects.toMatchObject({ code: "POP3_CONFIG" });
});
