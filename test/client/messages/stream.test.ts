// `retrStream()` gives octets as they arrive, is destroyed by errors, and always lets the next command run.
import { once } from "node:events";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, expect, test } from "vitest";
import type { Readable } from "node:stream";
import { listen, logIn, said } from "../../support/ann.ts";
import { stopClocks, timePasses } from "../../support/clock.ts";
import { codeOf } from "../../support/outcome.ts";
import { turns } from "../../support/turns.ts";
import { expectNothingUnhandled } from "../../support/unhandled.ts";

expectNothingUnhandled();
stopClocks();

const LARGE = Buffer.alloc(3_000_000, "some text, and a little more of it\r\n");
const mail = ["one\r\n", LARGE, "three\r\n"];

/** Reads to the end; gives how many octets there were. */
async function length(stream: Readable): Promise<number> {
  let octets = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) octets += chunk.length;
  return octets;
}

describe("a destroyed stream", () => {
  test("that was not read yet lets the next command run", async () => {
    await using server = await listen({ messages: mail });
    await using client = await logIn(server);
    client.retrStream(2).destroy();
    expect((await client.retr(3)).toString()).toBe("three\r\n");
    const stream = client.retrStream(2);
    await turns(3);
    stream.destroy();
    expect((await client.retr(1)).toString()).toBe("one\r\n");
  });

  test("that was not sent yet is never sent", async () => {
    await using server = await listen({ messages: mail });
    await using client = await logIn(server);
    await client.noop();
    client.retrStream(2).destroy();
    await client.noop();
    expect(said(server)).not.toContain("C: RETR 2");
  });

  test("in the middle lets the next command get its own answer", async () => {
    await using server = await listen({ messages: mail });
    await using client = await logIn(server);
    for await (const _ of client.retrStream(2)) break;
    expect((await client.retr(3)).toString()).toBe("three\r\n");
    expect(await length(client.retrStream(2))).toBe(LARGE.length + 2);
  });

  test("with an error of the caller emits that error", async () => {
    await using server = await listen({ messages: mail });
    await using client = await logIn(server);
    const error = new Error("disk full");
    const sink = new Writable({
      write(_, __, done) {
        done(error);
      },
    });
    await expect(pipeline(client.retrStream(2), sink)).rejects.toBe(error);
    expect((await client.retr(1)).toString()).toBe("one\r\n");
  });

  test("after its end does nothing", async () => {
    await using server = await listen({ messages: mail });
    await using client = await logIn(server);
    const stream = client.retrStream(1);
    expect(await length(stream)).toBe(5);
    stream.destroy();
    await client.noop();
  });

  test("with too much left to read closes the connection", async () => {
    await using server = await listen({ messages: mail });
    await using client = await logIn(server, { limits: { drain: 1000 } });
    for await (const _ of client.retrStream(2)) break;
    expect(await codeOf(client.retr(3))).toBe("POP3_ABANDONED");
    expect(client.state).toBe("closed");
  });

  test.each(["before", "at once", "later"])("can be aborted by its signal, %s", async (when) => {
    await using server = await listen({ messages: mail });
    await using client = await logIn(server);
    await client.noop();
    const controller = new AbortController();
    if (when === "before") controller.abort();
    const stream = client.retrStream(2, { signal: controller.signal });
    if (when === "at once") controller.abort();
    if (when === "later") {
      await once(stream, "readable");
      controller.abort();
    }
    expect(await codeOf(length(stream))).toBe("POP3_ABORTED");
    expect((await client.retr(3)).toString()).toBe("three\r\n");
    expect(said(server).includes("C: RETR 2")).toBe(when === "later");
  });
});

