// Times: numbers in the unit of the option, and texts with a unit, in options, in the configuration and in words.
import { describe, expect, test } from "vitest";
import { Pop3Client, Pop3Pool } from "popwright";
import { createFetchWorker, Fleet } from "popwright/bullmq";
import {
  Command,
  FileLedger,
  GmailImport,
  ImapAppend,
  Lmtp,
  Mbox,
  MemoryLedger,
  verifyWebhook,
  Webhook,
} from "popwright/fetch";
import { clientCredentials, refreshedToken } from "popwright/oauth2";
import { PostgresStore } from "popwright/postgres";
import { RedisLedger, RedisPlaces } from "popwright/redis";
import { SqliteStore } from "popwright/sqlite";
import { destinationContract, ledgerContract, Pop3Server } from "popwright/testing";
import { timeOf } from "../src/cli/usage.ts";
import { completePolicy } from "../src/fetch/plan/policy.ts";
import type { FetchPolicy } from "../src/fetch/index.ts";
import { completeOptions } from "../src/options/client.ts";
import { durationIn, parseDuration } from "../src/options/duration.ts";
import { UNUSED_POOL } from "./support/postgres.ts";
import { UNUSED_REDIS } from "./support/redis.ts";

test.each([
  ["1ms", 1],
  ["500 ms", 500],
  ["30s", 30_000],
  ["30 s", 30_000],
  ["1.1 s", 1100],
  ["90 sec", 90_000],
  ["1 second", 1000],
  ["5 min", 300_000],
  ["5 minutes", 300_000],
  ["1.5h", 5_400_000],
  ["36 hours", 129_600_000],
  ["14d", 14 * 86_400_000],
  ["14 days", 14 * 86_400_000],
  ["1 day", 86_400_000],
  ["2 weeks", 14 * 86_400_000],
])("%s", (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds);
});

