// Properties that hold for any octets of a server. Each is also tested on its parts:
//
// (a) any chunking gives the same result and the same rest as one chunk: test/protocol/dot-decoder,
//     line-reader, reply-reader and listings; here for whole sessions;
// (b) a message that is encoded and decoded is unchanged, except for a missing CRLF: test/protocol/dot-decoder,
//     dot-encoder; here through a session;
// (c) every two cuts, and every octet by itself: test/protocol, by `everyCut` of octets.ts;
// (d) the work is linear in the input: test/protocol/dot-decoder ("linear work"), client/messages/reception,
//     octet-buffer, capabilities; here for the commands of a session;
// (e) every promise settles, and every answer reaches the call that asked for it: test/client/session/random.test.ts,
//     test/faults/model.test.ts;
// (f) parsers throw only typed errors: test/protocol/listings, reply, capabilities; here for whole sessions;
// (g) a secret is in no error, log line or inspection, for any text of a server: test/protocol/commands,
//     test/client/login/secrets.test.ts and test/auth; here for servers that repeat the client's lines.
//
// test/fuzz looks for inputs that break (a), (b), (d), (f) and (g) in single parsers, guided by their branches.
import { inspect } from "node:util";
import fc from "../support/fast-check.ts";
import { describe, expect, test } from "vitest";
import { apopDigest, Pop3Client, Pop3Error, type Pop3Auth } from "popwright";
import { encodeBlock } from "../../src/protocol/dot-encoder.ts";
import { until } from "../support/turns.ts";
import { base64, FORMS, SECRET, TIMESTAMP, visible } from "../support/secret.ts";
import { cut, everyCut, octets, wireOf } from "../support/octets.ts";
import { MemoryServer } from "../support/memory-server.ts";
import { watchEachTest } from "./witness.ts";

watchEachTest();

const SEED = 1939;
const PIPELINING = "+OK\r\nPIPELINING\r\nUSER\r\n.\r\n";
const auth: Pop3Auth = { user: "ann", pass: SECRET, mechanism: "USER" };

/** Calls of every kind that is answered by a line or by a block. */
const CALLS: Readonly<Record<string, (client: Pop3Client) => Promise<unknown>>> = {
  STAT: (client) => client.stat(),
  LIST: (client) => client.list(),
  UIDL: (client) => client.uidl(),
  "LIST 1": (client) => client.list(1),
  "UIDL 1": (client) => client.uidl(1),
  "RETR 1": (client) => client.retr(1),
  "RETR 2": (client) =>
    client
      .retrStream(2)
      .toArray()
      .then((pieces) => Buffer.concat(pieces as Buffer[])),
  "TOP 1 0": (client) => client.top(1),
  "DELE 3": (client) => client.dele(3),
  NOOP: (client) => client.noop(),
  CAPA: (client) => client.capa(),
  "ECHO x": (client) => client.command("ECHO x", { multiline: true }),
};
const LINES = Object.keys(CALLS);

/**
 * Logs in, sends all the commands in `lines` at once, and is answered by `chunks`; then the server closes. Resolves
 * with the outcome of each call, its octets unchanged. Only an error of the library is an outcome.
 */
async function played(lines: readonly string[], chunks: Iterable<Buffer>): Promise<unknown[]> {
  const server = new MemoryServer({ CAPA: PIPELINING, USER: "+OK\r\n", PASS: "+OK\r\n" });
  const client = await Pop3Client.connect({ ...server.options, auth });
  await server.heard(4);
  const before = server.lines.length;
  // From here on nothing answers by itself.
  server.silence();
  const calls = lines.map(async (line): Promise<unknown> => {
    try {
      return await CALLS[line]?.(client);
    } catch (error) {
      if (!Pop3Error.is(error)) throw error;
      return error.code;
    }
  });
  await server.heard(before + lines.length);
  await server.sayInChunks(chunks);
  server.end();
  const outcomes = await Promise.all(calls);
  await until(() => client.state === "closed");
  return outcomes;
}

/** What makes sense in an answer, and what nearly does. */
const PIECES = [
  ...["+OK", "-ERR", "+", " ", "\r\n", ".\r\n", "\r\n.\r\n", "..", ".", "\n", "\r", "\0", "\xff", "1", "2"],
  ...["+OK\r\n", "+OK 1 2\r\n", "-ERR no\r\n", "1 120\r\n", "1 uid\r\n", "+OK\r\n1 1\r\n.\r\n", "text\r\n"],
];

const lines = fc.array(fc.constantFrom(...LINES), { minLength: 1, maxLength: 6 });
const sizes = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 8 });

