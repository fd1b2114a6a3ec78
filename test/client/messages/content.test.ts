// Every octet of every message arrives as it was sent, however the network splits it and whichever method
// reads it.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { beforeAll, describe, expect, test } from "vitest";
import { Pop3Client, type Pop3ClientOptions, type Pop3Message } from "../../../src/index.ts";
import type { Pop3Server } from "../../../src/testing/index.ts";
import { asReceived, seededMessages } from "../../support/messages.ts";
import { auth, listen, logIn, to } from "../../support/ann.ts";

const SEED = 20_000;
const all = [...seededMessages(2000, SEED)];
const small = all.filter((message) => message.length < 10_000);
const large = all.filter((message) => message.length >= 10_000);

const digest = (octets: Buffer): string => createHash("sha256").update(octets).digest("hex");
const digests = (messages: readonly Buffer[]): string[] => messages.map((each) => digest(asReceived(each)));

/** What a client gets to see of the maildrop, by `take`. */
async function received(
  client: Pop3Client,
  take: (message: Pop3Message) => Promise<string>,
): Promise<string[]> {
  const taken: string[] = [];
  for await (const message of client.retrieve()) taken.push(await take(message));
  return taken;
}

const asBuffer = async (message: Pop3Message): Promise<string> => digest(await message.buffer());

async function asStream(message: Pop3Message): Promise<string> {
  const hash = createHash("sha256");
  for await (const octets of message) hash.update(octets);
  return hash.digest("hex");
}

/** Gives what a socket brings octet by octet: the packets of TCP may join what was sent apart, these never do. */
class OctetByOctet extends Duplex {
  readonly #socket: Socket;
  #chunk: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.on("readable", () => {
      this._read();
    });
    socket.on("end", () => this.push(null));
    socket.on("error", (error) => this.destroy(error));
  }

  override _read(): void {
    for (;;) {
      if (this.#chunk.length === 0) {
        const chunk = this.#socket.read() as Buffer | null;
        if (chunk === null) return;
        this.#chunk = chunk;
      }
      const octet = this.#chunk.subarray(0, 1);
      this.#chunk = this.#chunk.subarray(1);
      if (!this.push(octet)) return;
    }
  }

  override _write(octets: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(octets, done);
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}

async function octetByOctet(server: Pop3Server, more: Partial<Pop3ClientOptions> = {}): Promise<Pop3Client> {
  const socket = connect(server.port, server.host);
  await once(socket, "connect");
  return logIn(server, { socket: new OctetByOctet(socket), ...more });
}

describe("the messages of this test", () => {
  test("are the same in each run, and differ with another seed", () => {
    const one = [...seededMessages(40, 1)].map(digest);
    expect([...seededMessages(40, 1)].map(digest)).toEqual(one);
    expect([...seededMessages(40, 2)].map(digest)).not.toEqual(one);
  });

  test("are of every kind", () => {
    expect(all).toHaveLength(2000);
    expect(large).toHaveLength(10);
    const some = (pattern: RegExp): boolean => all.some((each) => pattern.test(each.toString("latin1")));
    for (const pattern of [
      /^$/,
      /^\./,
      /\r\n\.\r\n/,
      /\r\n\.\.\r\n/,
      /[^\r]\n\.\n/,
      /\0/,
      /\r[^\n]/,
      /[^\n]$/,
      /\r$/,
      /[^\r]\n$/,
    ]) {
      expect(some(pattern), String(pattern)).toBe(true);
    }
    expect(all.some((each) => each.toString("utf8").includes("日"))).toBe(true);
    expect(large.every((each) => each.indexOf("\n") === -1 || each.length > 1024 * 1024)).toBe(true);
  });
});

describe("two thousand messages arrive unchanged", () => {
  let server: Pop3Server;
  beforeAll(async () => {
    server = await listen({ messages: all, tls: true, lock: false });
    return () => server.close();
  });

  test.each([
    ["as Buffers", asBuffer],
    ["as streams", asStream],
  ])("over TLS, %s", async (_, take) => {
    await using client = await Pop3Client.connect(to(server, { auth }));
    expect(await received(client, take)).toEqual(digests(all));
  });

  test("by one RETR after another", async () => {
    await using client = await Pop3Client.connect(to(server, { auth, pipelining: false }));
    const taken: string[] = [];
    for (let number = 1; number <= all.length; number++) taken.push(digest(await client.retr(number)));
    expect(taken).toEqual(digests(all));
  });

  test("all at once", async () => {
    await using client = await Pop3Client.connect(to(server, { auth }));
    const taken = await Promise.all(all.map(async (_, index) => digest(await client.retr(index + 1))));
    expect(taken).toEqual(digests(all));
  });

  test("by retrStream", async () => {
    await using client = await Pop3Client.connect(to(server, { auth }));
    const taken: string[] = [];
    for (let number = 1; number <= 400; number++) {
      const hash = createHash("sha256");
      for await (const octets of client.retrStream(number)) hash.update(octets as Buffer);
      taken.push(hash.digest("hex"));
    }
    expect(taken).toEqual(digests(all.slice(0, 400)));
  });

  test("with the announced sizes", async () => {
    await using client = await Pop3Client.connect(to(server, { auth }));
    expect([...(await client.list()).values()]).toEqual(all.map((each) => asReceived(each).length));
    for await (const message of client.retrieve(Array.from({ length: 300 }, (_, index) => index + 1))) {
      expect((await message.buffer()).length).toBe(message.size);
    }
  });
});

describe("octet by octet, messages arrive unchanged", () => {
  test.each([
    ["as Buffers", asBuffer],
    ["as streams", asStream],
  ])("of a small size, %s", async (_, take) => {
    await using server = await listen({ messages: small });
    await using client = await octetByOctet(server);
    expect(await received(client, take)).toEqual(digests(small));
  });

  test("with lines of a mebibyte", async () => {
    // Each is a single long line: three of them suffice where each octet is a chunk.
    const messages = large.slice(0, 3);
    await using server = await listen({ messages });
    await using client = await octetByOctet(server);
    expect(await received(client, asBuffer)).toEqual(digests(messages));
  });

  test("with one command at a time", async () => {
    const messages = small.slice(0, 300);
    await using server = await listen({ messages });
    await using client = await octetByOctet(server, { pipelining: false });
    expect(await received(client, asBuffer)).toEqual(digests(messages));
  });

  test("from a server that sends each octet alone", async () => {
    const messages = small.slice(0, 165);
    await using server = await listen({ messages, chunk: 1 });
    await using client = await logIn(server);
    expect(await received(client, asBuffer)).toEqual(digests(messages));
  });

  test.each([2, 3, 5, 1021])("from a server that sends %d octets at a time", async (chunk) => {
    const messages = small.slice(0, 110);
    await using server = await listen({ messages, chunk });
    await using client = await logIn(server);
    expect(await received(client, asStream)).toEqual(digests(messages));
  });
});

test("TOP returns the headers and some lines", async () => {
  const messages = [...seededMessages(60, SEED, ["ascii", "utf8", "dots", "replies"])];
  await using server = await listen({ messages });
  await using client = await logIn(server);
  for (const lines of [0, 1, 3, 1000]) {
    let index = 0;
    for await (const message of client.retrieve(undefined, { top: lines })) {
      const octets = await message.buffer();
      const whole = asReceived(messages[index++] as Buffer);
      expect(octets.equals(whole.subarray(0, octets.length))).toBe(true);
      if (lines === 1000) expect(octets).toHaveLength(whole.length);
      expect(octets).toEqual(await client.top(message.number, lines));
    }
    expect(index).toBe(messages.length);
  }
});
