// Whatever a server sends without end, a bounded part of it is read, and the caller is told which bound it was.
import * as net from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Pop3Client, type Pop3ClientOptions, type Pop3Message } from "popwright";
import {
  capaAnswer,
  maildropScript,
  messageOf,
  uidOf,
  type Answer,
  type Answers,
} from "./maildrop-script.ts";
import { ScriptedServer, SECRET } from "./scripted-server.ts";
import { guardEachTest, outcome } from "./sentry.ts";

guardEachTest();

/** What one read of a socket gives at most: beyond a limit no more than this is taken. */
const CHUNK = 64 * 1024;
const MIB = 1024 * 1024;

/** `head`, and `again` without end. */
function endless(head: string, again: string): Answer {
  const piece = Buffer.from(again.repeat(Math.ceil((16 * 1024) / again.length)), "latin1");
  return async (peer) => {
    await peer.send(head);
    while (!peer.over) await peer.send(piece);
    return undefined;
  };
}

/** A listing without end, each message number once. */
function endlessListing(value: (n: number) => string): Answer {
  return async (peer) => {
    await peer.send("+OK\r\n");
    for (let n = 1; !peer.over; n += 100) {
      await peer.send(
        Array.from({ length: 100 }, (_, index) => `${n + index} ${value(n + index)}\r\n`).join(""),
      );
    }
    return undefined;
  };
}

interface Flooded {
  readonly code: string;
  /** Octets that the client has taken from its socket. */
  readonly read: number;
  readonly state: string;
  /** How far the memory outside the heap grew; octets. */
  readonly grown: number;
  readonly sent: readonly string[];
}

async function flooded(
  answers: Answers,
  call: (client: Pop3Client) => Promise<unknown> = () => Promise.resolve(),
  options: Partial<Pop3ClientOptions> = {},
): Promise<Flooded> {
  await using server = await ScriptedServer.listen(maildropScript(answers));
  const socket = net.connect(server.port, "127.0.0.1");
  const client = new Pop3Client(server.options({ ...options, socket }));
  await new Promise((resolve) => socket.once("connect", resolve));
  const before = process.memoryUsage().arrayBuffers;
  let read = 0;
  const code = await outcome(
    client.connect().then(async () => {
      await client.command("SYNC");
      read = socket.bytesRead;
      await call(client);
    }),
  );
  const result = {
    code,
    read: socket.bytesRead - read,
    state: client.state,
    grown: process.memoryUsage().arrayBuffers - before,
    sent: server.peers[0]?.commands ?? [],
  };
  client.close();
  await server.peers[0]?.gone;
  return result;
}

function expectBounded({ read, state, grown }: Flooded, limit: number): void {
  expect(state).toBe("closed");
  expect(read).toBeLessThanOrEqual(limit + CHUNK);
  expect(grown).toBeLessThan(2 * limit + 8 * MIB);
}

describe("a line without end", () => {
  const A = "A".repeat(1000);

  it("as the greeting: no secret is sent", async () => {
    const result = await flooded({ greeting: endless("+OK ", A) });
    expect(result.code).toBe("POP3_LINE_TOO_LONG");
    expectBounded(result, 8192);
    expect(result.sent).toEqual([]);
  });

  it.each([
    ["STAT", "+OK ", (client: Pop3Client) => client.stat()],
    ["RETR", "+OK ", (client: Pop3Client) => client.retr(1)],
    ["RETR", "-ERR ", (client: Pop3Client) => client.retr(1)],
    ["DELE", "", (client: Pop3Client) => client.dele([1, 2, 3])],
    ["QUIT", "+OK ", (client: Pop3Client) => client.dele(1).then(() => client.quit())],
  ] as const)("as the reply to %s, from '%s' on", async (verb, head, call) => {
    const result = await flooded({ [verb]: endless(head, A) }, call);
    expect(result.code).toBe(verb === "QUIT" ? "POP3_COMMIT_UNKNOWN" : "POP3_LINE_TOO_LONG");
    expectBounded(result, 8192);
  });

  it.each([
    ["LIST", (client: Pop3Client) => client.list()],
    ["UIDL", (client: Pop3Client) => client.uidl()],
  ] as const)("in the listing of %s", async (verb, call) => {
    const result = await flooded({ [verb]: endless("+OK\r\n1 ", A) }, call);
    expect(result.code).toBe("POP3_LINE_TOO_LONG");
    expectBounded(result, 8192);
  });

  it("at its limit is taken, one octet beyond it is not", async () => {
    const line = `+OK ${"x".repeat(94)}\r\n`;
    const limits = { line: 100 };
    expect((await flooded({ NOOP: line }, (client) => client.noop(), { limits })).code).toBe("ok");
    expect(
      (await flooded({ NOOP: `+OK x${line.slice(4)}` }, (client) => client.noop(), { limits })).code,
    ).toBe("POP3_LINE_TOO_LONG");
  });
});