describe("a stream that fails", () => {
  test.each([0, -1, 1.5, Number.NaN])("because the message number is %d", async (number) => {
    await using server = await listen({ messages: mail });
    await using client = await logIn(server);
    expect(await codeOf(length(client.retrStream(number)))).toBe("POP3_INVALID_ARGUMENT");
    await client.noop();
  });

  test("because the server has no such message", async () => {
    await using server = await listen({ messages: mail });
    await using client = await logIn(server);
    expect(await codeOf(length(client.retrStream(9)))).toBe("POP3_REFUSED");
    await client.noop();
  });

  test("because the connection ends does not emit `end`", async () => {
    await using server = await listen({ messages: mail, faults: [{ on: "RETR", close: 1_000_000 }] });
    await using client = await logIn(server);
    const stream = client.retrStream(2);
    const events: string[] = [];
    stream.on("end", () => events.push("end"));
    stream.on("close", () => events.push("close"));
    stream.on("error", (error: { code?: string }) => events.push(error.code ?? "error"));
    let octets = 0;
    stream.on("data", (chunk: Buffer) => (octets += chunk.length));
    await new Promise((resolve) => stream.once("close", resolve));
    expect(events).toEqual(["POP3_TRUNCATED", "close"]);
    expect(octets).toBeLessThan(1_000_000);
    expect(LARGE.length).toBeGreaterThan(octets);
  });
});

describe("a listener can", () => {
  test("close the client", async () => {
    await using server = await listen({ messages: mail });
    await using client = await logIn(server);
    const stream = client.retrStream(2);
    stream.on("data", () => {
      client.close();
    });
    const noop = codeOf(client.noop());
    const [error] = (await once(stream, "error")) as [{ code: string }];
    expect(error.code).toBe("POP3_CLOSED");
    expect(await noop).toBe("POP3_CLOSED");
    await server.idle();
  });

  test("destroy the stream, and continue with other commands", async () => {
    await using server = await listen({ messages: mail });
    await using client = await logIn(server);
    const stream = client.retrStream(2);
    let next: Promise<Buffer> | undefined;
    stream.on("data", () => {
      stream.destroy();
      next ??= client.retr(3);
    });
    await once(stream, "close");
    expect((await next)?.toString()).toBe("three\r\n");
  });

  test("pause and resume the stream", async () => {
    await using server = await listen({ messages: mail });
    await using client = await logIn(server);
    const stream = client.retrStream(2);
    let octets = 0;
    stream.on("data", (chunk: Buffer) => {
      octets += chunk.length;
      stream.pause();
      setImmediate(() => stream.resume());
    });
    await once(stream, "end");
    expect(octets).toBe(LARGE.length + 2);
    await client.noop();
  });
});

describe("several streams at once", () => {
  test("come one after another", async () => {
    await using server = await listen({ messages: mail });
    await using client = await logIn(server);
    const lengths = [2, 1, 2, 3].map(async (number) => length(client.retrStream(number)));
    const stat = client.stat();
    expect(await Promise.all(lengths)).toEqual([LARGE.length + 2, 5, LARGE.length + 2, 7]);
    expect((await stat).count).toBe(3);
  });

  test("reject the waiting call with POP3_IDLE_TIMEOUT if the first is not read", async () => {
    await using server = await listen({ messages: mail });
    await using client = await logIn(server, { timeouts: { body: 50 } });
    const stream = client.retrStream(2);
    const failed = once(stream, "error");
    expect(await codeOf(timePasses(client.noop()))).toBe("POP3_IDLE_TIMEOUT");
    expect(await failed).toMatchObject([{ code: "POP3_IDLE_TIMEOUT" }]);
  });

  test("lose nothing with a slow consumer", async () => {
    await using server = await listen({ messages: mail });
    await using client = await logIn(server);
    let octets = 0;
    const sink = new Writable({
      highWaterMark: 1000,
      write(chunk: Buffer, _, done) {
        octets += chunk.length;
        setImmediate(done);
      },
    });
    await pipeline(client.retrStream(2), sink);
    expect(octets).toBe(LARGE.length + 2);
  });
});
