// Every wait has two timers: one for silence and one for slow octets. Neither runs while the reader has
// paused.
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "popwright";
import { pause, stopClocks, timePasses } from "../support/clock.ts";
import { large, MIB } from "../support/large-message.ts";
import { maildropScript, type Answer } from "../support/maildrop-script.ts";
import { ScriptedServer } from "../support/scripted-server.ts";
import type { Peer } from "../support/peer.ts";
import { guardEachTest, outcome } from "../support/sentry.ts";

guardEachTest();
stopClocks();

/** Milliseconds from one octet to the next. */
const STEP = 3;
const CLOCK = 60;
/** Where the clock must not go off. */
const PATIENT = 250;

/** `head`, and one octet after the other without end. */
function trickle(head = "", octet = "x"): Answer {
  return async (peer) => {
    await peer.send(head);
    await drip(peer, octet);
    return undefined;
  };
}

async function drip(peer: Peer, octet: string): Promise<void> {
  while (!peer.over) {
    await peer.send(octet);
    await pause(STEP);
  }
}

const TRICKLES: Record<string, [Record<string, Answer>, Partial<Pop3ClientOptions>, string]> = {
  greeting: [{ greeting: trickle("+OK ") }, { timeouts: { greeting: CLOCK } }, "POP3_GREETING_TIMEOUT"],
  "the status line of CAPA": [
    { CAPA: trickle("+OK ") },
    { timeouts: { command: CLOCK } },
    "POP3_COMMAND_TIMEOUT",
  ],
  "the list of CAPA": [
    { CAPA: trickle("+OK\r\n") },
    { timeouts: { command: CLOCK } },
    "POP3_COMMAND_TIMEOUT",
  ],
  "the reply to AUTH": [{ AUTH: trickle("+OK ") }, { timeouts: { command: CLOCK } }, "POP3_COMMAND_TIMEOUT"],
};

it.each(Object.entries(TRICKLES))(
  "connect() ends although octets trickle in: %s",
  async (_name, [answers, options, code]) => {
    await using server = await ScriptedServer.listen(maildropScript(answers));
    expect(await outcome(timePasses(Pop3Client.connect(server.options(options))))).toBe(code);
    await server.peers[0]?.gone;
  },
);

it("the handshake ends although octets trickle in", async () => {
  // A record of TLS that never ends.
  await using server = await ScriptedServer.listen(async (peer) => {
    await peer.send(Buffer.from([0x16, 0x03, 0x03, 0x3f, 0xff]));
    await drip(peer, "\0");
  });
  const options = { secure: true, timeouts: { tls: CLOCK } };
  const { stls: _, ...rest } = server.options(options);
  expect(await outcome(timePasses(Pop3Client.connect(rest)))).toBe("POP3_TLS_TIMEOUT");
  await server.peers[0]?.gone;
});

const RATE = { limits: { minRate: 1_000_000 }, timeouts: { body: PATIENT } };

const CALLS: Record<string, [string, Partial<Pop3ClientOptions>, (client: Pop3Client) => Promise<unknown>]> =
  {
    "the reply to STAT": [
      "POP3_COMMAND_TIMEOUT",
      { timeouts: { command: CLOCK } },
      (client) => client.stat(),
    ],
    "the reply to DELE": [
      "POP3_COMMAND_TIMEOUT",
      { timeouts: { command: CLOCK } },
      (client) => client.dele(1),
    ],
    "the listing of LIST": ["POP3_TOTAL_TIMEOUT", RATE, (client) => client.list()],
    "the listing of UIDL": ["POP3_TOTAL_TIMEOUT", RATE, (client) => client.uidl()],
    "a message": ["POP3_TOTAL_TIMEOUT", RATE, (client) => client.retr(1)],
    "a message as a stream": ["POP3_TOTAL_TIMEOUT", RATE, (client) => client.retrStream(1).toArray()],
    "a message of a loop": [
      "POP3_TOTAL_TIMEOUT",
      RATE,
      async (client) => (await client.retrieve([1]).next()).value?.buffer(),
    ],
    "an unclaimed message": [
      "POP3_TOTAL_TIMEOUT",
      RATE,
      async (client) => {
        await client.retrieve([1]).next();
        await client.noop();
      },
    ],
    "the reply to QUIT": [
      "POP3_COMMIT_UNKNOWN",
      { timeouts: { quit: CLOCK } },
      async (client) => {
        await client.dele(2);
        await client.quit();
      },
    ],
  };

