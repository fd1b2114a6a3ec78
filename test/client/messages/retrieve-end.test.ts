// The end of a loop over `retrieve()`: by its signal, by the connection, by the caller.
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3Message } from "../../../src/index.ts";
import { auth, listen, logIn, offering, said, toScript } from "../../support/ann.ts";
import { drain, messages, textOf, WAYS } from "./loop.ts";
import { codeOf, settledCode } from "../../support/outcome.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";
import { expectNothingUnhandled } from "../../support/unhandled.ts";

expectNothingUnhandled();

describe.each(WAYS)("%s", (_, options) => {
  describe("aborted by its signal", () => {
    test("before it starts: sends nothing", async () => {
      await using server = await listen({ messages: messages(20) });
      await using client = await logIn(server, options);
      await client.noop();
      const loop = client.retrieve(undefined, { signal: AbortSignal.abort() });
      expect(await codeOf(loop.next())).toBe("POP3_ABORTED");
      await client.noop();
      expect(said(server).slice(-2)).toEqual(["C: NOOP", "C: NOOP"]);
    });

    test("in the middle: the loop and its claimed messages reject, and the session continues", async () => {
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

    test("while it starts: rejects", async () => {
      await using server = await listen({ messages: messages(20) });
      await using client = await logIn(server, options);
      const controller = new AbortController();
      const next = client.retrieve(undefined, { signal: controller.signal }).next();
      controller.abort();
      expect(await settledCode(next)).toBe("POP3_ABORTED");
      expect(await client.stat()).toEqual({ count: 20, size: 231 });
    });

    test("after its end: nothing happens", async () => {
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

  describe("ended by finish()", () => {
    const retrieved = (server: { transcript: { lines: readonly string[] } }): number =>
      server.transcript.lines.filter((line) => line.startsWith("C: RETR")).length;

    test("before it starts: retrieves nothing", async () => {
      await using server = await listen({ messages: messages(20) });
      await using client = await logIn(server, options);
      const loop = client.retrieve();
      loop.finish();
      expect(await loop.next()).toEqual({ done: true, value: undefined });
      expect(retrieved(server)).toBe(0);
    });

    test("in the middle: gives the messages in flight, and retrieves no more", async () => {
      await using server = await listen({ messages: messages(2000) });
      await using client = await logIn(server, options);
      const loop = client.retrieve();
      const seen: string[] = [];
      for await (const message of loop) {
        seen.push(await textOf(message));
        if (message.number === 3) loop.finish();
      }
      expect(seen).toEqual(Array.from({ length: seen.length }, (_, at) => `message ${at + 1}`));
      expect(seen.length).toBeGreaterThanOrEqual(3);
      expect(seen.length).toBeLessThan(2000);
      await client.quit();
      expect(retrieved(server)).toBe(seen.length);
    });

    test("before a message that is too large for the window: does not retrieve it", async () => {
      const large = `Subject: large\r\n\r\n${"x\r\n".repeat(2_000_000)}`;
      await using server = await listen({ messages: ["first\r\n", large, "third\r\n"] });
      await using client = await logIn(server, options);
      const loop = client.retrieve();
      for await (const message of loop) {
        expect(await textOf(message)).toBe("first");
        loop.finish();
      }
      await client.quit();
      expect(retrieved(server)).toBe(1);
    });

    test("at a message that is too large for the window: gives that one", async () => {
      const large = `Subject: large\r\n\r\n${"x\r\n".repeat(2_000_000)}`;
      await using server = await listen({ messages: [large, "second\r\n"] });
      await using client = await logIn(server, options);
      const loop = client.retrieve();
      let octets = 0;
      for await (const message of loop) {
        loop.finish();
        for await (const piece of message) octets += piece.length;
      }
      expect(octets).toBe(large.length);
      expect(retrieved(server)).toBe(1);
    });
  });

  test("the connection ends within a message: rejects that message as truncated, then the loop", async () => {
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

  test("close() inside the loop rejects it", async () => {
    await using server = await listen({ messages: messages(20) });
    await using client = await logIn(server, options);
    let count = 0;
    const loop = async (): Promise<void> => {
      for await (const _ of client.retrieve()) if (++count === 4) client.close();
    };
    expect(await codeOf(loop())).toBe("POP3_CLOSED");
  });

  test("quit() inside the loop ends it, and every call settles", async () => {
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

test("the signal rejects every claimed message, also those before the current one", async () => {
  await using server = await ScriptedServer.listen([
    ...offering("USER", "PIPELINING"),
    ...["C: USER ann", "S: +OK", "C: PASS secret", "S: +OK", "C: CAPA", "S: -ERR"],
    ...["C: LIST", "C: UIDL", "S: +OK", "S: 1 3", "S: 2 3", "S: 3 3", "S: 4 3", "S: .", "S: -ERR"],
    ...["C: RETR 1", "C: RETR 2", "C: RETR 3", "C: RETR 4", "* wait"],
    ...[1, 2, 3, 4].flatMap(() => ["S: +OK", "S: a", "S: ."]),
    ...["C: STAT", "S: +OK 4 12"],
  ]);
  const client = await Pop3Client.connect(toScript(server, { auth }));
  const controller = new AbortController();
  const loop = client.retrieve(undefined, { signal: controller.signal });
  const claimed: Promise<unknown>[] = [];
  for (let count = 0; count < 3; count++) {
    const message = (await loop.next()).value as Pop3Message;
    claimed.push(count === 1 ? drain(message.stream()) : message.buffer());
  }
  for (const call of claimed) call.catch(() => undefined);
  await server.wrote(/RETR 4\r\n/);
  controller.abort();
  expect(await Promise.all(claimed.map(settledCode))).toEqual(Array(3).fill("POP3_ABORTED"));
  expect(await codeOf(loop.next())).toBe("POP3_ABORTED");
  server.goOn();
  expect(await client.stat()).toEqual({ count: 4, size: 12 });
  client.close();
  await server.played();
});
