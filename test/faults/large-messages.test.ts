// A message larger than the limit in memory fails the call, not the process, and not the session if it was
// announced.
import { describe, expect, it } from "vitest";
import { type Pop3Client, type Pop3Message } from "popwright";
import { messageOf, type Answers } from "../support/maildrop-script.ts";
import { MIB } from "../support/large-message.ts";
import { endless, expectBounded, flooded } from "../support/flooding.ts";
import { guardEachTest, outcome } from "../support/sentry.ts";
import { turns } from "../support/turns.ts";

guardEachTest();

describe("a message larger than limits.message", () => {
  const LINE = `${"x".repeat(78)}\r\n`;
  const options = { limits: { message: MIB } };
  const ANSWERS: Answers = {
    // Small, so the server says: the size is a hint, and no promise.
    LIST: "+OK\r\n1 100\r\n.\r\n",
    RETR: endless("+OK\r\n", LINE),
    TOP: endless("+OK\r\n", LINE),
  };

  it.each([
    ["retr", (client: Pop3Client) => client.retr(1)],
    ["retr after LIST", (client: Pop3Client) => client.list().then(() => client.retr(1))],
    ["top", (client: Pop3Client) => client.top(1)],
    ["a loop", async (client: Pop3Client) => (await client.retrieve([1]).next()).value?.buffer()],
    [
      "a loop, and a call after an unclaimed message",
      async (client: Pop3Client) => {
        await client.retrieve([1]).next();
        await client.noop();
      },
    ],
  ] as const)("is rejected: %s", async (_name, call) => {
    const result = await flooded(ANSWERS, call, options);
    expect(result.code).toBe("POP3_MESSAGE_TOO_LARGE");
    expectBounded(result, MIB);
  });

  it("is not requested by retr() if its size was announced", async () => {
    const answers = { ...ANSWERS, LIST: "+OK\r\n1 2000000\r\n.\r\n" };
    const result = await flooded(
      answers,
      async (client) => {
        await client.list();
        expect(await outcome(client.retr(1))).toBe("POP3_MESSAGE_TOO_LARGE");
      },
      options,
    );
    expect(result.code).toBe("ok");
    expect(result.sent).not.toContain("RETR 1");
  });

  // It is larger than what may be held in memory, and smaller than the window: a loop asks for it ahead.
  it.each(["buffer", "stream", "nothing", "nothing at first"])(
    "does not end a loop if its size was announced: %s",
    async (how) => {
      const body = LINE.repeat(25_000);
      const answers = {
        LIST: "+OK\r\n1 2000000\r\n2 100\r\n.\r\n",
        "RETR 1": `+OK\r\n${body}.\r\n`,
        "RETR 2": `+OK\r\n${messageOf(2)}.\r\n`,
      };
      const result = await flooded(
        answers,
        async (client) => {
          const loop = client.retrieve();
          const first = (await loop.next()).value as Pop3Message;
          if (how === "nothing at first") await client.noop();
          if (how === "buffer") expect(await outcome(first.buffer())).toBe("POP3_MESSAGE_TOO_LARGE");
          else if (how !== "nothing") {
            const pieces = (await first.stream().toArray()) as Buffer[];
            expect(Buffer.concat(pieces).length).toBe(2_000_000);
          }
          const second = (await loop.next()).value as Pop3Message;
          expect((await second.buffer()).toString()).toBe(messageOf(2));
        },
        options,
      );
      expect(result.code).toBe("ok");
    },
  );

  it("can still be read as a stream if it was announced as small, after a part of it arrived", async () => {
    const body = LINE.repeat(25_000);
    const result = await flooded(
      { LIST: "+OK\r\n1 100\r\n.\r\n", RETR: `+OK\r\n${body}.\r\n` },
      async (client) => {
        const first = (await client.retrieve().next()).value as Pop3Message;
        await turns(100);
        expect(Buffer.concat((await first.stream().toArray()) as Buffer[]).length).toBe(body.length);
      },
      options,
    );
    expect(result.code).toBe("ok");
  });

  it.each([9_007_199_254_740_991, 1_000_000_000_000])(
    "may be announced with %i octets and have few if there is no limit",
    async (announced) => {
      const body = LINE.repeat(20_000);
      const answers = { LIST: `+OK\r\n1 ${announced}\r\n.\r\n`, RETR: `+OK\r\n${body}.\r\n` };
      const result = await flooded(
        answers,
        async (client) => {
          await client.list();
          expect((await client.retr(1)).equals(Buffer.from(body))).toBe(true);
          const first = (await client.retrieve().next()).value;
          expect((await first?.buffer())?.equals(Buffer.from(body))).toBe(true);
        },
        { limits: { message: Infinity } },
      );
      expect(result.code).toBe("ok");
    },
  );

  it("is rejected for a custom command", async () => {
    const result = await flooded(
      { XTND: endless("+OK\r\n", LINE) },
      (client) => client.command("XTND all", { multiline: true }),
      options,
    );
    expect(result.code).toBe("POP3_RESPONSE_TOO_LARGE");
    expectBounded(result, MIB);
  });
});
