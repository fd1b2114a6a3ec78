/** `retrieve()`: every message in order, whatever the loop does with it, and whatever happens to one of them. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Pop3Client, type Pop3ClientOptions, type Pop3Message } from "../../src/index.ts";
import type { Fault } from "../../src/testing/index.ts";
import { auth, listen, LOGGED_IN, logIn, said, toScript } from "./ann.ts";
import { codeOf, settledCode, turns } from "./outcome.ts";
import { ScriptedServer } from "./scripted-server.ts";

/** `count` messages of a line each: `message 1` and so on. */
const messages = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `message ${String(index + 1)}\r\n`);

const textOf = async (message: Pop3Message): Promise<string> => (await message.buffer()).toString().trim();

/** The numbers of RETR and TOP, in the order in which the server got them. */
const asked = (lines: readonly string[]): number[] =>
  lines.flatMap((line) => /^(?:C: )?(?:RETR|TOP) (\d+)/.exec(line)?.[1] ?? []).map(Number);

const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);

beforeEach(() => {
  unhandled.length = 0;
  process.on("unhandledRejection", note);
});

afterEach(async () => {
  await turns();
  process.off("unhandledRejection", note);
  expect(unhandled).toEqual([]);
});

/** With pipelining, without it, and with a window of one message. */
const WAYS: [string, Partial<Pop3ClientOptions>][] = [
  ["pipelined", {}],
  ["one at a time", { pipelining: false }],
  ["with a narrow window", { pipelining: { octets: 30, commandOctets: 24 } }],
];