describe("CAPA", () => {
  it("without end", async () => {
    const result = await flooded({ CAPA: endless("+OK\r\n", "X-CAPABILITY of some kind\r\n") });
    expect(result.code).toBe("POP3_RESPONSE_TOO_LARGE");
    expectBounded(result, 64 * 1024);
    expect(result.sent).toEqual(["CAPA"]);
  });

  it("with a line without end", async () => {
    const result = await flooded({ CAPA: endless("+OK\r\nSASL", " PLAIN LOGIN X-MECHANISM") });
    expect(result.code).toBe("POP3_RESPONSE_TOO_LARGE");
    expectBounded(result, 64 * 1024);
  });

  it("with more capabilities than 256", async () => {
    const many = Array.from({ length: 257 }, (_, index) => `X-${index}`);
    expect((await flooded({ CAPA: capaAnswer(...many) })).code).toBe("POP3_RESPONSE_TOO_LARGE");
    expect((await flooded({ CAPA: capaAnswer("SASL PLAIN", ...many.slice(2)) })).code).toBe("ok");
  });
});

describe("a listing", () => {
  it.each([
    ["LIST", () => "120", (client: Pop3Client) => client.list()],
    ["UIDL", uidOf, (client: Pop3Client) => client.uidl()],
  ] as const)("of %s with more entries than the limit", async (verb, value, call) => {
    const answers = { [verb]: endlessListing(value) };
    const result = await flooded(answers, call, { limits: { listEntries: 1000 } });
    expect(result.code).toBe("POP3_LIST_TOO_LARGE");
    expectBounded(result, 1000 * 20);
  });

  it("with more entries than STAT counted", async () => {
    const result = await flooded({ UIDL: endlessListing(uidOf) }, async (client) => {
      await client.stat();
      await client.uidl();
    });
    expect(result.code).toBe("POP3_LIST_TOO_LARGE");
    expectBounded(result, 1000);
  });

  it("with more octets than the limit", async () => {
    const answers = { LIST: endlessListing(() => `120 ${"text".repeat(100)}`) };
    const result = await flooded(answers, (client) => client.list(), { limits: { listOctets: MIB } });
    expect(result.code).toBe("POP3_LIST_TOO_LARGE");
    expectBounded(result, MIB);
  });

  it("that says the same line without end", async () => {
    const answers = { UIDL: endless("+OK\r\n", "1 uid-1\r\n") };
    const result = await flooded(answers, (client) => client.uidl(), { limits: { listOctets: MIB } });
    expect(result.code).toBe("POP3_LIST_TOO_LARGE");
    expectBounded(result, MIB);
  });

  it("in a loop", async () => {
    const answers = { LIST: endlessListing(() => "100") };
    const result = await flooded(answers, (client) => client.retrieve().next(), {
      limits: { listEntries: 1000 },
    });
    expect(result.code).toBe("POP3_LIST_TOO_LARGE");
    expectBounded(result, 1000 * 20);
  });

  it("with a unique-id of 100 000 octets", async () => {
    const answers = { UIDL: `+OK\r\n1 ${"u".repeat(100_000)}\r\n.\r\n` };
    const result = await flooded(answers, (client) => client.uidl());
    expect(result.code).toBe("POP3_LINE_TOO_LONG");
    expectBounded(result, 8192);
  });

  it("with a unique-id of 71 octets: the call fails, the session goes on", async () => {
    const answers = { UIDL: `+OK\r\n1 ${"u".repeat(71)}\r\n.\r\n`, "UIDL 2": "+OK 2 two\r\n" };
    const result = await flooded(answers, async (client) => {
      expect(await outcome(client.uidl())).toBe("POP3_BAD_LISTING");
      expect(await client.uidl(2)).toBe("two");
    });
    expect(result.code).toBe("ok");
  });
});

