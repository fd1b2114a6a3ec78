// The two timers of every wait, with their defaults: silence ends it, and octets that trickle in do not delay
// that.
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "popwright";
import { DEFAULT_LIMITS, DEFAULT_TIMEOUTS, type Pop3Timeouts } from "../../src/options/client.ts";
import { stopClocks } from "../support/clock.ts";
import { codeOf } from "../support/outcome.ts";
import { SECRET } from "../support/secret.ts";
import { LOGIN_ANSWERS, MemoryServer, type Answers } from "../support/memory-server.ts";
import { watchEachTest } from "./witness.ts";

watchEachTest();
stopClocks();

const auth = { user: "ann", pass: SECRET, mechanism: "USER" };

/** Lets what has come be read. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 4; turns++) await turn();
}

interface Wait {
  readonly clock: keyof Pop3Timeouts;
  /** The code of the error when the clock runs out. */
  readonly code: string;
  readonly greeting?: string;
  readonly answers?: Answers;
  readonly options?: Partial<Pop3ClientOptions>;
  /** What is said at first, in place of the answer. */
  readonly head?: string;
  readonly octet?: string;
  readonly calls?: (client: Pop3Client) => Promise<unknown>;
}

/** Every wait whose length is fixed: its one clock is that which no octet puts off. */
const FIXED: Readonly<Record<string, Wait>> = {
  "the handshake": {
    ...{ clock: "tls", code: "POP3_TLS_TIMEOUT", options: { secure: true }, greeting: "" },
    // A record of TLS that goes on and on.
    ...{ head: "\x16\x03\x03\x3f\xff", octet: "\0" },
  },
  "the greeting": { clock: "greeting", code: "POP3_GREETING_TIMEOUT", greeting: "", head: "+OK " },
  CAPA: { clock: "command", code: "POP3_COMMAND_TIMEOUT", answers: {}, head: "+OK " },
  "the list of CAPA": { clock: "command", code: "POP3_COMMAND_TIMEOUT", answers: {}, head: "+OK\r\n" },
  PASS: {
    ...{ clock: "command", code: "POP3_COMMAND_TIMEOUT", head: "-ERR " },
    answers: { ...LOGIN_ANSWERS, PASS: undefined },
  },
  "a challenge": {
    ...{ clock: "command", code: "POP3_COMMAND_TIMEOUT", head: "+ " },
    ...{ answers: { CAPA: "-ERR\r\n" }, options: { auth: { ...auth, mechanism: "LOGIN" } } },
  },
  STAT: {
    ...{ clock: "command", code: "POP3_COMMAND_TIMEOUT", head: "+OK " },
    calls: (client) => client.stat(),
  },
  "the status line of a message": {
    ...{ clock: "command", code: "POP3_COMMAND_TIMEOUT", head: "+OK" },
    calls: (client) => client.retr(1),
  },
  "the reply to QUIT": {
    ...{ clock: "quit", code: "POP3_COMMIT_UNKNOWN", head: "+OK " },
    answers: { ...LOGIN_ANSWERS, DELE: "+OK\r\n" },
    calls: async (client) => {
      await client.dele(1);
      await client.quit();
    },
  },
  "the rest of an aborted response": {
    ...{ clock: "drain", code: "POP3_ABANDONED", head: "+OK\r\n" },
    calls: async (client) => {
      const controller = new AbortController();
      const call = codeOf(client.retr(1, { signal: controller.signal }));
      await settle();
      controller.abort();
      expect(await call).toBe("POP3_ABORTED");
      await client.noop();
    },
  },
};

/** Begins, and gives what came of it when the clocks have gone on as far as is said. */
async function begin({ answers, greeting, options, calls, head = "" }: Wait): Promise<{
  readonly server: MemoryServer;
  readonly code: () => string | undefined;
}> {
  const server = new MemoryServer(answers, greeting);
  const client = new Pop3Client({ ...server.options, auth, ...options });
  let code: string | undefined;
  const called = async (): Promise<unknown> => {
    await client.connect();
    // An idle session may wait for ever: the clock of what is called then begins with the call.
    vi.advanceTimersByTime(DEFAULT_TIMEOUTS.command - 1);
    return calls?.(client);
  };
  void codeOf(called()).then((result) => (code = result));
  await settle();
  while (answers === undefined && greeting === undefined && server.lines.length < 5) await turn();
  await settle();
  server.say(head);
  await settle();
  return { server, code: () => code };
}