test.each([
  "",
  "14",
  "d",
  "14m",
  "14M",
  "14 Days",
  " 14 d",
  "14  d",
  "-1 d",
  "1e3 s",
  "1,5 h",
  "1h 30min",
  "14 months",
])("%j is not a time", (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test("a value is returned in the unit of its option", () => {
  expect(durationIn("ms", "2 s")).toBe(2000);
  expect(durationIn("s", "2 min")).toBe(120);
  expect(durationIn("d", "36 h")).toBe(1.5);
  expect(durationIn("d", 14)).toBe(14);
  expect(durationIn("ms", Infinity)).toBe(Infinity);
  for (const wrong of [-1, NaN, "soon", null, {}, true]) expect(durationIn("ms", wrong)).toBeUndefined();
});

describe("a policy", () => {
  test("takes texts wherever it takes numbers of days, seconds or milliseconds", () => {
    const words = completePolicy({
      delete: { afterDays: "2 weeks", largerThan: 7 },
      keepDays: "36 h",
      limits: { seconds: "10 min", messageSeconds: "1.5 h" },
      retry: { first: "30 s", longest: "1 day" },
      poll: { shortest: "5 min", longest: "2 h", jitter: 0 },
    });
    expect(words).toEqual(
      completePolicy({
        delete: { afterDays: 14, largerThan: 7 },
        keepDays: 1.5,
        limits: { seconds: 600, messageSeconds: 5400 },
        retry: { first: 30_000, longest: 86_400_000 },
        poll: { shortest: 300_000, longest: 7_200_000, jitter: 0 },
      }),
    );
    expect(completePolicy({ delete: "14 days" })).toEqual(completePolicy({ delete: { afterDays: 14 } }));
  });

  test.each<[unknown, string]>([
    [
      { keepDays: "30" },
      'policy.keepDays must be a number of days >= 0, or a text such as "36 h" or "14 days" (got "30"): a text needs a unit, as in "30 d"',
    ],
    [
      { delete: { afterDays: "6m" } },
      'policy.delete.afterDays must be a number of days >= 0, or a text such as "36 h" or "14 days" (got "6m"): write "6 min" for minutes, "6 d" for days',
    ],
    [
      { delete: "14" },
      'policy.delete must be "never", "delivered", a time such as "14 days", or { afterDays, largerThan } (got "14"): a text needs a unit, as in "14 d"',
    ],
    [
      { limits: { seconds: "5 moons" } },
      'policy.limits.seconds must be a number of seconds >= 0, or a text such as "30 s" or "10 min" (got "5 moons"): the units are ms, s, min, h, d and w',
    ],
    [
      { poll: { shortest: -1 } },
      'policy.poll.shortest must be a number of milliseconds >= 0, or a text such as "500 ms" or "30 s" (got -1)',
    ],
    [{ poll: { jitter: "1 s" } }, 'policy.poll.jitter must be a number >= 0 (got "1 s")'],
    [{ delete: { largerThan: "1 d" } }, 'policy.delete.largerThan must be a number >= 0 (got "1 d")'],
  ])("refuses %j", (policy, message) => {
    expect(() => completePolicy(policy as FetchPolicy)).toThrow(
      expect.objectContaining({ code: "POP3_CONFIG", message }) as Error,
    );
  });
});

test("the time limits of a client, a pool, a ledger and destinations", () => {
  const { timeouts } = completeOptions({
    host: "pop.example.com",
    timeouts: { connect: "5 s", total: "2 h" },
  });
  expect([timeouts.connect, timeouts.total, timeouts.tls]).toEqual([5000, 7_200_000, 15_000]);
  expect(() => new Pop3Client({ host: "pop.example.com", timeouts: { connect: "0 s" } })).toThrow(
    'timeouts.connect must be greater than 0 (got "0 s"); Infinity switches the timeout off',
  );
  expect(() => new Pop3Pool({ idleTimeout: "1 min", retryFor: "10 min" })).not.toThrow();
  expect(() => new Pop3Pool({ maxSessions: "1 min" as never })).toThrow(
    'pool.maxSessions must be a number >= 0 (got "1 min")',
  );
  expect(() => new FileLedger("ledger", { heartbeat: "2 min", stale: "1 min" })).toThrow(
    "ledger.heartbeat must be from 1 to 2147483647, and less than ledger.stale (got 120000, with ledger.stale 60000)",
  );
  expect(() => new Mbox("mbox", { lockTimeout: "soon" as never })).toThrow(
    'mbox.lockTimeout must be a number of milliseconds >= 0, or a text such as "500 ms" or "30 s" (got a string)',
  );
  expect(() => new Webhook("https://example.com/", { timeout: "1 min" })).not.toThrow();
});

const WRONG =
  /must be a number of (milli)?seconds >= 0, or a text such as .* \(got "5"\): a text needs a unit/;
const WHOLE = /must be a whole number of milliseconds/;
const token = { tokenUrl: "https://example.com/token", clientId: "a", clientSecret: "b" };

/** Each option that is a time, with a function that passes it. */
const TIMES: readonly (readonly [option: string, pass: (time: never) => unknown])[] = [
  ["the timeout of a Command", (timeout) => new Command("true", [], { timeout })],
  ["lockTimeout of an Mbox", (lockTimeout) => new Mbox("mbox", { lockTimeout })],
  ["the timeout of a Webhook", (timeout) => new Webhook("https://example.com/", { timeout })],
  [
    "the tolerance of verifyWebhook",
    (tolerance) => verifyWebhook({}, Buffer.from(""), `whsec_${"A".repeat(32)}`, { tolerance }),
  ],
  [
    "the timeout of a GmailImport",
    (timeout) => new GmailImport("a@example.com", { accessToken: () => "a", timeout }),
  ],
  [
    "the timeout of an ImapAppend",
    (timeout) => new ImapAppend("imaps://a@example.com", { state: "a", auth: { password: "b" }, timeout }),
  ],
  [
    "settleTime of an ImapAppend",
    (settleTime) =>
      new ImapAppend("imaps://a@example.com", { state: "a", auth: { password: "b" }, settleTime }),
  ],
  [
    "the timeout of an Lmtp",
    (timeout) => new Lmtp("lmtp://example.com", { recipient: "a@example.com", starttls: "never", timeout }),
  ],
  ["heartbeat of a FileLedger", (heartbeat) => new FileLedger("ledger", { heartbeat })],
  ["stale of a PostgresStore", (stale) => new PostgresStore(UNUSED_POOL, { stale })],
  ["stale of a RedisLedger", (stale) => new RedisLedger(UNUSED_REDIS, { stale })],
  ["the timeout of a RedisLedger", (timeout) => new RedisLedger(UNUSED_REDIS, { timeout })],
  ["lifetime of RedisPlaces", (lifetime) => new RedisPlaces(UNUSED_REDIS, { lifetime })],
  [
    "the margin of refreshedToken",
    (margin) => refreshedToken({ ...token, refreshToken: "c", onToken: () => undefined, margin }),
  ],
  ["the timeout of clientCredentials", (timeout) => clientCredentials({ ...token, scope: "d", timeout })],
  ["the timeout of ledgerContract", (timeout) => ledgerContract(() => new MemoryLedger(), { timeout })],
  [
    "the timeout of destinationContract",
    (timeout) => destinationContract(() => new Mbox("mbox"), { timeout }),
  ],
];

test.each(TIMES)("%s is a number or a text", (_, pass) => {
  const failure = (time: unknown): string => {
    try {
      pass(time as never);
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };
  // What is missing in addition is another error.
  for (const time of [40_000, "40 s"]) expect(failure(time)).not.toMatch(/number/);
  expect(failure("5")).toMatch(WRONG);
});

test("the times of a SqliteStore", () => {
  expect(() => new SqliteStore("mail.db", { busyTimeout: "5" as never })).toThrow(WRONG);
});

test("the times of a fleet", async () => {
  const worker = {
    redis: UNUSED_REDIS,
    account: () => undefined,
    ledger: new MemoryLedger(),
    destination: () => undefined,
  };
  await expect(createFetchWorker({ ...worker, lock: "5" as never })).rejects.toThrow(WRONG);
  await expect(createFetchWorker({ ...worker, lock: "0 s" })).rejects.toThrow(WHOLE);
  await expect(new Fleet({ redis: UNUSED_REDIS }).reconcile([], { spread: "5" as never })).rejects.toThrow(
    WRONG,
  );
});

test("the times of a server for tests", async () => {
  await using server = await Pop3Server.listen({
    loginDelay: "2 min",
    latency: "1 ms",
    allowUnusedFaults: true,
  });
  server.fault({ on: "CAPA", delay: "2 ms", split: 50, interval: "1 ms" });
  await using client = await Pop3Client.connect({
    host: server.host,
    port: server.port,
    secure: false,
    stls: "never",
  });
  expect(client.capabilities.loginDelay).toEqual({ seconds: 120, perUser: false });
  expect(String(server.transcript)).toContain("wait 2 ms");
  expect(() => server.fault({ on: "NOOP", delay: "5" as never })).toThrow(WRONG);
  expect(() => server.fault({ on: "NOOP", delay: "0 s" })).toThrow("changes nothing");
  const fault = { on: "NOOP", delay: "1 s" } as const;
  server.fault(fault);
  expect(server.unusedFaults).toEqual([fault]);
  await client.quit();
});

test("words of the command line", () => {
  expect(timeOf("--seconds", undefined, "s")).toBeUndefined();
  expect(timeOf("--seconds", "90", "s")).toBe(90);
  expect(timeOf("--seconds", "90s", "s")).toBe(90);
  expect(timeOf("--delete", "14", "d")).toBe(14);
  expect(timeOf("--delete", "36 h", "d")).toBe(1.5);
  expect(() => timeOf("--delete", "6m", "d")).toThrow(
    '--delete must be a number of days >= 0, or a text such as "36 h" or "14 days" (got "6m"): write "6 min" for minutes, "6 d" for days',
  );
});