describe("a message larger than limits.message", () => {
  const LINE = `${"x".repeat(78)}\r\n`;
  const options = { limits: { message: MIB } };
  const ANSWERS: Answers = {
    // Small, so the server says: the size is a hint, and no promise.
    LIST: "+OK\r\n1 100\r\n.\r\n",
    RETR: endless("+OK\r\n", LINE),
    TOP: endless("+OK\r\n", LINE),
  };

  it.each([
    ["retr", (client: Pop3Client) => client.retr(1)],
    ["retr behind LIST", (client: Pop3Client) => client.list().then(() => client.retr(1))],
    ["top", (client: Pop3Client) => client.top(1)],
    ["a loop", async (client: Pop3Client) => (await client.retrieve([1]).next()).value?.buffer()],
    [
      "a loop, and a call behind the message that nobody claims",
      async (client: Pop3Client) => {
        await client.retrieve([1]).next();
        await client.noop();
      },
    ],
  ] as const)("%s", async (_name, call) => {
    const result = await flooded(ANSWERS, call, options);
    expect(result.code).toBe("POP3_MESSAGE_TOO_LARGE");
    expectBounded(result, MIB);
  });

  it("that is announced so is not even asked for by retr", async () => {
    const answers = { ...ANSWERS, LIST: "+OK\r\n1 2000000\r\n.\r\n" };
    const result = await flooded(
      answers,
      async (client) => {
        await client.list();
        expect(await outcome(client.retr(1))).toBe("POP3_MESSAGE_TOO_LARGE");
      },
      options,
    );
    expect(result.code).toBe("ok");
    expect(result.sent).not.toContain("RETR 1");
  });

  // It is larger than what may be held in memory, and smaller than the window: a loop asks for it ahead.
  it.each(["buffer", "stream", "nothing", "nothing at first"])(
    "that is announced so does not end a loop that takes of it: %s",
    async (how) => {
      const body = LINE.repeat(25_000);
      const answers = {
        LIST: "+OK\r\n1 2000000\r\n2 100\r\n.\r\n",
        "RETR 1": `+OK\r\n${body}.\r\n`,
        "RETR 2": `+OK\r\n${messageOf(2)}.\r\n`,
      };
      const result = await flooded(
        answers,
        async (client) => {
          const loop = client.retrieve();
          const first = (await loop.next()).value as Pop3Message;
          if (how === "nothing at first") await client.noop();
          if (how === "buffer") expect(await outcome(first.buffer())).toBe("POP3_MESSAGE_TOO_LARGE");
          else if (how !== "nothing") {
            const pieces = (await first.stream().toArray()) as Buffer[];
            expect(Buffer.concat(pieces).length).toBe(2_000_000);
          }
          const second = (await loop.next()).value as Pop3Message;
          expect((await second.buffer()).toString()).toBe(messageOf(2));
        },
        options,
      );
      expect(result.code).toBe("ok");
    },
  );

  it.each([9_007_199_254_740_991, 1_000_000_000_000])(
    "that is announced with %i octets and has few, where there is no limit",
    async (announced) => {
      const body = LINE.repeat(20_000);
      const answers = { LIST: `+OK\r\n1 ${announced}\r\n.\r\n`, RETR: `+OK\r\n${body}.\r\n` };
      const result = await flooded(
        answers,
        async (client) => {
          await client.list();
          expect((await client.retr(1)).equals(Buffer.from(body))).toBe(true);
          const first = (await client.retrieve().next()).value;
          expect((await first?.buffer())?.equals(Buffer.from(body))).toBe(true);
        },
        { limits: { message: Infinity } },
      );
      expect(result.code).toBe("ok");
    },
  );

  it("of a command of the caller's own", async () => {
    const result = await flooded(
      { XTND: endless("+OK\r\n", LINE) },
      (client) => client.command("XTND all", { multiline: true }),
      options,
    );
    expect(result.code).toBe("POP3_RESPONSE_TOO_LARGE");
    expectBounded(result, MIB);
  });
});

describe("AUTH", () => {
  it("challenges without end: so many, then a cancel that has to be heeded", async () => {
    const auth = { user: "ann", pass: SECRET, mechanism: "LOGIN" };
    await using server = await ScriptedServer.listen(async (peer) => {
      await peer.send("+OK ready\r\n");
      await peer.line();
      await peer.send(capaAnswer("SASL LOGIN"));
      for (let line = await peer.line(); line !== undefined; line = await peer.line()) {
        await peer.send("+ eA==\r\n");
        await turn();
      }
    });
    const code = await outcome(Pop3Client.connect(server.options({ auth, limits: { challenges: 4 } })));
    expect(["POP3_AUTH_PROTOCOL", "POP3_PROTOCOL"]).toContain(code);
    expect(server.peers[0]?.commands.length).toBeLessThan(8);
    await server.peers[0]?.gone;
  });

  it("a challenge larger than its limit is answered with a cancel", async () => {
    const auth = { user: "ann", pass: SECRET, mechanism: "LOGIN" };
    const challenge = Buffer.alloc(200).toString("base64");
    const result = await flooded({ AUTH: `+ ${challenge}\r\n`, "*": "-ERR cancelled\r\n" }, undefined, {
      auth,
      limits: { challenge: 100 },
    });
    expect(result.code).toBe("POP3_CHALLENGE_TOO_LARGE");
    expect(result.sent).toEqual(["CAPA", "AUTH LOGIN", "*"]);
  });
});

it("what a server says is cut and escaped where it is printed", async () => {
  const text = `\x1b[31m${"A".repeat(4000)}\u202e`;
  await using server = await ScriptedServer.listen(maildropScript({ DELE: `-ERR ${text}\r\n` }));
  const client = await Pop3Client.connect(server.options());
  const error = (await client.dele(1).catch((thrown: unknown) => thrown)) as Error;
  expect(error.message.length).toBeLessThan(700);
  expect(error.message).not.toContain("\x1b");
  client.close();
});
