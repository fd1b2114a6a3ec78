// A recorded session can be replayed as a server, and the same client gets the same results from it.
import fc from "../support/fast-check.ts";
import { describe, expect, it } from "vitest";
import { Pop3Client, type Pop3Error, type Pop3ClientOptions } from "../../src/index.ts";
import {
  Pop3Server,
  type Fault,
  type Pop3ServerOptions,
  type ReplayServer,
} from "../../src/testing/index.ts";

const auth = { user: "ann", pass: "secret" };

/** 20 messages from 0 octets to 30 000, with dots at the start of lines and none. */
const messages = Array.from({ length: 20 }, (_, index) => ".x\r\n".repeat(index * index * 20));
const users = {
  ann: { pass: auth.pass, messages, uids: messages.map((_, index) => `<${String(index)}> \\x41`) },
};

type Options = Partial<Pop3ClientOptions>;
type Use = (client: Pop3Client) => Promise<unknown>;

/** What the client learns, call by call; a failure is its code. */
async function learnt(
  server: Pop3Server | ReplayServer,
  options: Options,
  use: readonly Use[],
): Promise<unknown[]> {
  const { host, port, secure, ca } = server;
  const results: unknown[] = [];
  const note = async (promise: Promise<unknown>): Promise<void> => {
    results.push(await promise.catch((error: unknown) => (error as Pop3Error).code));
  };
  const client = new Pop3Client({ host, port, secure, tls: { ca }, auth, ...options });
  await note(client.connect());
  for (const each of use) await note(each(client));
  // connect() leaves CAPA in flight: its answer has come when a later call has settled.
  results.push(client.greeting, client.capabilities, client.secure);
  client.close();
  await server.idle();
  return results;
}

/** Records a session, replays it to the same client, and records that, too. */
async function recordAndReplay(
  setting: Pop3ServerOptions,
  options: Options,
  use: readonly Use[],
): Promise<readonly [original: unknown[], replayed: unknown[]]> {
  await using server = await Pop3Server.listen({ users, ...setting });
  const original = await learnt(server, options, use);
  const recorded = String(server.transcript);
  expect(recorded).not.toContain("secret");
  await using replay = await Pop3Server.replay(recorded);
  const replayed = await learnt(replay, options, use);
  expect(replay.mismatch).toBeUndefined();
  expect(String(replay.transcript)).toBe(recorded);
  return [original, replayed];
}

/** All there is; of a message its size. */
const everything: readonly Use[] = [
  (client) => client.stat(),
  (client) => client.list(),
  (client) => client.uidl(),
  (client) => client.list(3),
  (client) => client.uidl(3),
  (client) => client.retr(99),
  (client) => client.retr(5).then(({ length }) => length),
  (client) => client.top(5, 2).then(({ length }) => length),
  (client) => client.lang(),
  async (client) => {
    const seen: unknown[] = [];
    for await (const message of client.retrieve()) {
      seen.push(message.number, message.uid, message.size, (await message.buffer()).length);
      if (message.number % 3 === 0) await client.dele(message.number);
    }
    return seen;
  },
  (client) => client.rset(),
  (client) => client.dele([1, 2]),
  (client) => client.noop(),
  (client) => client.quit(),
];

