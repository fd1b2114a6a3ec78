// The window: how many commands are sent ahead, and how much is kept of messages that were not claimed yet.
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3ClientOptions, type Pop3Message } from "../../../src/index.ts";
import { auth, listen, logIn, offering, said, toScript } from "../../support/ann.ts";
import { LineServer } from "../../support/line-server.ts";
import { codeOf } from "../../support/outcome.ts";
import { turns } from "../../support/turns.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";

const asked = (lines: readonly string[]): number[] =>
  lines.flatMap((line) => /^(?:C: )?RETR (\d+)/.exec(line)?.[1] ?? []).map(Number);

describe("the commands that are sent ahead", () => {
  /** Which RETRs lie at the server when the first is claimed and nothing was answered yet; sizes as LIST has them. */
  async function ahead(
    sizes: readonly number[],
    pipelining: Exclude<Pop3ClientOptions["pipelining"], undefined>,
    claim = true,
  ): Promise<number[]> {
    await using server = await ScriptedServer.listen([
      ...offering("USER", "PIPELINING"),
      ...["C: USER ann", "S: +OK", "C: PASS secret", "S: +OK", "C: CAPA", "S: +OK", "S: PIPELINING", "S: ."],
      ...["C: LIST", "C: UIDL", "S: +OK"],
      ...[...sizes.map((size, index) => `S: ${String(index + 1)} ${String(size)}`), "S: .", "S: -ERR"],
    ]);
    const client = await Pop3Client.connect(toScript(server, { auth, pipelining }));
    const first = (await client.retrieve().next()).value as Pop3Message;
    const call = claim ? codeOf(first.buffer()) : undefined;
    await turns();
    client.close();
    await call;
    await server.played();
    return asked(server.lines);
  }

  test("are limited by the octets of the messages", async () => {
    expect(await ahead([100, 100, 100, 100, 100], { octets: 350 })).toEqual([1, 2, 3]);
    expect(await ahead([100, 100, 100, 100, 100], { octets: 99 })).toEqual([1]);
    expect(await ahead([100, 251, 100], { octets: 350 })).toEqual([1]);
    expect(await ahead([0, 0, 0, 0, 0], { octets: 1 })).toEqual([1, 2, 3, 4, 5]);
  });

  test("are limited by the octets of the commands", async () => {
    expect(
      await ahead(
        Array.from({ length: 50 }, () => 1),
        { commandOctets: 48 },
      ),
    ).toHaveLength(4);
    const all = await ahead(
      Array.from({ length: 1000 }, () => 1),
      "auto",
    );
    expect(all.length).toBeGreaterThan(100);
    expect(
      all.reduce((octets, number) => octets + `RETR ${String(number)}\r\n`.length, 0),
    ).toBeLessThanOrEqual(4096);
  });

  test("are not sent with pipelining false", async () => {
    expect(await ahead([100, 100, 100], { octets: 1000, commandOctets: 12 })).toEqual([1]);
  });

  test("do not include a message larger than the window until it is claimed", async () => {
    expect(await ahead([1000, 1, 1], { octets: 350 }, false)).toEqual([]);
    expect(await ahead([1000, 1, 1], { octets: 350 })).toEqual([1]);
    expect(await ahead([1, 1000, 1], { octets: 350 })).toEqual([1]);
  });
});

