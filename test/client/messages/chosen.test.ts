// `retrieve({ uids })` and `retrieve({ newest })` choose messages; `message.dele()` marks one; `statistics` counts.
import { expect, test } from "vitest";
import { Pop3Client, type RetrieveOptions } from "../../../src/index.ts";
import { crlf, Pop3Server } from "../../../src/testing/index.ts";
import { codeOf, failureOf } from "../../support/outcome.ts";

const messages = [1, 2, 3, 4, 5].map((number) => crlf(`Subject: ${String(number)}\n\n${String(number)}`));
const serve = (): Promise<Pop3Server> => Pop3Server.listen({ users: { ann: { pass: "secret", messages } } });

async function numbers(client: Pop3Client, options: RetrieveOptions): Promise<number[]> {
  const found: number[] = [];
  for await (const message of client.retrieve(options)) {
    expect((await message.buffer()).toString()).toBe(messages[message.number - 1]);
    found.push(message.number);
  }
  return found;
}

test("the messages with these unique-ids, and the newest", async () => {
  await using server = await serve();
  await using client = await Pop3Client.connect(server.options("ann"));
  expect(await numbers(client, { uids: ["uid-4", "uid-2", "gone"] })).toEqual([2, 4]);
  expect(await numbers(client, { uids: new Set(["gone"]) })).toEqual([]);
  expect(await numbers(client, { newest: 2 })).toEqual([4, 5]);
  expect(await numbers(client, { newest: 9 })).toEqual([1, 2, 3, 4, 5]);
  expect(await numbers(client, { newest: 0 })).toEqual([]);
  await client.dele(5);
  expect(await numbers(client, { newest: 2 })).toEqual([3, 4]);
  expect(() => client.retrieve([1], { newest: 1 })).toThrow("either numbers, options.uids or options.newest");
  expect(() => client.retrieve({ uids: ["uid-1"], newest: 1 })).toThrow("not two of them");
});

test("by unique-id needs UIDL", async () => {
  await using server = await Pop3Server.listen({
    users: { ann: { pass: "secret", messages } },
    faults: [{ on: "UIDL", reply: "-ERR no\r\n" }],
  });
  await using client = await Pop3Client.connect(server.options("ann"));
  expect(await codeOf(client.retrieve({ uids: ["uid-1"] }).next())).toBe("POP3_REFUSED");
});

test("message.dele() marks the message, and QUIT deletes it", async () => {
  await using server = await serve();
  const client = await Pop3Client.connect(server.options("ann"));
  for await (const message of client.retrieve({ uids: ["uid-2", "uid-3"] })) {
    await message.buffer();
    await message.dele();
    expect((await failureOf(message.dele())).session).toBe(client.id);
    expect(await codeOf(message.dele({ singal: 1 } as never))).toBe("POP3_INVALID_ARGUMENT");
  }
  expect([...client.marked]).toEqual([2, 3]);
  await client.quit();
  expect(server.maildrop("ann").messages.length).toBe(3);
});

test("statistics count bytes, commands and round trips", async () => {
  await using server = await serve();
  const client = new Pop3Client(server.options("ann"));
  const none = { sent: 0, received: 0, commands: 0, roundTrips: 0, connectedSince: undefined };
  expect(client.statistics).toEqual(none);
  await client.connect();
  expect(client.mechanism).toMatch(/^[A-Z0-9-]+$/);
  await client.noop();
  const before = client.statistics;
  expect(before.connectedSince).toBeInstanceOf(Date);
  await Promise.all([client.noop(), client.noop(), client.noop()]);
  const after = client.statistics;
  expect(after.commands - before.commands).toBe(3);
  expect(after.roundTrips - before.roundTrips).toBe(1);
  expect(after.sent - before.sent).toBe(3 * "NOOP\r\n".length);
  expect(after.received).toBeGreaterThan(before.received);
  await client.quit();
  expect(client.statistics.commands).toBe(after.commands + 1);
});
