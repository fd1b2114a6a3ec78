// A message that is too large for memory is streamed in pieces. It is held in memory only if the caller asks
// for that.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "../../src/index.ts";
import { Dovecot } from "../servers/dovecot.ts";
import { sha256 } from "./sha256.ts";
import { reach, type Transport } from "../servers/transport.ts";
import { Wire } from "./wire.ts";

const MIB = 1024 * 1024;
/** The most octets by which resident memory may grow while the message passes. */
const GROWTH = 100 * MIB;

const small = Buffer.from("Subject: small\r\n\r\nA line.\r\n");

/** 200 MiB and a little more: lines of 0 to 998 octets that end in CRLF, some with dots in front. */
function* large(): Generator<Buffer> {
  yield Buffer.from("Subject: large\r\n\r\n");
  for (let octets = 0, line = 0; octets < 200 * MIB;) {
    let piece = "";
    while (piece.length < 64 * 1024) {
      const text = String.fromCharCode(97 + (line % 26)).repeat((line * 7) % 997);
      piece += `${".".repeat(line % 3)}${text}\r\n`;
      line++;
    }
    octets += piece.length;
    yield Buffer.from(piece, "latin1");
  }
}

describe("a message of 200 MiB between two small ones", () => {
  let server: Dovecot;
  let size = 0;
  let hash = "";
  const connect = (transport: Transport, options: Partial<Pop3ClientOptions> = {}): Promise<Pop3Client> =>
    Pop3Client.connect({ ...reach(server, transport), auth: { user: "ann", pass: "secret" }, ...options });

  beforeAll(async () => {
    server = await Dovecot.start({ users: { ann: "secret" }, lockSession: false });
    const digest = createHash("sha256");
    const digested = function* (): Generator<Buffer> {
      for (const piece of large()) {
        size += piece.length;
        digest.update(piece);
        yield piece;
      }
    };
    await server.deliver("ann", [small]);
    await server.deliverStream("ann", digested());
    await server.deliver("ann", [small]);
    hash = digest.digest("hex");
  });

  afterAll(() => server.stop());

  // First, while this process has not yet held it for another reason.
  it.each(["plain", "TLS port"] as const)("is streamed over %s with flat memory", async (transport) => {
    await using client = await connect(transport);
    const before = process.memoryUsage.rss();
    let peak = before;
    let octets = 0;
    let sampled = 0;
    const digest = createHash("sha256");
    for await (const piece of client.retrStream(2) as AsyncIterable<Buffer>) {
      digest.update(piece);
      octets += piece.length;
      if (octets - sampled < MIB) continue;
      sampled = octets;
      peak = Math.max(peak, process.memoryUsage.rss());
    }
    expect(octets).toBe(size);
    expect(digest.digest("hex")).toBe(hash);
    expect(peak - before).toBeLessThan(GROWTH);
    expect(sha256(await client.retr(3))).toBe(sha256(small));
    await client.quit();
  });

  it("is not read from the server faster than its stream is consumed", async () => {
    const { host, port } = server;
    const socket = connectSocket({ host, port });
    await once(socket, "connect");
    await using client = await connect("plain", { socket });
    const before = process.memoryUsage.rss();
    const digest = createHash("sha256");
    let octets = 0;
    for await (const piece of client.retrStream(2) as AsyncIterable<Buffer>) {
      if (octets === 0) {
        // For as long as another session takes for all of it, this one stands still.
        await using other = await connect("plain");
        for await (const _piece of other.retrStream(2));
        await other.quit();
        expect(socket.bytesRead).toBeLessThan(MIB);
        expect(process.memoryUsage.rss() - before).toBeLessThan(GROWTH);
      }
      octets += piece.length;
      digest.update(piece);
    }
    expect(digest.digest("hex")).toBe(hash);
    await client.quit();
  });

  it("is streamed by retrieve() in its place, and the small ones are Buffers", async () => {
    await using client = await connect("plain");
    const hashes: string[] = [];
    for await (const message of client.retrieve()) {
      if (message.size === size) {
        const digest = createHash("sha256");
        for await (const piece of message) digest.update(piece);
        hashes.push(digest.digest("hex"));
      } else hashes.push(sha256(await message.buffer()));
    }
    expect(hashes).toEqual([sha256(small), hash, sha256(small)]);
    await client.quit();
  });

  it("is not requested if its size is known and exceeds the limit", async () => {
    using wire = new Wire();
    await using client = await connect("plain");
    expect((await client.list()).get(2)).toBe(size);
    wire.take();
    await expect(client.retr(2)).rejects.toMatchObject({ code: "POP3_MESSAGE_TOO_LARGE" });
    const outcomes: string[] = [];
    for await (const message of client.retrieve()) {
      const outcome = await message
        .buffer()
        .then(sha256, (error: unknown) => (error as { code: string }).code);
      outcomes.push(outcome);
    }
    expect(outcomes).toEqual([sha256(small), "POP3_MESSAGE_TOO_LARGE", sha256(small)]);
    await client.quit();
    expect(wire.take().filter((command) => command.startsWith("RETR"))).toEqual(["RETR 1", "RETR 3"]);
  });

  it("ends the session at the limit if its size was not known", async () => {
    await using client = await connect("plain");
    const [large, next] = await Promise.allSettled([client.retr(2), client.noop()]);
    expect(large).toMatchObject({ reason: { code: "POP3_MESSAGE_TOO_LARGE", command: "RETR 2" } });
    expect(next).toMatchObject({ reason: { code: "POP3_MESSAGE_TOO_LARGE", command: "NOOP" } });
    expect(client.state).toBe("closed");
  });

  it.each([true, false])("arrives as one Buffer if the limit is raised (sizes known: %s)", async (known) => {
    await using client = await connect("plain", { limits: { message: 256 * MIB } });
    if (known) await client.list();
    const message = await client.retr(2);
    expect(message.length).toBe(size);
    expect(sha256(message)).toBe(hash);
    await client.quit();
  });
});