describe("a message larger than the window", () => {
  const large = Buffer.alloc(5000, "large\r\n");
  const mail = ["a\r\n", large, "b\r\n", large, "c\r\n"];
  const pipelining = { octets: 1000 };

  test("is never retrieved if it is not claimed", async () => {
    await using server = await listen({ messages: mail });
    await using client = await logIn(server, { pipelining });
    const seen: string[] = [];
    for await (const message of client.retrieve()) {
      if ((message.size ?? 0) > 1000) await client.noop();
      else seen.push((await message.buffer()).toString());
    }
    expect(seen).toEqual(["a\r\n", "b\r\n", "c\r\n"]);
    expect(asked(said(server))).toEqual([1, 3, 5]);
  });

  test("comes in its turn when it is claimed", async () => {
    await using server = await listen({ messages: mail });
    await using client = await logIn(server, { pipelining });
    const sizes: number[] = [];
    for await (const message of client.retrieve()) sizes.push((await message.buffer()).length);
    expect(sizes).toEqual([3, 5002, 3, 5002, 3]);
    expect(asked(said(server))).toEqual([1, 2, 3, 4, 5]);
  });

  test("can be claimed without waiting, and as a stream", async () => {
    await using server = await listen({ messages: mail });
    await using client = await logIn(server, { pipelining });
    const sizes: Promise<number>[] = [];
    for await (const message of client.retrieve()) {
      sizes.push(message.stream().reduce((size, octets: Buffer) => size + octets.length, 0));
    }
    expect(await Promise.all(sizes)).toEqual([3, 5002, 3, 5002, 3]);
  });
});

describe("a message larger than limits.message", () => {
  const mail = ["a\r\n", Buffer.alloc(50_000, "large\r\n"), "b\r\n"];

  test("is not retrieved if LIST has announced it: the call rejects, and the session continues", async () => {
    await using server = await listen({ messages: mail });
    await using client = await logIn(server, { limits: { message: 40_000 } });
    const codes: string[] = [];
    for await (const message of client.retrieve()) codes.push(await codeOf(message.buffer()));
    expect(codes).toEqual(["resolved", "POP3_MESSAGE_TOO_LARGE", "resolved"]);
    expect(await codeOf(client.retr(2))).toBe("POP3_MESSAGE_TOO_LARGE");
    expect(client.state).toBe("transaction");
    await client.noop();
  });

  test("can be read as a stream", async () => {
    await using server = await listen({ messages: mail });
    await using client = await logIn(server, { limits: { message: 40_000 } });
    const sizes: number[] = [];
    for await (const message of client.retrieve()) {
      sizes.push(await message.stream().reduce((size, octets: Buffer) => size + octets.length, 0));
    }
    expect(sizes).toEqual([3, 50_002, 3]);
  });

  test("can be read as a stream after buffer() rejected", async () => {
    await using server = await listen({ messages: mail });
    await using client = await logIn(server, { limits: { message: 40_000 } });
    for await (const message of client.retrieve()) {
      if (message.number !== 2) continue;
      expect(await codeOf(message.buffer())).toBe("POP3_MESSAGE_TOO_LARGE");
      expect(await message.stream().reduce((size, octets: Buffer) => size + octets.length, 0)).toBe(50_002);
    }
  });

  test("ends the session if its size was not known", async () => {
    await using server = await listen({ messages: mail });
    await using client = await logIn(server, { limits: { message: 40_000 } });
    expect(await codeOf(client.retr(2))).toBe("POP3_MESSAGE_TOO_LARGE");
    expect(client.state).toBe("closed");
  });
});

describe("wrong sizes in LIST", () => {
  test.each([
    ["too small", "1 1\r\n2 1\r\n3 1\r\n"],
    ["too large", "1 9000000\r\n2 9000000\r\n3 9000000\r\n"],
    ["beyond all memory", `1 ${"9".repeat(15)}\r\n2 1\r\n3 ${"9".repeat(15)}\r\n`],
    ["of some only", "1 3\r\n3 3\r\n"],
  ])("do not change the messages: %s", async (_, listing) => {
    const mail = ["a\r\n", Buffer.alloc(200_000, "b\r\n"), "c\r\n"];
    await using server = await listen({
      messages: mail,
      faults: [{ on: "LIST", reply: `+OK\r\n${listing}.\r\n` }],
    });
    await using client = await logIn(server, {
      pipelining: { octets: 1000 },
      limits: { message: 2 ** 50 },
    });
    const sizes: number[] = [];
    for await (const message of client.retrieve()) {
      sizes.push(await message.stream().reduce((size, octets: Buffer) => size + octets.length, 0));
    }
    expect(sizes).toEqual(listing.includes("\r\n2 ") ? [3, 200_002, 3] : [3, 3]);
    await client.noop();
  });
});

