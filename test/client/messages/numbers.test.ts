// The messages that `dele` and `retrieve` take: one number, any iterable of numbers, or all.
import { describe, expect, test } from "vitest";
import type { Pop3Client, Pop3Message } from "popwright";
import { five, left, logIn, said } from "../../support/ann.ts";
import { failureOf } from "../../support/outcome.ts";

function* evenNumbers(): Generator<number> {
  yield 2;
  yield 4;
}

async function contents(loop: AsyncIterable<Pop3Message>): Promise<string> {
  let all = "";
  for await (const message of loop) all += (await message.buffer()).toString().trim();
  return all;
}

describe("retrieve", () => {
  const calls: Readonly<Record<string, (client: Pop3Client) => AsyncIterable<Pop3Message>>> = {
    "12345": (client) => client.retrieve(),
    "1234 5": (client) => client.retrieve({ signal: new AbortController().signal, totalTimeout: Infinity }),
    "12 345": (client) => client.retrieve(undefined, { totalTimeout: 60_000 }),
    "31": (client) => client.retrieve([3, 1]),
    "24": (client) => client.retrieve(new Set([2, 4]), {}),
    "2 4": (client) => client.retrieve(evenNumbers()),
  };

  test.each(Object.entries(calls))("gives %s", async (expected, call) => {
    await using server = await five();
    await using client = await logIn(server);
    expect(await contents(call(client))).toBe(expected.replace(" ", ""));
  });

  test("retrieves the headers of all messages if its only argument is `{ top: 0 }`", async () => {
    await using server = await five();
    await using client = await logIn(server);
    for await (const message of client.retrieve({ top: 0 })) await message.buffer();
    expect(said(server).filter((line) => line.startsWith("C: TOP"))).toHaveLength(5);
    expect(said(server).filter((line) => line.startsWith("C: RETR"))).toEqual([]);
  });
});

describe("dele", () => {
  const calls: Readonly<Record<string, (client: Pop3Client) => Promise<void>>> = {
    "1245": (client) => client.dele(3),
    "13 5": (client) => client.dele([2, 4]),
    "135": (client) => client.dele(evenNumbers()),
    "34": (client) => client.dele(new Set([1, 2, 5])),
    "12345": (client) => client.dele(new Map().keys()),
  };

  test.each(Object.entries(calls))("leaves %s", async (expected, call) => {
    await using server = await five();
    const client = await logIn(server);
    await call(client);
    await client.quit();
    expect(await left(server)).toBe(expected.replace(" ", ""));
  });

  test("sends nothing if one number is wrong, and names it", async () => {
    await using server = await five();
    await using client = await logIn(server);
    const error = await failureOf(client.dele(new Set([1, 0, 2])));
    expect(error).toMatchObject({
      code: "POP3_INVALID_ARGUMENT",
      message: "the message number must be an integer >= 1 (got 0)",
    });
    expect(said(server).filter((line) => line.startsWith("C: DELE"))).toEqual([]);
    expect(client.marked.size).toBe(0);
  });
});

describe("a message that the loop has passed", () => {
  test("says so", async () => {
    await using server = await five();
    await using client = await logIn(server);
    const messages: Pop3Message[] = [];
    for await (const message of client.retrieve()) messages.push(message);
    expect(await failureOf((messages[0] as Pop3Message).buffer())).toMatchObject({
      name: "Pop3Error",
      code: "POP3_MESSAGE_PASSED",
      message:
        "message 1 was passed by the loop: call buffer() or stream() before the loop continues or ends",
    });
  });

  test("cannot be taken twice in different ways", async () => {
    await using server = await five();
    await using client = await logIn(server);
    for await (const message of client.retrieve([1])) {
      message.stream().resume();
      expect(await failureOf(message.buffer())).toMatchObject({
        code: "POP3_STATE",
        message:
          "the message was already taken as a stream: take it once, with buffer(), stream() or one loop",
      });
    }
    for await (const message of client.retrieve([2])) {
      await message.buffer();
      expect(() => message.stream()).toThrow("the message was already taken as a Buffer");
    }
  });
});
