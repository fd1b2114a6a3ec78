// The time limit of a whole response: `timeouts.total`, and `totalTimeout` of a call.
import { describe, expect, test, vi } from "vitest";
import { stopClocks } from "../support/clock.ts";
import { Pop3Client } from "popwright";
import { DEFAULT_TIMEOUTS } from "../../src/options/client.ts";
import { auth, begin, pass, repeated, SECOND, settle } from "./deadline-call.ts";
import { LOGIN_ANSWERS, MemoryServer } from "../support/memory-server.ts";
import { watchEachTest } from "./witness.ts";

watchEachTest();
stopClocks();

const { body, total } = DEFAULT_TIMEOUTS;
/** Bytes per second of a server that is just fast enough. */
const STEADY = 600;
/** Milliseconds, shorter than `timeouts.body`. */
const STEP = 30 * SECOND;
const STEADILY = repeated("12 345\r\n", (STEADY * STEP) / SECOND);

/** What gives its response at once. */
const AT_ONCE: Readonly<Record<string, (client: Pop3Client, totalTimeout?: number) => Promise<unknown>>> = {
  list: (client, totalTimeout) => client.list({ totalTimeout }),
  uidl: (client, totalTimeout) => client.uidl({ totalTimeout }),
  retr: (client, totalTimeout) => client.retr(1, { totalTimeout }),
  top: (client, totalTimeout) => client.top(1, 5, { totalTimeout }),
  command: (client, totalTimeout) => client.command("XTND", { multiline: true, totalTimeout }),
  "buffer()": async (client, totalTimeout) =>
    (await client.retrieve([1], { totalTimeout }).next()).value?.buffer(),
};
const STREAMS: typeof AT_ONCE = {
  retrStream: (client, totalTimeout) => client.retrStream(1, { totalTimeout }).toArray(),
  "stream()": async (client, totalTimeout) =>
    (await client.retrieve([1], { totalTimeout }).next()).value?.stream().toArray(),
};

describe.each(Object.entries(AT_ONCE))("a response that keeps coming and never ends: %s", (_name, run) => {
  test("ends after timeouts.total", async () => {
    const { server, client, outcome, error } = await begin({ run }, "+OK\r\n");
    await pass(server, total - STEP, STEP, STEADILY);
    vi.advanceTimersByTime(STEP - 1);
    await settle();
    expect(outcome()).toBeUndefined();
    vi.advanceTimersByTime(2);
    await settle();
    expect(outcome()).toBe("POP3_TOTAL_TIMEOUT");
    expect(error()).toMatchObject({ name: "Pop3ConnectionError", limit: "timeouts.total" });
    expect(error()?.message).toMatch(
      /^the connection to \S+:\d+ timed out while waiting for the rest of \w+.*: it took longer than 3600000 ms \(timeouts\.total\)$/,
    );
    expect(client.state).toBe("closed");
  });

  test("ends after totalTimeout of the call", async () => {
    const own = 90 * SECOND;
    const { server, outcome, error } = await begin({ run: (client) => run(client, own) }, "+OK\r\n");
    await pass(server, own - 1, STEP, STEADILY);
    expect(outcome()).toBeUndefined();
    vi.advanceTimersByTime(2);
    await settle();
    expect(outcome()).toBe("POP3_TOTAL_TIMEOUT");
    expect(error()).toMatchObject({ limit: "totalTimeout" });
  });

  test("has no limit if totalTimeout is Infinity", async () => {
    const { server, outcome } = await begin({ run: (client) => run(client, Infinity) }, "+OK\r\n");
    await pass(server, total + STEP, STEP, STEADILY);
    expect(outcome()).toBeUndefined();
    server.say("\r\n.\r\n");
    await settle();
    expect(outcome()).toBe("resolved");
  });
});

test("totalTimeout of a call starts before the first line of its reply, and can be shorter than the timeout of a line", async () => {
  const run = (client: Pop3Client): Promise<unknown> => client.retr(1, { totalTimeout: 5 * SECOND });
  const { outcome, error } = await begin({ run }, "");
  vi.advanceTimersByTime(5 * SECOND - 1);
  await settle();
  expect(outcome()).toBeUndefined();
  vi.advanceTimersByTime(2);
  await settle();
  expect(error()).toMatchObject({ code: "POP3_TOTAL_TIMEOUT", limit: "totalTimeout" });
  expect(error()?.message).toContain(
    "waiting for the reply to RETR 1: it took longer than 5000 ms (totalTimeout)",
  );
});

test("totalTimeout applies to CAPA", async () => {
  const run = (client: Pop3Client): Promise<unknown> => client.capa({ totalTimeout: 5 * SECOND });
  const { outcome } = await begin({ run }, "+OK\r\n");
  vi.advanceTimersByTime(5 * SECOND + 1);
  await settle();
  expect(outcome()).toBe("POP3_TOTAL_TIMEOUT");
});

