// Everything that ends a session without QUIT rolls back. Disposal does it with commands.
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { Pop3Client } from "../../../src/index.ts";
import type { Fault } from "../../../src/testing/index.ts";
import { five, left, listen, logIn, said, to } from "../../support/ann.ts";
import { codeOf } from "../../support/outcome.ts";
import { turns } from "../../support/turns.ts";
import { expectNothingUnhandled } from "../../support/unhandled.ts";

expectNothingUnhandled();

describe("the session is rolled back", () => {
  test("by a lost connection", async () => {
    await using server = await five({ on: "NOOP", close: 0 });
    await using client = await logIn(server);
    await client.dele([1, 2, 3]);
    await expect(client.noop()).rejects.toMatchObject({ code: "POP3_CLOSED" });
    expect(await left(server)).toBe("12345");
  });

  test("by close()", async () => {
    await using server = await five();
    const client = await logIn(server);
    await client.dele([1, 2, 3]);
    client.close();
    expect(client.state).toBe("closed");
    expect(await left(server)).toBe("12345");
    expect(said(server)).not.toContain("C: QUIT");
  });

  test("by disposal: RSET and QUIT", async () => {
    await using server = await five();
    {
      await using client = await logIn(server);
      await client.dele([1, 2, 3]);
    }
    expect(await left(server)).toBe("12345");
    expect(said(server).slice(-2)).toEqual(["C: RSET", "C: QUIT"]);
  });

  test("by disposal without marks: RSET and QUIT, because a server may have marked what was read", async () => {
    await using server = await five();
    {
      await using client = await logIn(server);
      await client.stat();
    }
    expect(await left(server)).toBe("12345");
    expect(said(server).slice(-3)).toEqual(["C: STAT", "C: RSET", "C: QUIT"]);
  });

  test("by disposal right after the login: QUIT", async () => {
    await using server = await five();
    {
      await using _ = await logIn(server);
    }
    expect(await left(server)).toBe("12345");
    expect(said(server).at(-1)).toBe("C: QUIT");
  });

  test("by disposal before the login: QUIT", async () => {
    await using server = await five();
    {
      await using _ = await Pop3Client.connect(to(server, { stls: "never" }));
    }
    await server.idle();
    expect(said(server)).toEqual(["C: CAPA", "C: QUIT"]);
  });

  test("by disposal after an exception", async () => {
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

  test("by disposal while a DELE is in flight", async () => {
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

  test("by disposal, which no later call can change", async () => {
    await using server = await five();
    const client = await logIn(server);
    await client.dele(1);
    const leaving = client[Symbol.asyncDispose]();
    // After RSET and before QUIT, a DELE would be committed.
    const calls = [client.dele(2), client.dele([3, 4]), client.quit()].map(codeOf);
    await leaving;
    expect(await Promise.all(calls)).toEqual(["POP3_CLOSED", "POP3_CLOSED", "POP3_CLOSED"]);
    expect(await left(server)).toBe("12345");
  });

  test("by disposal while a loop deletes messages", async () => {
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

  test("by disposal while an unread message is in flight: the connection is dropped", async () => {
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

  test.each(["an abort", "destroy()"])(
    "by disposal while a message is dropped after %s: the connection is closed, and nothing is read to its end",
    async (how) => {
      const large = Buffer.alloc(100_000, "a\r\n");
      await using server = await listen({
        messages: ["1\r\n", large],
        // The rest of the message never comes.
        faults: [{ on: "RETR", stall: 1000 }],
      });
      const given = new AbortController();
      {
        await using client = await logIn(server, { timeouts: { quit: Infinity, drain: Infinity } });
        await client.dele(1);
        const stream = client.retrStream(2, { signal: given.signal });
        stream.on("error", () => undefined);
        await once(stream, "readable");
        stream.read();
        if (how === "destroy()") stream.destroy();
        else given.abort();
      }
      await server.idle();
      expect(server.maildrop("ann").messages).toHaveLength(2);
      expect(said(server)).not.toContain("C: RSET");
    },
  );

  test.each<[string, Fault]>([
    ["RSET is refused", { on: "RSET", reply: "-ERR no\r\n" }],
    ["RSET is answered by the end of the connection", { on: "RSET", close: 0 }],
    ["RSET is not answered", { on: "RSET", stall: 0 }],
    ["QUIT is answered by the end of the connection", { on: "QUIT", close: 0, reply: "-ERR\r\n" }],
    ["QUIT is not answered", { on: "QUIT", stall: 0, reply: "-ERR\r\n" }],
  ])("by disposal, if %s: the connection is dropped, and disposal resolves", async (_, fault) => {
    await using server = await five(fault);
    {
      await using client = await logIn(server, { timeouts: { quit: 50 } });
      await client.dele([1, 2]);
    }
    expect(await left(server)).toBe("12345");
  });

  test("disposal after QUIT, and a second disposal, do nothing", async () => {
    await using server = await five();
    await using client = await logIn(server);
    await client.dele(1);
    await client.quit();
    await client[Symbol.asyncDispose]();
    await client[Symbol.asyncDispose]();
    expect(await left(server)).toBe("2345");
    expect(said(server).filter((line) => line === "C: QUIT")).toHaveLength(1);
  });

  test("disposal during QUIT lets it commit", async () => {
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

  test("disposal of a client that never connected, or is connecting, resolves", async () => {
    const client = new Pop3Client({ host: "mail.test", socket: () => new Promise(() => {}) });
    await client[Symbol.asyncDispose]();
    expect(client.state).toBe("closed");
    const other = new Pop3Client({ host: "mail.test", socket: () => new Promise(() => {}) });
    const call = codeOf(other.connect());
    await other[Symbol.asyncDispose]();
    expect(await call).toBe("POP3_CLOSED");
  });
});