describe.each(WAYS)("%s", (_, options) => {
  test("all of them, in order, with number, unique-id and size", async () => {
    await using server = await listen({ messages: messages(30) });
    await using client = await logIn(server, options);
    const seen: unknown[] = [];
    for await (const message of client.retrieve()) {
      seen.push([message.number, message.uid, message.size, await textOf(message)]);
    }
    expect(seen).toEqual(
      Array.from({ length: 30 }, (__, index) => {
        const number = index + 1;
        return [number, `uid-${String(number)}`, number < 10 ? 11 : 12, `message ${String(number)}`];
      }),
    );
    expect(asked(said(server))).toEqual(Array.from({ length: 30 }, (__, index) => index + 1));
  });

  test("an empty maildrop", async () => {
    await using server = await listen({ messages: [] });
    await using client = await logIn(server, options);
    for await (const message of client.retrieve()) expect.unreachable(String(message.number));
    await client.noop();
  });

  test("those that are not marked", async () => {
    await using server = await listen({ messages: messages(6) });
    await using client = await logIn(server, options);
    await client.dele([1, 3, 6]);
    const numbers: unknown[] = [];
    for await (const message of client.retrieve())
      numbers.push([message.number, message.uid, await textOf(message)]);
    expect(numbers).toEqual([2, 4, 5].map((n) => [n, `uid-${String(n)}`, `message ${String(n)}`]));
    await client.rset();
    let count = 0;
    for await (const message of client.retrieve()) expect(message.number).toBe(++count);
    expect(count).toBe(6);
  });

  test("the numbers that are given, in the order in which they are given", async () => {
    await using server = await listen({ messages: messages(20) });
    await using client = await logIn(server, options);
    for (const numbers of [[3], [5, 2, 9], [20, 19, 18, 17, 5, 4, 3, 2, 1], [7, 7, 7], []]) {
      const seen: string[] = [];
      for await (const message of client.retrieve(
        new Set(numbers).size < numbers.length ? numbers : new Set(numbers),
      )) {
        seen.push(await textOf(message));
      }
      expect(seen).toEqual(numbers.map((number) => `message ${String(number)}`));
    }
  });

  test("a message that is gone has its own error, and the loop goes on", async () => {
    const faults: Fault[] = [{ on: "RETR", nth: 3, reply: "-ERR [X-GONE] no such message\r\n" }];
    await using server = await listen({ messages: messages(5), faults });
    await using client = await logIn(server, options);
    const seen: string[] = [];
    for await (const message of client.retrieve()) {
      if (message.number !== 3) seen.push(await textOf(message));
      else {
        await expect(message.buffer()).rejects.toMatchObject({
          code: "POP3_REFUSED",
          responseCode: "X-GONE",
          command: "RETR 3",
        });
        await expect(message.buffer()).rejects.toMatchObject({ code: "POP3_REFUSED" });
      }
    }
    expect(seen).toEqual(["message 1", "message 2", "message 4", "message 5"]);
    await client.noop();
  });

  test("messages that are gone, or that never were, and that nobody asks for", async () => {
    const faults: Fault[] = [{ on: "RETR", nth: "every", reply: "-ERR no\r\n" }];
    await using server = await listen({ messages: messages(5), faults });
    await using client = await logIn(server, options);
    for await (const message of client.retrieve()) {
      if (message.number === 4) expect(await codeOf(message.buffer())).toBe("POP3_REFUSED");
    }
    for await (const message of client.retrieve([77])) {
      expect(await codeOf(message.buffer())).toBe("POP3_REFUSED");
    }
    await client.noop();
  });

  describe("leaving early", () => {
    const LEAVES: [string, (messages: AsyncIterableIterator<Pop3Message>) => Promise<void>][] = [
      [
        "by break",
        async (messages) => {
          for await (const _ of messages) break;
        },
      ],
      [
        "by break, with a message in hand",
        async (messages) => {
          for await (const message of messages) {
            await message.buffer();
            if (message.number === 3) break;
          }
        },
      ],
      [
        "by break, with a stream that was begun",
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
        "before it began",
        async (messages) => {
          expect(await messages.return?.()).toEqual({ done: true, value: undefined });
          expect(await messages.next()).toEqual({ done: true, value: undefined });
        },
      ],
      [
        "while it begins",
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

  test("what was claimed goes on behind the loop; what was not is given up", async () => {
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
    for (const message of unclaimed) expect(await codeOf(message.buffer())).toBe("POP3_ABORTED");
    expect(await codeOf(drain(unclaimed[0] as Pop3Message))).toBe("POP3_ABORTED");
    await client.noop();
  });

  test("messages that nobody claims are skipped, however many octets they have", async () => {
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

  test("with other commands inside the loop", async () => {
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

  test("fetch, then delete", async () => {
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

  test("without waiting for any of them", async () => {
    await using server = await listen({ messages: messages(100) });
    await using client = await logIn(server, options);
    const texts: Promise<string>[] = [];
    for await (const message of client.retrieve()) texts.push(textOf(message));
    expect(await Promise.all(texts)).toEqual(messages(100).map((text) => text.trim()));
  });

  test("streams inside the loop, read slowly", async () => {
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

  test("only the beginnings", async () => {
    await using server = await listen({
      messages: messages(10).map((text) => `Subject: a\r\n\r\n${text}more\r\n`),
    });
    await using client = await logIn(server, options);
    const seen: string[] = [];
    for await (const message of client.retrieve(undefined, { top: 1 }))
      seen.push((await message.buffer()).toString());
    expect(seen).toEqual(messages(10).map((text) => `Subject: a\r\n\r\n${text}`));
    expect(said(server).filter((line) => /^C: (?:TOP \d+ 1|RETR)/.test(line))).toHaveLength(10);
    expect(said(server)).not.toContain("C: RETR 1");
  });

  test("next, called before the last one was answered", async () => {
    await using server = await listen({ messages: messages(5) });
    await using client = await logIn(server, options);
    const messages5 = client.retrieve();
    const results = await Promise.all(Array.from({ length: 7 }, () => messages5.next()));
    expect(results.map(({ done, value }) => (done === true ? "done" : value.number))).toEqual([
      ...[1, 2, 3, 4, 5, "done", "done"],
    ]);
    await client.noop();
  });

  test("two loops at once", async () => {
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

  describe("given up by its signal", () => {
    test("before it began: nothing is sent", async () => {
      await using server = await listen({ messages: messages(20) });
      await using client = await logIn(server, options);
      await client.noop();
      const loop = client.retrieve(undefined, { signal: AbortSignal.abort() });
      expect(await codeOf(loop.next())).toBe("POP3_ABORTED");
      await client.noop();
      expect(said(server).slice(-2)).toEqual(["C: NOOP", "C: NOOP"]);
    });

    test("in the middle: the loop ends, what is claimed rejects, the session goes on", async () => {
      await using server = await listen({ messages: messages(20) });
      await using client = await logIn(server, options);
      const controller = new AbortController();
      const reason = new Error("enough");
      let pending: Promise<string> | undefined;
      let count = 0;
      const loop = (async () => {
        for await (const message of client.retrieve(undefined, { signal: controller.signal })) {
          if (++count < 5) await message.buffer();
          else {
            pending = codeOf(message.buffer());
            controller.abort(reason);
          }
        }
      })();
      await expect(loop).rejects.toMatchObject({ code: "POP3_ABORTED", name: "AbortError", cause: reason });
      expect(count).toBe(5);
      expect(["POP3_ABORTED", "resolved"]).toContain(await pending);
      expect(await client.stat()).toEqual({ count: 20, size: 231 });
      expect((await client.retr(20)).toString()).toBe("message 20\r\n");
    });

    test("while it begins", async () => {
      await using server = await listen({ messages: messages(20) });
      await using client = await logIn(server, options);
      const controller = new AbortController();
      const next = client.retrieve(undefined, { signal: controller.signal }).next();
      controller.abort();
      expect(await settledCode(next)).toBe("POP3_ABORTED");
      expect(await client.stat()).toEqual({ count: 20, size: 231 });
    });

    test("behind its end: nothing happens", async () => {
      await using server = await listen({ messages: messages(3) });
      await using client = await logIn(server, options);
      const controller = new AbortController();
      const texts: Promise<string>[] = [];
      for await (const message of client.retrieve(undefined, { signal: controller.signal }))
        texts.push(textOf(message));
      const last = await Promise.all(texts);
      controller.abort();
      expect(last).toHaveLength(3);
      await client.noop();
    });
  });

  test("the connection ends in a message: that one is cut short, and the loop rejects", async () => {
    await using server = await listen({ messages: messages(6), faults: [{ on: "RETR", nth: 3, close: 20 }] });
    await using client = await logIn(server, options);
    const seen: string[] = [];
    const loop = async (): Promise<void> => {
      for await (const message of client.retrieve())
        seen.push(await textOf(message).catch((error: unknown) => (error as { code: string }).code));
    };
    expect(await codeOf(loop())).toBe("POP3_CLOSED");
    expect(seen).toEqual(["message 1", "message 2", "POP3_TRUNCATED"]);
    expect(client.state).toBe("closed");
  });

  test("close inside the loop", async () => {
    await using server = await listen({ messages: messages(20) });
    await using client = await logIn(server, options);
    let count = 0;
    const loop = async (): Promise<void> => {
      for await (const _ of client.retrieve()) if (++count === 4) client.close();
    };
    expect(await codeOf(loop())).toBe("POP3_CLOSED");
  });

  test("quit inside the loop: it ends, and nothing hangs", async () => {
    await using server = await listen({ messages: messages(20) });
    await using client = await logIn(server, options);
    const codes = new Set<string>();
    const loop = async (): Promise<void> => {
      for await (const message of client.retrieve()) {
        if (message.number === 4) await client.quit();
        codes.add(await codeOf(message.buffer()));
      }
    };
    expect(["resolved", "POP3_CLOSED"]).toContain(await codeOf(loop()));
    expect(["resolved", "POP3_CLOSED"]).toEqual(expect.arrayContaining([...codes]));
  });
});

async function drain(octets: AsyncIterable<Buffer>): Promise<void> {
  for await (const _ of octets);
}

describe("what is sent", () => {
  test("LIST and UIDL once a session, not for a few given numbers", async () => {
    await using server = await listen({ messages: messages(10) });
    await using client = await logIn(server);
    for await (const message of client.retrieve([1, 2])) {
      expect(message.uid).toBeUndefined();
      expect(message.size).toBeUndefined();
      await message.buffer();
    }
    expect(said(server).filter((line) => /LIST|UIDL/.test(line))).toEqual([]);
    for (let round = 0; round < 3; round++) await drainAll(client.retrieve());
    for await (const message of client.retrieve([5]))
      expect(message).toMatchObject({ uid: "uid-5", size: 11 });
    expect(said(server).filter((line) => /LIST|UIDL/.test(line))).toEqual(["C: LIST", "C: UIDL"]);
  });

  test("what `list` and `uidl` gave is the caller's: the loop has its own", async () => {
    await using server = await listen({ messages: messages(10) });
    await using client = await logIn(server);
    (await client.list()).clear();
    (await client.uidl()).clear();
    let count = 0;
    for await (const message of client.retrieve()) expect(message.uid).toBe(`uid-${String(++count)}`);
    expect(count).toBe(10);
  });

  test("a server without UIDL", async () => {
    await using server = await listen({ messages: messages(3), uidl: false });
    await using client = await logIn(server);
    const seen: unknown[] = [];
    for await (const message of client.retrieve()) seen.push([message.uid, await textOf(message)]);
    expect(seen).toEqual(messages(3).map((text) => [undefined, text.trim()]));
  });

  test("a server that refuses LIST: the loop rejects, the session goes on", async () => {
    await using server = await listen({ faults: [{ on: "LIST", reply: "-ERR no\r\n" }] });
    await using client = await logIn(server);
    await expect(client.retrieve().next()).rejects.toMatchObject({ code: "POP3_REFUSED", command: "LIST" });
    await client.noop();
  });

  test("a server without TOP: each message has its error", async () => {
    await using server = await listen({ messages: messages(3), top: false });
    await using client = await logIn(server);
    let count = 0;
    for await (const message of client.retrieve(undefined, { top: 0 })) {
      count++;
      expect(await codeOf(message.buffer())).toBe("POP3_REFUSED");
    }
    expect(count).toBe(3);
  });

  test.each([true, false])(
    "without PIPELINING never two commands at once (claimed at once: %s)",
    async (atOnce) => {
      const script = [
        ...LOGGED_IN,
        ...["C: LIST", "S: +OK", ...[1, 2, 3, 4, 5].map((n) => `S: ${String(n)} 3`), "S: ."],
        ...["C: UIDL", "S: -ERR"],
        ...[1, 2, 3, 4, 5].flatMap((n) => [`C: RETR ${String(n)}`, "S: +OK", "S: a", "S: ."]),
        ...["C: QUIT", "S: +OK"],
      ];
      await using server = await ScriptedServer.listen(script, { lockstep: true });
      const client = await Pop3Client.connect(toScript(server, { auth }));
      const taken: Promise<Buffer>[] = [];
      for await (const message of client.retrieve()) {
        taken.push(message.buffer());
        if (!atOnce) await taken.at(-1);
      }
      await Promise.all(taken);
      await client.quit();
      await server.played();
    },
  );
});

async function drainAll(loop: AsyncIterable<Pop3Message>): Promise<void> {
  for await (const message of loop) await message.buffer();
}