test("timeouts.total applies to CAPA if timeouts.command is Infinity", async () => {
  const options = { timeouts: { command: Infinity, total: 120 * SECOND } };
  const run = (client: Pop3Client): Promise<unknown> => client.capa();
  const { server, outcome } = await begin({ run, options }, "+OK\r\n");
  await pass(server, 119 * SECOND, SECOND, "X\r\n");
  expect(outcome()).toBeUndefined();
  await pass(server, 2 * SECOND, SECOND, "X\r\n");
  expect(outcome()).toBe("POP3_TOTAL_TIMEOUT");
});

describe.each(Object.entries(STREAMS))("a stream: %s", (_name, run) => {
  test("may take any time at the minimum rate", async () => {
    const { server, outcome } = await begin({ run }, "+OK\r\n");
    await pass(server, 2 * total, STEP, STEADILY);
    expect(outcome()).toBeUndefined();
    server.say("\r\n.\r\n");
    await settle();
    expect(outcome()).toBe("resolved");
  });

  test("ends after totalTimeout of the call", async () => {
    const { server, outcome, error } = await begin({ run: (client) => run(client, 90 * SECOND) }, "+OK\r\n");
    await pass(server, 90 * SECOND - 1, STEP, STEADILY);
    expect(outcome()).toBeUndefined();
    vi.advanceTimersByTime(2);
    await settle();
    expect(error()).toMatchObject({ code: "POP3_TOTAL_TIMEOUT", limit: "totalTimeout" });
  });
});

test("the time of a response starts when the responses before it are complete", async () => {
  const run = async (client: Pop3Client): Promise<void> => {
    await Promise.all([client.retr(1), client.retr(2), client.list()]);
  };
  const { server, outcome } = await begin({ run }, "");
  for (let response = 0; response < 3; response++) {
    server.say("+OK\r\n");
    await pass(server, total - STEP, STEP, STEADILY);
    server.say(response < 2 ? "\r\n.\r\n" : ".\r\n");
    await settle();
  }
  expect(outcome()).toBe("resolved");
});

test("the time in which a reader does not read does not count", async () => {
  let read = (): void => undefined;
  const told = new Promise<void>((resolve) => (read = resolve));
  const run = async (client: Pop3Client): Promise<unknown> => {
    const stream = client.retrStream(1, { totalTimeout: 60 * SECOND });
    await told;
    return stream.toArray();
  };
  const { server, client, outcome, error } = await begin({ run }, `+OK\r\n${"x".repeat(200_000)}`);
  vi.advanceTimersByTime(total);
  await settle();
  // From here on another command waits for the reader, who has a clock of its own then.
  client.stat().catch(() => undefined);
  await settle();
  vi.advanceTimersByTime(body - SECOND);
  await settle();
  read();
  await settle();
  vi.advanceTimersByTime(50 * SECOND);
  server.say("y");
  await settle();
  expect(outcome()).toBeUndefined();
  vi.advanceTimersByTime(11 * SECOND);
  await settle();
  expect(error()).toMatchObject({ code: "POP3_TOTAL_TIMEOUT", limit: "totalTimeout" });
});

test("the time of a message that is claimed late starts with its turn", async () => {
  let claim = (): void => undefined;
  const claimed = new Promise<void>((resolve) => (claim = resolve));
  const run = async (client: Pop3Client): Promise<unknown> => {
    const { value: message } = await client.retrieve([1]).next();
    await claimed;
    return message?.buffer();
  };
  const { server, outcome, error } = await begin({ run }, "+OK\r\n");
  // Not claimed, it may become a stream, which has no bound.
  await pass(server, total / 2, STEP, STEADILY);
  claim();
  await pass(server, total / 2 - STEP, STEP, STEADILY);
  expect(outcome()).toBeUndefined();
  await pass(server, STEP + SECOND, STEP, STEADILY);
  expect(error()).toMatchObject({ code: "POP3_TOTAL_TIMEOUT", limit: "timeouts.total" });
});

const NOT_A_TIME = "totalTimeout must be a number of milliseconds";

test.each([
  [0, "totalTimeout must be greater than 0 (got 0)"],
  [-1, NOT_A_TIME],
  [NaN, NOT_A_TIME],
  ["5", NOT_A_TIME],
  [null, NOT_A_TIME],
])("an invalid totalTimeout rejects, and sends nothing: %s", async (value, message) => {
  const totalTimeout = value as number;
  const server = new MemoryServer(LOGIN_ANSWERS);
  const client = await Pop3Client.connect({ ...server.options, ...auth("USER") });
  for (const run of [...Object.values(AT_ONCE), ...Object.values(STREAMS)])
    await expect(run(client, totalTimeout)).rejects.toMatchObject({
      code: "POP3_INVALID_ARGUMENT",
      message: expect.stringContaining(message) as string,
    });
  expect(server.lines.filter((text) => !/^(?:CAPA|USER|PASS)/.test(text))).toEqual([]);
  client.close();
});
