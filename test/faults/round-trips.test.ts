// Round trips cost time on a real network, so a session makes no unnecessary ones.
import { describe, expect, it } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "popwright";
import { Pop3Server } from "popwright/testing";
import { CountingProxy } from "../support/counting-proxy.ts";
import { guardEachTest } from "../support/sentry.ts";

guardEachTest();

const COUNT = 200;
const USERS = {
  ann: {
    pass: "secret",
    messages: Array.from(
      { length: COUNT },
      (_, index) => `Subject: message ${index + 1}\r\n\r\n${"text\r\n".repeat(500)}`,
    ),
  },
};
const AUTH = { user: "ann", pass: "secret" };

function through(
  proxy: CountingProxy,
  server: Pop3Server,
  more: Partial<Pop3ClientOptions> = {},
): Pop3ClientOptions {
  return { host: "127.0.0.1", port: proxy.port, tls: { ca: server.ca }, auth: AUTH, ...more };
}

describe("200 messages over TLS", () => {
  it("take at most two round trips, and the session with its handshakes ten", async () => {
    await using server = await Pop3Server.listen({ users: USERS, tls: true });
    await using proxy = await CountingProxy.before(server.port);
    const client = await Pop3Client.connect(through(proxy, server));
    const octets: number[] = [];
    let listed = 0;
    for await (const message of client.retrieve()) {
      listed ||= proxy.trips;
      octets.push((await message.buffer()).length);
    }
    const retrieved = proxy.trips;
    await client.quit();
    expect(octets).toEqual(USERS.ann.messages.map(({ length }) => length));
    expect(retrieved - listed).toBeLessThanOrEqual(2);
    expect(proxy.trips).toBeLessThanOrEqual(10);
    await server.idle();
  });

  it("take a dozen if each is marked in the loop, QUIT included", async () => {
    await using server = await Pop3Server.listen({ users: USERS, tls: true });
    await using proxy = await CountingProxy.before(server.port);
    const client = await Pop3Client.connect(through(proxy, server));
    const marking: Promise<void>[] = [];
    for await (const message of client.retrieve()) {
      await message.buffer();
      marking.push(client.dele(message.number));
    }
    await Promise.all(marking);
    await client.quit();
    // A DELE goes out with those of its turn of the loop: how many turns there are is the processor's affair.
    expect(proxy.trips).toBeLessThanOrEqual(12);
    expect(server.maildrop("ann").messages.length).toBe(0);
    await server.idle();
  });

  it("take no more if they are streamed one after another", async () => {
    await using server = await Pop3Server.listen({ users: USERS, tls: true });
    await using proxy = await CountingProxy.before(server.port);
    const client = await Pop3Client.connect(through(proxy, server));
    let octets = 0;
    for await (const message of client.retrieve()) {
      for await (const piece of message) octets += piece.length;
    }
    await client.quit();
    expect(octets).toBe(USERS.ann.messages.reduce((sum, { length }) => sum + length, 0));
    expect(proxy.trips).toBeLessThanOrEqual(10);
    await server.idle();
  });

  it("take one round trip each if PIPELINING is not listed", async () => {
    const few = { ann: { ...USERS.ann, messages: USERS.ann.messages.slice(0, 20) } };
    await using server = await Pop3Server.listen({ users: few, tls: true, pipelining: false });
    await using proxy = await CountingProxy.before(server.port);
    const client = await Pop3Client.connect(through(proxy, server));
    let before = 0;
    let messages = 0;
    for await (const message of client.retrieve()) {
      before ||= proxy.trips;
      await message.buffer();
      messages++;
    }
    expect(messages).toBe(20);
    expect(proxy.trips - before).toBe(20);
    client.close();
    await server.idle();
  });
});

it("a session of one STAT over TLS takes seven round trips", async () => {
  await using server = await Pop3Server.listen({ users: USERS, tls: true });
  await using proxy = await CountingProxy.before(server.port);
  const client = await Pop3Client.connect(through(proxy, server));
  expect((await client.stat()).count).toBe(COUNT);
  await client.quit();
  // TCP, TLS, greeting, CAPA, AUTH, CAPA with STAT, QUIT.
  expect(proxy.trips).toBeLessThanOrEqual(7);
  await server.idle();
});

it("deleting 500 messages takes one round trip for each window of commands", async () => {
  const messages = Array.from({ length: 500 }, () => "\r\n");
  await using server = await Pop3Server.listen({ users: { ann: { pass: "secret", messages } }, tls: true });
  await using proxy = await CountingProxy.before(server.port);
  const client = await Pop3Client.connect(through(proxy, server));
  await client.noop();
  const before = proxy.trips;
  await client.dele(messages.map((_, index) => index + 1));
  // 500 times ten octets; a window is 4096, and is filled again when it is half empty.
  expect(proxy.trips - before).toBeLessThanOrEqual(3);
  await client.quit();
  await server.idle();
});