it.each(Object.entries(CALLS))(
  "a call ends although octets trickle in: %s",
  async (_name, [code, options, call]) => {
    await using server = await ScriptedServer.listen(
      maildropScript({
        STAT: trickle("+OK "),
        "DELE 1": trickle("+OK "),
        LIST: trickle("+OK\r\n", "1"),
        UIDL: trickle("+OK\r\n", "1"),
        RETR: trickle("+OK\r\n"),
        QUIT: trickle("+OK "),
      }),
    );
    const client = await Pop3Client.connect(server.options(options));
    expect(await outcome(timePasses(call(client)))).toBe(code);
    expect(client.state).toBe("closed");
    await server.peers[0]?.gone;
  },
);

it("an abandoned message is drained only for a limited time", async () => {
  await using server = await ScriptedServer.listen(maildropScript({ RETR: trickle("+OK\r\n") }));
  const client = await Pop3Client.connect(server.options({ timeouts: { drain: CLOCK } }));
  const stream = client.retrStream(1);
  await once(stream, "data");
  stream.destroy();
  expect(await outcome(timePasses(client.noop()))).toBe("POP3_ABANDONED");
  await server.peers[0]?.gone;
});

it("a slow message succeeds if minRate is 0", async () => {
  const body = `${"x".repeat((2 * PATIENT) / STEP)}\r\n`;
  await using server = await ScriptedServer.listen(
    maildropScript({
      RETR: async (peer) => {
        await peer.send("+OK\r\n");
        for (const octet of body) {
          await peer.send(octet);
          await pause(STEP);
        }
        return ".\r\n";
      },
    }),
  );
  const options = { timeouts: { body: PATIENT }, limits: { minRate: 0 } };
  const client = await Pop3Client.connect(server.options(options));
  expect((await timePasses(client.retr(1))).toString()).toBe(body);
  client.close();
});

describe("while the reader has paused", () => {
  async function withLargeMessage(run: (client: Pop3Client) => Promise<number>): Promise<void> {
    await using server = await ScriptedServer.listen(
      maildropScript({
        "RETR 1": large(8 * MIB),
      }),
    );
    const client = await Pop3Client.connect(
      server.options({ timeouts: { body: PATIENT }, limits: { minRate: 1_000_000 } }),
    );
    expect(await run(client)).toBe(8 * MIB);
    await client.noop();
    client.close();
  }

  it("no timer runs for a stream", async () => {
    await withLargeMessage(async (client) => {
      const stream = client.retrStream(1);
      await once(stream, "readable");
      await timePasses(pause(PATIENT * 2));
      return ((await stream.toArray()) as Buffer[]).reduce((sum, { length }) => sum + length, 0);
    });
  });

  it("no timer runs for an unclaimed message", async () => {
    await withLargeMessage(async (client) => {
      const message = (await client.retrieve([1]).next()).value;
      await timePasses(pause(PATIENT * 2));
      return (await message?.buffer())?.length ?? 0;
    });
  });

  it("a timer runs if another call waits", async () => {
    await using server = await ScriptedServer.listen(
      maildropScript({
        "RETR 1": large(8 * MIB),
      }),
    );
    const client = await Pop3Client.connect(server.options({ timeouts: { body: CLOCK } }));
    const stream = client.retrStream(1);
    const failed = once(stream, "error");
    await once(stream, "readable");
    expect(await outcome(timePasses(client.noop()))).toBe("POP3_IDLE_TIMEOUT");
    expect((await failed)[0]).toMatchObject({ code: "POP3_IDLE_TIMEOUT" });
  });
});
