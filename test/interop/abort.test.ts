// An aborted call leaves the session in step: the next command gets its own reply.
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Pop3Client, type Pop3ClientOptions, type Pop3Message } from "../../src/index.ts";
import { Dovecot, servedOctets } from "../servers/dovecot.ts";
import { sha256 } from "./sha256.ts";
import { reach, transports, type Transport } from "../servers/transport.ts";

const COUNT = 60;
const MIB = 1024 * 1024;
/** Some 126,000 octets; each line says which message it is of. */
const letter = (number: number): Buffer =>
  servedOctets(
    Buffer.from(
      `Subject: message ${number}\r\n\r\n${`.${String(number).padStart(60, ".")}\r\n`.repeat(2000)}`,
    ),
  );
const huge = Buffer.from(`Subject: huge\r\n\r\n${`${"x".repeat(998)}\r\n`.repeat(20_000)}`);
const messages = Array.from({ length: COUNT }, (_, index) => letter(index + 1));

describe("aborting", () => {
  let server: Dovecot;
  const connect = (
    transport: Transport = "TLS port",
    options: Partial<Pop3ClientOptions> = {},
  ): Promise<Pop3Client> =>
    Pop3Client.connect({ ...reach(server, transport), auth: { user: "ann", pass: "secret" }, ...options });

  beforeAll(async () => {
    server = await Dovecot.start({ users: { ann: "secret" } });
    await server.deliver("ann", [...messages, huge]);
  });

  afterAll(() => server.stop());

  async function expectInStep(client: Pop3Client): Promise<void> {
    const [stat, size, seven, top] = await Promise.all([
      client.stat(),
      client.list(9),
      client.retr(7),
      client.top(5),
    ]);
    expect(stat.count).toBe(COUNT + 1);
    expect(size).toBe(messages[8]?.length);
    expect(sha256(seven)).toBe(sha256(messages[6] as Buffer));
    expect(top.toString()).toBe("Subject: message 5\r\n\r\n");
    await client.quit();
  }

  it.each(transports)("retrieve() in the middle of a message, by its signal, over %s", async (transport) => {
    await using client = await connect(transport);
    const abort = new AbortController();
    const reason = new Error("enough");
    const loop = async (): Promise<void> => {
      for await (const message of client.retrieve(undefined, { signal: abort.signal })) {
        if (message.number === 3) for await (const _octets of message) abort.abort(reason);
        else await message.buffer();
      }
    };
    await expect(loop()).rejects.toMatchObject({ name: "AbortError", code: "POP3_ABORTED", cause: reason });
    await expectInStep(client);
  });

  it("retrieve() while the caller waits for a Buffer", async () => {
    await using client = await connect();
    const abort = new AbortController();
    const retrieval = client.retrieve(undefined, { signal: abort.signal });
    const first = (await retrieval.next()) as IteratorYieldResult<Pop3Message>;
    const claimed = first.value.buffer();
    abort.abort();
    await expect(claimed).rejects.toMatchObject({ code: "POP3_ABORTED" });
    await expect(retrieval.next()).rejects.toMatchObject({ code: "POP3_ABORTED" });
    await expectInStep(client);
  });

  it("a loop that is left in the middle of a message", async () => {
    await using client = await connect();
    for await (const message of client.retrieve()) {
      if (message.number < 4) continue;
      const stream = message.stream();
      for await (const _octets of stream) break;
      expect(stream.destroyed).toBe(true);
      break;
    }
    await expectInStep(client);
  });

  it.each([
    ["in flight", "auto"],
    ["not sent yet", false],
  ] as const)("commands %s", async (_, pipelining) => {
    await using client = await connect("TLS port", { pipelining });
    const abort = new AbortController();
    const { signal } = abort;
    const first = client.retr(1);
    const calls = [client.retr(2, { signal }), client.retr(3, { signal }), client.uidl({ signal })];
    const settled = Promise.allSettled(calls);
    expect(sha256(await first)).toBe(sha256(messages[0] as Buffer));
    abort.abort();
    for (const outcome of await settled) expect(outcome).toMatchObject({ reason: { code: "POP3_ABORTED" } });
    await expectInStep(client);
  });

  it("streams one after the other, each after its first octets", async () => {
    await using client = await connect();
    for (let number = 1; number <= 20; number++) {
      for await (const octets of client.retrStream(number) as AsyncIterable<Buffer>) {
        expect(octets.toString("latin1")).toMatch(new RegExp(`^Subject: message ${number}\r\n`));
        break;
      }
    }
    await expectInStep(client);
  });

  it("with more left than is worth reading: the connection is closed, and the error says so", async () => {
    await using client = await connect();
    await client.list();
    const stream = client.retrStream(COUNT + 1);
    const next = client.noop();
    for await (const _octets of stream) break;
    await expect(next).rejects.toMatchObject({ code: "POP3_ABANDONED", command: "NOOP" });
    expect(client.state).toBe("closed");
  });

  it("with more left than is worth reading, and an unknown size: the connection is closed later", async () => {
    const { host, port } = server;
    const socket = connectSocket({ host, port });
    await once(socket, "connect");
    await using client = await connect("plain", { socket, limits: { drain: MIB } });
    const stream = client.retrStream(COUNT + 1);
    const next = client.noop();
    for await (const _octets of stream) break;
    await expect(next).rejects.toMatchObject({ code: "POP3_ABANDONED", command: "NOOP" });
    expect(client.state).toBe("closed");
    expect(socket.destroyed).toBe(true);
    expect(socket.bytesRead).toBeLessThan(2 * MIB);
  });

  it("with more left than is worth reading by default, and a raised limit: the session continues", async () => {
    await using client = await connect("TLS port", { limits: { drain: 64 * MIB } });
    await client.list();
    for await (const _octets of client.retrStream(COUNT + 1)) break;
    await expectInStep(client);
  });
});
