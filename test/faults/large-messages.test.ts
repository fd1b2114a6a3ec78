// A message larger than may be held in memory ends the call, not the process, and where it was announced not the session.
import { describe, expect, it } from "vitest";
import { type Pop3Client, type Pop3Message } from "popwright";
import { messageOf, type Answers } from "./maildrop-script.ts";
import { MIB } from "./large-message.ts";
import { endless, expectBounded, flooded } from "./flooding.ts";
import { guardEachTest, outcome } from "./sentry.ts";
import { turns } from "./turns.ts";

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
    ["retr behind LIST", (client: Pop3Client) => client.list().then(() => client.retr(1))],
    ["top", (client: Pop3Client) => client.top(1)],
    ["a loop", async (client: Pop3Client) => (await client.retrieve([1]).next()).value?.buffer()],
    [
      "a loop, and a call behind the message that nobody claims",
      async (client: Pop3Client) => {
        await client.retrieve([1]).next();
        await client.noop();
      },
    ],
  ] as const)("%s", async (_name, call) => {
    const result = await flooded(ANSWERS, call, options);
    expect(result.code).toBe("POP3_MESSAGE_TOO_LARGE");
    expectBounded(result, MIB);
  });

  it("that is announced so is not even asked for by retr", async () => {
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
    "that is announced so does not end a loop that takes of it: %s",
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

  it("that was announced as a small one can still be taken as a stream, when a part of it lies there", async () => {
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
    "that is announced with %i octets and has few, where there is no limit",
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

  it("of a command of the caller's own", async () => {
    const result = await flooded(
      { XTND: endless("+OK\r\n", LINE) },
      (client) => client.command("XTND all", { multiline: true }),
      options,
    );
    expect(result.code).toBe("POP3_RESPONSE_TOO_LARGE");
    expectBounded(result, MIB);
  });
});
