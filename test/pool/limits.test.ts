// One session per maildrop, a limit per host, a limit in all: as the servers see it.
import type { LookupFunction } from "node:net";
import { describe, expect, test } from "vitest";
import { Pop3Pool, type Pop3ClientOptions } from "../../src/index.ts";
import type { Pop3Server } from "../../src/testing/index.ts";
import { codeOf } from "../support/outcome.ts";
import { turns } from "../support/turns.ts";
import { guardEachTest } from "../support/sentry.ts";
import { account, gate, left, serve } from "./accounts.ts";

guardEachTest();

const users = Array.from({ length: 20 }, (_, at) => `user${at}`);

/** Every name leads to the embedded servers. */
const lookup: LookupFunction = (_, { all }, answer) => {
  if (all === true) answer(null, [{ address: "127.0.0.1", family: 4 }]);
  else answer(null, "127.0.0.1", 4);
};

/** Servers under three names, one of them on two ports, and the most sessions that they had at a time. */
class Crowd implements AsyncDisposable {
  readonly accounts: Pop3ClientOptions[] = [];
  readonly servers: Pop3Server[] = [];
  readonly #hosts: string[] = [];
  readonly most: Map<string, number> = new Map();

  static async gather(): Promise<Crowd> {
    const crowd = new Crowd();
    for (const host of ["127.0.0.1", "localhost", "mail.test", "Mail.Test"]) await crowd.#join(host);
    return crowd;
  }

  async #join(host: string): Promise<void> {
    const server = await serve(users, {
      capabilities: ({ standard }) => {
        this.#count();
        return standard;
      },
    });
    this.servers.push(server);
    this.#hosts.push(host.toLowerCase());
    const names = host === "Mail.Test" ? users.slice(10) : host === "mail.test" ? users.slice(0, 10) : users;
    for (const name of names) this.accounts.push(account(server, name, { host, lookup }));
  }

  #count(): void {
    const now = new Map<string, number>([["all", 0]]);
    for (const [at, { sessions }] of this.servers.entries())
      for (const name of ["all", this.#hosts[at] as string]) now.set(name, (now.get(name) ?? 0) + sessions);
    for (const [name, sessions] of now) this.most.set(name, Math.max(sessions, this.most.get(name) ?? 0));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.servers) await server.close();
  }
}

describe("300 uses of 60 maildrops on 3 hosts keep the limits", () => {
  test.each([
    ["with a new session each", 0],
    ["with kept sessions", 60_000],
  ])("%s", async (_, idleTimeout) => {
    await using crowd = await Crowd.gather();
    await using pool = new Pop3Pool({ maxSessions: 7, maxPerHost: 3, idleTimeout });
    const { accounts } = crowd;
    expect(accounts).toHaveLength(60);
    const running = new Set<Pop3ClientOptions>();
    const calls = Array.from({ length: 300 }, (_, at) => {
      // In the order of the accounts first, then from the other end, then each several times.
      const given = accounts[
        at < 60 ? at : at < 120 ? 119 - at : Math.floor(at / 7) % 60
      ] as Pop3ClientOptions;
      return codeOf(
        pool.use(given, async (client) => {
          expect(running.has(given)).toBe(false);
          running.add(given);
          const { count } = await client.stat();
          running.delete(given);
          if (at % 10 === 1 && count > 1) await client.dele(1);
          if (at % 10 === 2) throw new Error("no");
          if (at % 10 === 3) await client.quit();
        }),
      );
    });
    const codes = await Promise.all(calls);
    expect(codes).toEqual(codes.map((_, at) => (at % 10 === 2 ? "Error: no" : "resolved")));
    expect(Object.fromEntries(crowd.most)).toEqual({
      all: 7,
      "127.0.0.1": 3,
      localhost: 3,
      "mail.test": 3,
    });
    const { opened, reused, ...now } = pool.statistics;
    expect(now).toMatchObject({ inUse: 0, connecting: 0, waiting: 0, failed: 0, retried: 0 });
    expect(opened + reused).toBe(300);
    if (idleTimeout === 0) expect([reused, now.open]).toEqual([0, 0]);
    else {
      expect(reused).toBeGreaterThan(50);
      expect(now.idle).toBeLessThanOrEqual(7);
    }
    await pool.close();
    // No maildrop was ever met in use.
    for (const server of crowd.servers) {
      await server.idle();
      expect(server.transcript.lines.filter((line) => line.includes("IN-USE"))).toEqual([]);
    }
  });
});

test("runs calls in their order", async () => {
  await using server = await serve(users);
  await using pool = new Pop3Pool({ maxPerHost: 1 });
  const order: string[] = [];
  await Promise.all(users.map((user) => pool.use(account(server, user), () => order.push(user))));
  expect(order).toEqual(users);
});

test("a busy maildrop or a busy host does not delay others", async () => {
  await using server = await serve(users);
  await using other = await serve(users);
  await using pool = new Pop3Pool({ maxPerHost: 2, maxSessions: 4 });
  const busy = gate();
  const calls = [0, 0, 0, 1, 2, 3].map((at) => pool.use(account(server, `user${at}`), () => busy.passed));
  const elsewhere = account(other, "user0", { host: "localhost", lookup });
  expect(await pool.use(elsewhere, ({ state }) => state)).toBe("transaction");
  expect(pool.statistics).toMatchObject({ inUse: 2, waiting: 4 });
  expect(server.sessions).toBe(2);
  busy.open();
  await Promise.all(calls);
});

test("opens one session per maildrop, whatever the options are", async () => {
  await using server = await serve(["ann"]);
  await using pool = new Pop3Pool();
  let sessions = 0;
  const url = `pop3://ann:secret@127.0.0.1:${server.port}?stls=never`;
  const given = [account(server), url, new URL(url), account(server, "ann", { pipelining: false })];
  await Promise.all(
    given.map((each) =>
      pool.use(each, async (client) => {
        sessions = Math.max(sessions, server.sessions);
        await client.stat();
      }),
    ),
  );
  expect(sessions).toBe(1);
});

test("rejects with POP3_POOL_FULL if maxWaiting calls are waiting", async () => {
  await using server = await serve(users);
  await using pool = new Pop3Pool({ maxSessions: 1, maxWaiting: 2 });
  const busy = gate();
  const calls = users.slice(0, 5).map((user) => codeOf(pool.use(account(server, user), () => busy.passed)));
  await turns();
  expect(pool.statistics.waiting).toBe(2);
  busy.open();
  expect(await Promise.all(calls)).toEqual([
    ...["resolved", "resolved", "resolved"],
    ...["POP3_POOL_FULL", "POP3_POOL_FULL"],
  ]);
  expect(server.connections).toBe(3);
});

test("deletes only the messages that each call marked", async () => {
  await using server = await serve(users);
  await using pool = new Pop3Pool();
  await Promise.all(
    users.slice(0, 3).map((user, at) => pool.use(account(server, user), (client) => client.dele(at + 1))),
  );
  expect(users.slice(0, 4).map((user) => left(server, user))).toEqual(["23", "13", "12", "123"]);
});
