// What a pool writes to a log: which session a use has, why it failed, and when it is tried again.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Pop3Pool, type Pop3LogFacts, type Pop3Logger } from "../../src/index.ts";
import { codeOf } from "../support/outcome.ts";
import { guardEachTest } from "../support/sentry.ts";
import { until } from "../support/turns.ts";
import { account, gate, serve } from "./accounts.ts";

guardEachTest();

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  vi.spyOn(Math, "random").mockReturnValue(0.5);
});
afterEach(() => vi.useRealTimers());

type Line = Record<string, unknown>;

/** A logger that keeps the lines of the pool. */
function keeping(off?: string): { readonly lines: Line[]; readonly logger: Pop3Logger } {
  const lines: Line[] = [];
  const at =
    (level: string) =>
    (facts: Pop3LogFacts, message: string): void => {
      if (facts.area === "pool") lines.push({ level, message, ...facts });
    };
  const isLevelEnabled = (level: string): boolean => level !== off;
  return { lines, logger: { debug: at("debug"), info: at("info"), warn: at("warn"), isLevelEnabled } };
}

const nothing = (): void => undefined;

describe("a pool with a logger", () => {
  test("tells of each session, whether it is new, and how long the call waited", async () => {
    await using server = await serve(["ann"]);
    const { lines, logger } = keeping();
    await using pool = new Pop3Pool({ logger, idleTimeout: 60_000 });
    const busy = gate();
    const first = pool.use(account(server), () => busy.passed);
    const second = pool.use(account(server), (client) => client.id);
    await until(() => pool.statistics.inUse === 1);
    vi.advanceTimersByTime(1500.4);
    busy.open();
    await first;
    const session = await second;
    const { host, port } = server;
    expect(lines).toEqual([
      {
        ...{ level: "debug", message: `has a new session with ${host}`, area: "pool", session },
        ...{ host, port, waited: 0, attempts: 1, reused: false },
      },
      {
        ...{ level: "debug", message: `reuses a session with ${host}`, area: "pool", session },
        ...{ host, port, waited: 1500, attempts: 0, reused: true },
      },
    ]);
  });

  test("tells why a use failed, with the session if there was one", async () => {
    await using server = await serve(["ann"]);
    const { lines, logger } = keeping("debug");
    await using pool = new Pop3Pool({ logger });
    const { host, port } = server;
    await pool.use(account(server), () => Promise.reject(new Error("disk full"))).catch(nothing);
    const failed = { level: "warn", area: "pool", host, port, waited: 0, attempts: 1, reused: false };
    expect(lines).toEqual([
      {
        ...failed,
        message: `the use of a session with ${host} failed: disk full`,
        error: "disk full",
        session: expect.any(String) as string,
      },
    ]);
    await codeOf(pool.use(account(server, "eve"), nothing));
    expect(lines[1]).toMatchObject({ ...failed, code: "POP3_AUTH_REJECTED" });
    expect(lines[1]).not.toHaveProperty("session");
  });

  test("tells when it tries again, and why", async () => {
    await using server = await serve(["ann"], {
      faults: [1, 2].map((nth) => ({ on: "greeting", nth, reply: "-ERR [SYS/TEMP] not now\r\n" })),
    });
    const { lines, logger } = keeping("debug");
    await using pool = new Pop3Pool({ logger, retryFor: "1 min" });
    const call = pool.use(account(server), nothing);
    for (const pause of [1000, 2000]) {
      await until(() => pool.statistics.waiting === 1);
      const { connections } = server;
      vi.advanceTimersByTime(pause);
      await until(() => server.connections > connections);
    }
    await call;
    const { host, port } = server;
    expect(lines.map(({ error: _, ...rest }) => rest)).toEqual(
      [1, 2].map((attempts) => ({
        ...{ level: "warn", area: "pool", host, port, attempts, pause: 1000 * attempts },
        code: "POP3_GREETING_REJECTED",
        message: expect.stringMatching(
          new RegExp(`^no session with ${host}, tries again in ${String(attempts)} s: .`),
        ) as string,
      })),
    );
    for (const line of lines) expect(String(line["message"]).endsWith(String(line["error"]))).toBe(true);
  });
});

test.each<[Pop3Logger | false | undefined, string]>([
  [false, "none"],
  [undefined, "ours"],
])("an account with the logger %o uses %s", async (logger, which) => {
  await using server = await serve(["ann"]);
  const { lines, logger: ours } = keeping();
  await using pool = new Pop3Pool({ logger: ours });
  await pool.use({ ...account(server), ...(logger === undefined ? {} : { logger }) }, nothing);
  expect(lines.length).toBe(which === "ours" ? 1 : 0);
});