describe("a recorded session", () => {
  it.each<[string, Pop3ServerOptions, Options]>([
    ["PASS", { sasl: [], apop: false }, { stls: "never", allowPlaintextAuth: true }],
    ["PASS within STLS", { sasl: [] }, {}],
    ["PASS over TLS", { sasl: [], tls: true }, {}],
    ["APOP", { user: false, sasl: [] }, {}],
    ["PLAIN", { sasl: ["PLAIN"] }, {}],
    ["LOGIN", { sasl: ["LOGIN"], user: false, apop: false }, {}],
    ["CRAM-MD5", { sasl: ["CRAM-MD5"] }, { auth: { ...auth, mechanism: "CRAM-MD5" } }],
    ["a wrong password", { sasl: [], attempts: 1 }, { auth: { ...auth, pass: "wrong" } }],
    ["no CAPA", { capabilities: false, tls: true }, {}],
    ["no pipelining", { pipelining: false, tls: true }, {}],
    ["unusual capabilities", { capabilities: ["X-É \u0085", "(5 octets)"], greeting: "C:\\" }, {}],
  ])("gives the same client the same results: %s", async (_, setting, options) => {
    const [original, replayed] = await recordAndReplay(setting, options, everything);
    expect(replayed).toEqual(original);
  });

  it.each<[string, Fault]>([
    ["a refusal", { on: "UIDL", reply: "-ERR [SYS/TEMP] not now\r\n" }],
    [
      "a line that is not part of the protocol",
      { on: "STAT", reply: Buffer.from("+OK\xff 1\n 2\r\n", "latin1") },
    ],
    ["one answer too many", { on: "NOOP", twice: true }],
    ["the end of the connection", { on: "RETR", nth: 3, close: 50 }],
    ["the end of the connection, by RST", { on: "RETR", nth: 3, reset: 0 }],
    ["the loss of the last answer", { on: "QUIT", close: 0 }],
    ["an end other than promised", { on: "QUIT", reply: "-ERR some messages not removed\r\n" }],
    ["a listing that is cut off", { on: "LIST", cut: 30 }],
    ["endless capabilities", { on: "CAPA", reply: "+OK\r\n", flood: "X-ENDLESS\r\n" }],
  ])("fails in the same way: %s", async (_, fault) => {
    const [original, replayed] = await recordAndReplay({ tls: true, faults: [fault] }, {}, everything);
    expect(replayed).toEqual(original);
  });

  it("replays whatever the client does, in as many sessions as were recorded", async () => {
    const number = fc.integer({ min: 1, max: 21 });
    const use: fc.Arbitrary<Use> = fc.oneof(
      fc.constantFrom<Use>(...everything.slice(0, -1)),
      number.map(
        (n): Use =>
          (client) =>
            client.dele(n),
      ),
      number.map(
        (n): Use =>
          (client) =>
            client.list(n),
      ),
      number.map(
        (n): Use =>
          (client) =>
            client.retr(n).then(({ length }) => length),
      ),
      fc.array(number, { minLength: 1, maxLength: 5 }).map(
        (numbers): Use =>
          async (client) =>
            (await Promise.allSettled(numbers.map((n) => client.retr(n)))).map(({ status }) => status),
      ),
    );
    // What connect(), or a loop that fails, leaves in flight is answered along with the next command, or may be lost if
    // none follows.
    const noop: Use = (client) => client.noop();
    const quit: Use = (client) => client.quit();
    const session = fc
      .tuple(fc.array(use, { maxLength: 6 }), fc.boolean())
      .map(([uses, quits]) => [noop, ...uses, quits ? quit : noop]);
    const sessions = fc.array(session, { minLength: 1, maxLength: 3 });
    // However the octets come, the client's lines come in the same order.
    const chunks = fc.constantFrom(Infinity, 10_000, 1000);
    await fc.assert(
      fc.asyncProperty(sessions, chunks, async (uses, chunk) => {
        await using server = await Pop3Server.listen({ users, sasl: [], pipelining: uses.length > 1 });
        const options = { stls: "never" } as const;
        const original = [];
        for (const each of uses) original.push(await learnt(server, options, each));
        await using replay = await Pop3Server.replay(server.transcript, { chunk });
        const replayed = [];
        for (const each of uses) replayed.push(await learnt(replay, options, each));
        expect(replay.mismatch).toBeUndefined();
        expect(replayed).toEqual(original);
        expect(String(replay.transcript)).toBe(String(server.transcript));
      }),
      { seed: 1939, numRuns: 40 },
    );
  });
});

describe("a recorded session with a proof of the server", () => {
  it("cannot be replayed, because the client rejects the old proof", async () => {
    await using server = await Pop3Server.listen({ users, sasl: ["SCRAM-SHA-256"], tls: true });
    const [connected] = await learnt(server, {}, everything);
    expect(connected).toBeUndefined();
    await using replay = await Pop3Server.replay(server.transcript);
    expect((await learnt(replay, {}, everything))[0]).toBe("POP3_CLOSED");
    expect(replay.mismatch).toMatchObject({ expected: "C: ****", got: "C: *" });
  });
});
