// A pool with a real server: successful work is committed, failed work is rolled back, and no session finds
// its maildrop in use.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Pop3Pool } from "../../src/index.ts";
import { Dovecot, servedOctets } from "../servers/dovecot.ts";
import { accountOf, awkward, letter, letters, Place, served } from "./fetching-place.ts";
import { sha256 } from "./sha256.ts";
import { transports } from "../servers/transport.ts";

describe("a pool", () => {
  const users = ["ann", "bea", "cem", "dan"];
  let server: Dovecot;

  beforeAll(async () => {
    server = await Dovecot.start({ users: Object.fromEntries(users.map((user) => [user, "secret"])) });
  });

  beforeEach(async () => {
    for (const user of users) await server.clear(user);
  });

  afterAll(() => server.stop());

  it.each(transports)("commits if the work succeeds, over %s", async (transport) => {
    await server.deliver("ann", awkward);
    await using pool = new Pop3Pool();
    const messages = await pool.use(accountOf(server, transport), async (client) => {
      const kept: Buffer[] = [];
      for await (const message of client.retrieve()) {
        kept.push(await message.buffer());
        await client.dele(message.number);
      }
      return kept;
    });
    expect(messages.map(sha256)).toEqual(awkward.map((message) => sha256(servedOctets(message))));
    expect(await server.count("ann")).toBe(0);
  });

  it("rolls back if the work throws, and the next call can log in", async () => {
    await server.deliver("ann", letters(3));
    await using pool = new Pop3Pool();
    const error = new Error("the caller's own");
    const failing = pool.use(accountOf(server), async (client) => {
      await client.dele([1, 2]);
      throw error;
    });
    await expect(failing).rejects.toBe(error);
    expect(await pool.use(accountOf(server), (client) => client.stat())).toMatchObject({ count: 3 });
    expect(await server.mailbox("ann")).toEqual(letters(3));
  });

  it("opens one session after the other, so that no maildrop is in use", async () => {
    for (const user of users) await server.deliver(user, letters(5));
    await using pool = new Pop3Pool({ maxPerHost: 3 });
    const first = (user: string): Promise<Buffer> =>
      pool.use(accountOf(server, "plain", user), async (client) => {
        const message = await client.retr(1);
        await client.dele(1);
        return message;
      });
    const calls = [1, 2, 3, 4, 5].map((number) => users.map(async (user) => [number, await first(user)]));
    for (const [number, message] of await Promise.all(calls.flat()))
      expect(message).toEqual(letter(number as number));
    expect(pool.statistics).toMatchObject({ opened: 20, failed: 0, retried: 0 });
    expect(await Promise.all(users.map((user) => server.count(user)))).toEqual([0, 0, 0, 0]);
  });

  it("serves a run, which leaves it open", async () => {
    await server.deliver("ann", letters(3));
    await using pool = new Pop3Pool({ idleTimeout: 60_000 });
    const place = await Place.for(accountOf(server));
    expect(await place.fetch({}, { pool })).toMatchObject({ delivered: 3 });
    await server.deliver("ann", [letter(4)]);
    // A session that was kept would not see it.
    expect(await place.fetch({ delete: "delivered" }, { pool })).toMatchObject({
      delivered: 1,
      deleted: 4,
    });
    expect(await pool.use(accountOf(server), (client) => client.stat())).toMatchObject({ count: 0 });
    expect(await place.delivered()).toEqual(served(letters(4)));
  });
});
