// Whatever ends a session without QUIT rolls back, and leaving does so in the open.
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { Pop3Client } from "../../src/index.ts";
import type { Fault } from "../../src/testing/index.ts";
import { five, left, listen, logIn, said, to } from "./ann.ts";
import { codeOf, turns } from "./outcome.ts";
import { expectNothingUnhandled } from "./unhandled.ts";

expectNothingUnhandled();

describe("roll back", () => {
  test("by a connection that drops", async () => {
    await using server = await five({ on: "NOOP", close: 0 });
    await using client = await logIn(server);
    await client.dele([1, 2, 3]);
    await expect(client.noop()).rejects.toMatchObject({ code: "POP3_CLOSED" });
    expect(await left(server)).toBe("12345");
  });

  test("by close", async () => {
    await using server = await five();
    const client = await logIn(server);
    await client.dele([1, 2, 3]);
    client.close();
    expect(client.state).toBe("closed");
    expect(await left(server)).toBe("12345");
    expect(said(server)).not.toContain("C: QUIT");
  });

  test("by leaving: RSET and QUIT", async () => {
    await using server = await five();
    {
      await using client = await logIn(server);
      await client.dele([1, 2, 3]);
    }
    expect(await left(server)).toBe("12345");
    expect(said(server).slice(-2)).toEqual(["C: RSET", "C: QUIT"]);
  });

  test("by leaving, with nothing marked here: RSET and QUIT, as a server may have marked what was read", async () => {
    await using server = await five();
    {
      await using client = await logIn(server);
      await client.stat();
    }
    expect(await left(server)).toBe("12345");
    expect(said(server).slice(-3)).toEqual(["C: STAT", "C: RSET", "C: QUIT"]);
  });

  test("by leaving at once: QUIT", async () => {
    await using server = await five();
    {
      await using _ = await logIn(server);
    }
    expect(await left(server)).toBe("12345");
    expect(said(server).at(-1)).toBe("C: QUIT");
  });

  test("by leaving before the login: QUIT", async () => {
    await using server = await five();
    {
      await using _ = await Pop3Client.connect(to(server, { stls: "never" }));
    }
    await server.idle();
    expect(said(server)).toEqual(["C: CAPA", "C: QUIT"]);
  });

  test("by leaving with an exception", async () => {
    await using server = await five();
    const error = new Error("disk full");
    const work = async (): Promise<void> => {
      await using client = await logIn(server);
      for await (const message of client.retrieve()) {
        await client.dele(message.number);
        if (message.number === 3) throw error;
      }
      await client.quit();
    };
    await expect(work()).rejects.toBe(error);
    expect(await left(server)).toBe("12345");
  });

  test("by leaving while a DELE is under way", async () => {
    await using server = await five();
    const calls: Promise<string>[] = [];
    {
      await using client = await logIn(server);
      await client.noop();
      calls.push(codeOf(client.dele([1, 2])));
    }
    await Promise.all(calls);
    expect(await left(server)).toBe("12345");
  });

  test("by leaving, and nothing that is called from then on can change that", async () => {
    await using server = await five();
    const client = await logIn(server);
    await client.dele(1);
    const leaving = client[Symbol.asyncDispose]();
    // Behind RSET and before QUIT, a DELE would be committed.
    const calls = [client.dele(2), client.dele([3, 4]), client.quit()].map(codeOf);
    await leaving;
    expect(await Promise.all(calls)).toEqual(["POP3_CLOSED", "POP3_CLOSED", "POP3_CLOSED"]);
    expect(await left(server)).toBe("12345");
  });

  test("by leaving while a loop goes on that deletes", async () => {
    await using server = await five();
    const deleting = async (client: Pop3Client): Promise<void> => {
      for await (const message of client.retrieve()) {
        await message.buffer();
        await client.dele(message.number);
      }
    };
    for (let count = 0; count < 30; count++) {
      let loop: Promise<string>;
      {
        await using client = await logIn(server);
        loop = codeOf(deleting(client));
        await turns(count);
      }
      await loop;
      expect(await left(server)).toBe("12345");
    }
  });

  test("by leaving while a message is under way that nobody reads: the connection is dropped", async () => {
    await using server = await listen({ messages: ["1\r\n", Buffer.alloc(9_000_000, "a\r\n")] });
    {
      await using client = await logIn(server, { timeouts: { quit: 100 } });
      await client.dele(1);
      const stream = client.retrStream(2);
      stream.on("error", () => undefined);
      await once(stream, "readable");
    }
    await server.idle();
    expect(server.maildrop("ann").messages).toHaveLength(2);
    expect(said(server)).not.toContain("C: QUIT");
  });

  test.each<[string, Fault]>([
    ["RSET is refused", { on: "RSET", reply: "-ERR no\r\n" }],
    ["RSET is not answered", { on: "RSET", close: 0 }],
    ["RSET is met with silence", { on: "RSET", stall: 0 }],
    ["QUIT is not answered", { on: "QUIT", close: 0, reply: "-ERR\r\n" }],
    ["QUIT is met with silence", { on: "QUIT", stall: 0, reply: "-ERR\r\n" }],
  ])("by leaving, where %s: the connection is dropped, and leaving does not fail", async (_, fault) => {
    await using server = await five(fault);
    {
      await using client = await logIn(server, { timeouts: { quit: 50 } });
      await client.dele([1, 2]);
    }
    expect(await left(server)).toBe("12345");
  });

  test("leaving behind QUIT does nothing, nor does leaving twice", async () => {
    await using server = await five();
    await using client = await logIn(server);
    await client.dele(1);
    await client.quit();
    await client[Symbol.asyncDispose]();
    await client[Symbol.asyncDispose]();
    expect(await left(server)).toBe("2345");
    expect(said(server).filter((line) => line === "C: QUIT")).toHaveLength(1);
  });

  test("leaving while QUIT is under way lets it commit", async () => {
    await using server = await five();
    let quit: Promise<void>;
    {
      await using client = await logIn(server);
      await client.dele(1);
      quit = client.quit();
    }
    await quit;
    expect(await left(server)).toBe("2345");
  });

  test("leaving what never connected, or is connecting", async () => {
    const client = new Pop3Client({ host: "mail.test", socket: () => new Promise(() => {}) });
    await client[Symbol.asyncDispose]();
    expect(client.state).toBe("closed");
    const other = new Pop3Client({ host: "mail.test", socket: () => new Promise(() => {}) });
    const call = codeOf(other.connect());
    await other[Symbol.asyncDispose]();
    expect(await call).toBe("POP3_CLOSED");
  });
});