describe("a session", () => {
  test("settles each call with a value or a typed error for any octets, and the same for any chunking", async () => {
    const property = fc.asyncProperty(lines, wireOf(PIECES, 60), sizes, async (asked, wire, cuts) => {
      const whole = await played(asked, [wire]);
      expect(whole).toHaveLength(asked.length);
      expect(await played(asked, cut({ wire, sizes: cuts }))).toEqual(whole);
    });
    await fc.assert(property, { seed: SEED, numRuns: 200 });
  });

  test("gives the same answers for every cut", async () => {
    const wire = octets(
      [
        ...["+OK 2 240\r\n", "+OK\r\n1 120\r\n2 120\r\n.\r\n", "-ERR no\r\n"],
        ...["+OK\r\n..a\r\n.\r\n", "+OK\r\n\n.\n\r\n.\r\n", "+OK 1 u\r\n"],
      ].join(""),
    );
    const asked = ["STAT", "LIST", "NOOP", "RETR 1", "RETR 2", "UIDL 1"];
    const expected = [
      ...[{ count: 2, size: 240 }, new Map([1, 2].map((n) => [n, 120])), "POP3_REFUSED"],
      ...[octets(".a\r\n"), octets("\n.\n\r\n"), "u"],
    ];
    let at = 0;
    // All of them take long; each ninth is enough to have every place cut many times.
    for (const chunks of everyCut(wire))
      if (at++ % 9 === 0) expect(await played(asked, chunks)).toEqual(expected);
  });

  test("delivers any messages as they were sent, in any chunks", async () => {
    const messages = fc.array(wireOf(undefined, 30), { minLength: 1, maxLength: 4 });
    const property = fc.asyncProperty(messages, sizes, async (sent, cuts) => {
      const asked = sent.map((_, index) => ["RETR 1", "RETR 2", "TOP 1 0"][index % 3] as string);
      const wire = Buffer.concat(sent.flatMap((message) => [octets("+OK\r\n"), encodeBlock(message)]));
      expect(await played(asked, cut({ wire, sizes: cuts }))).toEqual(sent.map(complete));
    });
    await fc.assert(property, { seed: SEED, numRuns: 200 });
  });

  test("ends on octets after the last answer, which change no answer", async () => {
    const property = fc.asyncProperty(wireOf(PIECES, 8), sizes, async (rest, cuts) => {
      const wire = Buffer.concat([octets("+OK 1 2\r\n+OK\r\n1 u\r\n.\r\n"), rest]);
      expect(await played(["STAT", "UIDL"], cut({ wire, sizes: cuts }))).toEqual([
        { count: 1, size: 2 },
        new Map([[1, "u"]]),
      ]);
    });
    await fc.assert(property, { seed: SEED, numRuns: 100 });
  });

  test("sends ten thousand commands as ten thousand lines, and answers them in order", async () => {
    const count = 10_000;
    const server = new MemoryServer({
      CAPA: PIPELINING,
      USER: "+OK\r\n",
      PASS: "+OK\r\n",
      ECHO: (line) => `+OK ${line.slice(5)}\r\n`,
    });
    const client = await Pop3Client.connect({ ...server.options, auth });
    const calls = Array.from({ length: count }, (_, n) =>
      client.command(`ECHO ${n}`).then(({ text }) => text),
    );
    expect(await Promise.all(calls)).toEqual(Array.from({ length: count }, (_, n) => String(n)));
    client.close();
  });
});

/** With the CRLF that ends its last line. */
function complete(message: Buffer): Buffer {
  const text = message.toString("latin1");
  return text === "" || text.endsWith("\r\n") ? message : Buffer.concat([message, octets("\r\n")]);
}

/** What hides a secret from who looks for it carelessly. */
const AROUND = [
  "",
  " ",
  "PASS ",
  "\x1b[31m",
  "\0",
  "\xff",
  "[AUTH] ",
  "[",
  "%s",
  "\u202e",
  "\r",
  "a".repeat(600),
  '"',
];
const STATUS = ["-ERR ", "+OK ", "+ ", "", "-ERR [AUTH] ", "+OK\r\n", "-ERR no\r\n", "WHAT ", "\n"];

const PASSWORD = [SECRET, base64(SECRET)];
const PLAIN = base64(`\0ann\0${SECRET}`);

/** The way in, the line that has the secret in it, or its verb, and what a server may repeat of it. */
const LOGINS: Readonly<Record<string, readonly [auth: Partial<Pop3Auth>, said: string, told: string[]]>> = {
  "USER and PASS": [{ mechanism: "USER" }, "PASS", PASSWORD],
  PLAIN: [{ mechanism: "PLAIN" }, "AUTH", [...PASSWORD, PLAIN]],
  "PLAIN in two steps": [{ mechanism: "PLAIN", initialResponse: false }, PLAIN, [...PASSWORD, PLAIN]],
  LOGIN: [{ mechanism: "LOGIN" }, base64(SECRET), PASSWORD],
  APOP: [{ mechanism: "APOP" }, "APOP", [...PASSWORD, apopDigest(TIMESTAMP, SECRET)]],
};

describe("a server that repeats the client's lines", () => {
  test.each(Object.entries(LOGINS))("never makes the secret visible: %s", async (_, [given, verb, told]) => {
    const said = fc.tuple(
      fc.constantFrom(...STATUS),
      fc.array(fc.constantFrom(...told, ...told, ...AROUND), { maxLength: 6 }),
      fc.constantFrom("\r\n", "\r\n", "\r\n", "\n", "", "\r\nmore\r\n"),
    );
    const property = fc.asyncProperty(said, async ([status, pieces, end]) => {
      const answer = Buffer.from(`${status}${pieces.join("")}${end}`).toString("latin1");
      const answers = {
        CAPA: "-ERR\r\n",
        USER: "+OK\r\n",
        AUTH: "+ \r\n",
        [base64("ann")]: "+ \r\n",
        [verb]: answer,
      };
      const server = new MemoryServer(answers, `+OK ${TIMESTAMP}\r\n`);
      const client = new Pop3Client({ ...server.options, auth: { user: "ann", pass: SECRET, ...given } });
      const connecting = client.connect().catch((error: unknown) => error);
      await server.heard(verb === "AUTH" || verb === "APOP" ? 2 : 3);
      server.end();
      const seen = `${visible(await connecting)}\n${visible(client)}\n${inspect(client, { depth: 10 })}`;
      expect(FORMS.filter((form) => seen.includes(form))).toEqual([]);
      client.close();
    });
    await fc.assert(property, { seed: SEED, numRuns: 120 });
  });
});
