// Each answer stays with its message, whatever a loop over `retrieve()` does.
import { describe, expect, test } from "vitest";
import type { Pop3Message } from "../../../src/index.ts";
import { listen, logIn } from "../../support/ann.ts";
import { drain, messages, textOf, WAYS } from "./loop.ts";
import { codeOf } from "../../support/outcome.ts";
import { turns } from "../../support/turns.ts";
import { expectNothingUnhandled } from "../../support/unhandled.ts";

expectNothingUnhandled();

describe.each(WAYS)("%s", (_, options) => {
  describe("leaving early", () => {
    const LEAVES: [string, (messages: AsyncIterableIterator<Pop3Message>) => Promise<void>][] = [
      [
        "by break",
        async (messages) => {
          for await (const _ of messages) break;
        },
      ],
      [
        "by break, with an unread message",
        async (messages) => {
          for await (const message of messages) {
            await message.buffer();
            if (message.number === 3) break;
          }
        },
      ],
      [
        "by break, with a started stream",
        async (messages) => {
          for await (const message of messages) {
            for await (const _ of message) break;
            break;
          }
        },
      ],
      [
        "by an exception",
        async (messages) => {
          await expect(
            (async () => {
              for await (const message of messages) throw new Error(String(message.number));
            })(),
          ).rejects.toThrow("1");
        },
      ],
      [
        "by return",
        async (messages) => {
          await messages.next();
          expect(await messages.return?.()).toEqual({ done: true, value: undefined });
          expect(await messages.next()).toEqual({ done: true, value: undefined });
        },
      ],
      [
        "before it started",
        async (messages) => {
          expect(await messages.return?.()).toEqual({ done: true, value: undefined });
          expect(await messages.next()).toEqual({ done: true, value: undefined });
        },
      ],
      [
        "while it starts",
        async (messages) => {
          const next = messages.next();
          await messages.return?.();
          expect(await next).toEqual({ done: true, value: undefined });
        },
      ],
    ];

    test.each(LEAVES)("%s: the next command gets its own answer", async (__, leave) => {
      await using server = await listen({ messages: messages(20) });
      await using client = await logIn(server, options);
      await leave(client.retrieve());
      expect(await client.stat()).toEqual({ count: 20, size: 231 });
      expect((await client.retr(7)).toString()).toBe("message 7\r\n");
      expect(client.state).toBe("transaction");
    });
  });

  test("completes claimed messages after the loop, and drops the others", async () => {
    await using server = await listen({ messages: messages(20) });
    await using client = await logIn(server, options);
    const claimed: Promise<string>[] = [];
    const unclaimed: Pop3Message[] = [];
    for await (const message of client.retrieve()) {
      if (message.number === 10) break;
      if (message.number % 2 === 0) claimed.push(textOf(message));
      else unclaimed.push(message);
    }
    expect(await Promise.all(claimed)).toEqual([2, 4, 6, 8].map((n) => `message ${String(n)}`));
    for (const message of unclaimed) expect(await codeOf(message.buffer())).toBe("POP3_MESSAGE_PASSED");
    expect(await codeOf(drain(unclaimed[0] as Pop3Message))).toBe("POP3_MESSAGE_PASSED");
    await client.noop();
  });

  test("rejects to read a message after the loop has moved on, even if it had arrived", async () => {
    await using server = await listen({ messages: messages(4) });
    await using client = await logIn(server, options);
    const left: Pop3Message[] = [];
    for await (const message of client.retrieve()) {
      left.push(message);
      await client.noop();
      await turns();
    }
    const [first, second, third] = left as [Pop3Message, Pop3Message, Pop3Message];
    expect(await codeOf(first.buffer())).toBe("POP3_MESSAGE_PASSED");
    expect(await codeOf(drain(second.stream()))).toBe("POP3_MESSAGE_PASSED");
    expect(await codeOf(drain(third))).toBe("POP3_MESSAGE_PASSED");
    await client.noop();
  });

  test("skips unclaimed messages of any size", async () => {
    await using server = await listen({
      messages: Array.from({ length: 60 }, () => Buffer.alloc(8000, "some text\r\n")),
    });
    await using client = await logIn(server, {
      limits: { drain: 64 * 1024 },
      ...(options.pipelining === undefined ? { pipelining: { octets: 32 * 1024 } } : options),
    });
    let count = 0;
    for await (const message of client.retrieve()) {
      expect(message.number).toBe(++count);
      await turns(4);
      if (count === 60) expect((await message.buffer()).length).toBe(8002);
    }
    expect(count).toBe(60);
    await client.noop();
  });

  test("answers other commands inside the loop", async () => {
    await using server = await listen({ messages: messages(12) });
    await using client = await logIn(server, options);
    const seen: string[] = [];
    for await (const message of client.retrieve()) {
      if (message.number % 3 === 0) await client.noop();
      if (message.number % 3 === 1) await client.dele(message.number);
      if (message.number % 3 === 2)
        expect((await client.retr(message.number)).toString()).toMatch(/^message/);
      // One that was marked in time is gone; who retrieves first gets it.
      seen.push(await textOf(message).catch(() => "gone"));
      expect(await client.uidl(3)).toBe("uid-3");
    }
    expect(seen.filter((text) => text !== "gone")).toHaveLength(
      seen.length - seen.filter((text) => text === "gone").length,
    );
    expect(seen).toHaveLength(12);
    expect([...client.marked]).toEqual([1, 4, 7, 10]);
  });

  test("retrieves, then deletes", async () => {
    await using server = await listen({ messages: messages(12) });
    await using client = await logIn(server, options);
    const seen: string[] = [];
    for await (const message of client.retrieve()) {
      seen.push(await textOf(message));
      await client.dele(message.number);
    }
    await client.quit();
    expect(seen).toEqual(messages(12).map((text) => text.trim()));
    expect(server.maildrop("ann").messages).toHaveLength(0);
  });

  test("gives all messages if none is awaited", async () => {
    await using server = await listen({ messages: messages(100) });
    await using client = await logIn(server, options);
    const texts: Promise<string>[] = [];
    for await (const message of client.retrieve()) texts.push(textOf(message));
    expect(await Promise.all(texts)).toEqual(messages(100).map((text) => text.trim()));
  });

  test("gives streams that are read slowly", async () => {
    const bodies = [400_000, 10, 300_000, 0, 150_000].map((length, index) =>
      Buffer.alloc(length, `${String(index)}abcdefg\r\n`),
    );
    await using server = await listen({ messages: bodies });
    await using client = await logIn(server, options);
    let index = 0;
    for await (const message of client.retrieve()) {
      const pieces: Buffer[] = [];
      for await (const piece of message.stream() as AsyncIterable<Buffer>) {
        pieces.push(piece);
        await turns(1);
      }
      const body = bodies[index++] as Buffer;
      expect(Buffer.concat(pieces).subarray(0, body.length).equals(body)).toBe(true);
    }
    expect(index).toBe(5);
    await client.noop();
  });

  test("answers next() before the last one was answered", async () => {
    await using server = await listen({ messages: messages(5) });
    await using client = await logIn(server, options);
    const messages5 = client.retrieve();
    const results = await Promise.all(Array.from({ length: 7 }, () => messages5.next()));
    expect(results.map(({ done, value }) => (done === true ? "done" : value.number))).toEqual([
      ...[1, 2, 3, 4, 5, "done", "done"],
    ]);
    await client.noop();
  });

  test("runs two loops at once", async () => {
    await using server = await listen({ messages: messages(20) });
    await using client = await logIn(server, options);
    const all = async (): Promise<string[]> => {
      const texts: string[] = [];
      for await (const message of client.retrieve()) texts.push(await textOf(message));
      return texts;
    };
    const expected = messages(20).map((text) => text.trim());
    expect(await Promise.all([all(), all()])).toEqual([expected, expected]);
  });
});