describe("the client keeps", () => {
  const PIECE = Buffer.alloc(16 * 1024, "some text\r\n");
  const MEBIBYTE = 1024 * 1024;

  /** `count` messages of `octets` each. `listed`: the size that LIST announces. */
  function mail(count: number, octets: number, listed = octets): LineServer {
    return new LineServer(function* (line) {
      if (line === "CAPA") yield "+OK\r\nPIPELINING\r\nUSER\r\n.\r\n";
      else if (line === "LIST") {
        yield "+OK\r\n";
        for (let number = 1; number <= count; number++) yield `${String(number)} ${String(listed)}\r\n`;
        yield ".\r\n";
      } else if (line.startsWith("RETR")) {
        yield "+OK\r\n";
        for (let sent = 0; sent < octets; sent += PIECE.length) yield PIECE;
        yield "\r\n.\r\n";
      } else yield line === "UIDL" ? "-ERR\r\n" : "+OK\r\n";
    });
  }

  const connect = (server: LineServer, more: Partial<Pop3ClientOptions> = {}): Promise<Pop3Client> =>
    Pop3Client.connect({
      host: "mail.test",
      secure: false,
      stls: "never",
      socket: server.socket,
      auth,
      ...more,
    });

  test("at most one window of unclaimed messages", async () => {
    const server = mail(100, 256 * 1024);
    await using client = await connect(server, { pipelining: { octets: MEBIBYTE } });
    const loop = client.retrieve();
    await loop.next();
    await turns(500);
    expect(server.sent).toBeGreaterThan(MEBIBYTE / 2);
    expect(server.sent).toBeLessThan(1.5 * MEBIBYTE);
    await loop.return();
    client.close();
  });

  test("at most limits.message of all of them while a command waits, whatever LIST says of their sizes", async () => {
    const server = mail(100, 256 * 1024, 100);
    await using client = await connect(server, {
      pipelining: { octets: 4096 },
      limits: { message: MEBIBYTE },
    });
    const loop = client.retrieve();
    let next = await loop.next();
    const waiting = codeOf(client.noop());
    await turns(500);
    expect(server.sent).toBeGreaterThan(MEBIBYTE / 2);
    expect(server.sent).toBeLessThan(1.5 * MEBIBYTE);
    // The loop goes on, and the command gets its reply.
    for (; next.done !== true; next = await loop.next()) await next.value.buffer();
    expect(await waiting).toBe("resolved");
    client.close();
  });

  test("little of an unread stream", async () => {
    const server = mail(1, 64 * MEBIBYTE);
    await using client = await connect(server);
    const stream = client.retrStream(1);
    stream.on("error", () => undefined);
    await once(stream, "readable");
    await turns(500);
    expect(server.sent).toBeLessThan(MEBIBYTE / 2);
    client.close();
  });

  test("little of an unread stream in a loop", async () => {
    const server = mail(3, 64 * MEBIBYTE);
    await using client = await connect(server);
    const loop = client.retrieve();
    const stream = ((await loop.next()).value as Pop3Message).stream();
    stream.on("error", () => undefined);
    await once(stream, "readable");
    await turns(500);
    expect(server.sent).toBeLessThan(MEBIBYTE);
    client.close();
  });

  test("every octet of messages that are read", async () => {
    const server = mail(20, 256 * 1024);
    await using client = await connect(server, { pipelining: { octets: MEBIBYTE } });
    let octets = 0;
    for await (const message of client.retrieve()) {
      await turns(10);
      octets += (await message.buffer()).length;
    }
    expect(octets).toBe(20 * (256 * 1024 + 2));
    client.close();
  });
});