describe.each(Object.entries(FIXED))("%s", (_, wait) => {
  const limit = DEFAULT_TIMEOUTS[wait.clock];

  test("silence ends it exactly after its timeout", async () => {
    const { code } = await begin(wait);
    vi.advanceTimersByTime(limit - 1);
    await settle();
    expect(code()).toBeUndefined();
    vi.advanceTimersByTime(2);
    await settle();
    expect(code()).toBe(wait.code);
  });

  test("a trickle ends it exactly after its timeout, too", async () => {
    const { server, code } = await begin(wait);
    for (let step = 1; step <= 20; step++) {
      vi.advanceTimersByTime(step < 20 ? limit / 20 : limit / 20 - 1);
      server.say(wait.octet ?? "x");
      await settle();
      expect(code()).toBeUndefined();
    }
    vi.advanceTimersByTime(2);
    await settle();
    expect(code()).toBe(wait.code);
  });
});

test("the connection attempt ends exactly after its timeout", async () => {
  const client = new Pop3Client({ host: "mail.test", socket: () => new Promise(() => undefined) });
  let code: string | undefined;
  void codeOf(client.connect()).then((result) => (code = result));
  await settle();
  vi.advanceTimersByTime(DEFAULT_TIMEOUTS.connect - 1);
  await settle();
  expect(code).toBeUndefined();
  vi.advanceTimersByTime(2);
  await settle();
  expect(code).toBe("POP3_CONNECT_TIMEOUT");
});

const BLOCKS: Readonly<Record<string, (client: Pop3Client) => Promise<unknown>>> = {
  "a message": (client) => client.retr(1),
  "a message as a stream": (client) => client.retrStream(1).toArray(),
  "a message of a loop": async (client) => (await client.retrieve([1]).next()).value?.buffer(),
  "the beginning of a message": (client) => client.top(1, 5),
  "a listing": (client) => client.list(),
  "unique-ids": (client) => client.uidl(),
};

describe.each(Object.entries(BLOCKS))("%s", (_, calls) => {
  const { body } = DEFAULT_TIMEOUTS;
  const { minRate } = DEFAULT_LIMITS;

  test("silence ends it after the timeout, which each octet restarts", async () => {
    const { server, code } = await begin({ clock: "body", code: "", calls, head: "+OK\r\n" });
    // 35,000 octets prolong the whole by 68 seconds: it is the clock from one octet to the next that ends it.
    server.say("1 1\r\n".repeat(7000));
    await settle();
    vi.advanceTimersByTime(body - 1);
    server.say("1");
    await settle();
    vi.advanceTimersByTime(body - 1);
    await settle();
    expect(code()).toBeUndefined();
    vi.advanceTimersByTime(2);
    await settle();
    expect(code()).toBe("POP3_IDLE_TIMEOUT");
  });

  test("octets below the minimum rate end it when the time for the octets received is over", async () => {
    const { server, code } = await begin({ clock: "body", code: "", calls, head: "+OK\r\n" });
    // Half the rate: what comes in two seconds prolongs it by one, so that it ends a second before twice the grace.
    for (let seconds = 2; seconds < (2 * body) / 1000; seconds += 2) {
      vi.advanceTimersByTime(2000);
      server.say("12 345\r\n".repeat(minRate / 8));
      await settle();
      expect(code()).toBeUndefined();
    }
    vi.advanceTimersByTime(999);
    await settle();
    expect(code()).toBeUndefined();
    vi.advanceTimersByTime(2);
    await settle();
    expect(code()).toBe("POP3_TOTAL_TIMEOUT");
  });
});

test("a message at the minimum rate may take any time", async () => {
  const { server, code } = await begin({
    clock: "body",
    code: "",
    calls: (client) => client.retr(1),
    head: "+OK\r\n",
  });
  for (let seconds = 1; seconds <= 1000; seconds++) {
    vi.advanceTimersByTime(1000);
    server.say("x".repeat(DEFAULT_LIMITS.minRate));
    await turn();
  }
  server.say("\r\n.\r\n");
  await settle();
  expect(code()).toBe("resolved");
});

test("a paused reader has no timeout, unless another call waits", async () => {
  const calls = async (client: Pop3Client): Promise<void> => {
    const stream = client.retrStream(1).on("error", () => undefined);
    while (stream.readableLength === 0) await turn();
    vi.advanceTimersByTime(10 * DEFAULT_TIMEOUTS.body);
    await settle();
    expect(client.state).toBe("transaction");
    await client.noop();
  };
  const answers = { ...LOGIN_ANSWERS, RETR: `+OK\r\n${"x".repeat(200_000)}` };
  const { code } = await begin({ clock: "body", code: "", calls, answers });
  await settle();
  vi.advanceTimersByTime(DEFAULT_TIMEOUTS.body - 1);
  await settle();
  expect(code()).toBeUndefined();
  vi.advanceTimersByTime(2);
  await settle();
  expect(code()).toBe("POP3_IDLE_TIMEOUT");
});
