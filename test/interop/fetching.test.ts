// Fetching from real servers: every message is delivered once, byte for byte, and no message is deleted
// before it was delivered.
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { fetchAll, fetchMail, FileLedger, Maildir, newMail, type FetchEvent } from "../../src/fetch/index.ts";
import { octetsIn } from "../support/folder.ts";
import { scratch } from "../support/scratch.ts";
import { Courier } from "../servers/courier.ts";
import { Cyrus } from "../servers/cyrus.ts";
import { Dovecot, servedOctets } from "../servers/dovecot.ts";
import { Perdition } from "../servers/perdition.ts";
import type { MailServer } from "../servers/mail-server.ts";
import {
  accountOf,
  awkward,
  digests,
  letter,
  letters,
  octets,
  Place,
  retrievals,
  served,
} from "./fetching-place.ts";
import { sha256 } from "./sha256.ts";
import { transports, type Transport } from "../servers/transport.ts";
import { Twisted } from "../servers/twisted.ts";
import { Wire } from "./wire.ts";

afterEach(() => void vi.useRealTimers());

describe("Dovecot", () => {
  let server: Dovecot;
  const users = ["ann", "bea", "cem", "dan"];

  beforeAll(async () => {
    server = await Dovecot.start({ users: Object.fromEntries(users.map((user) => [user, "secret"])) });
  });

  beforeEach(async () => {
    for (const user of users) await server.clear(user);
  });

  afterAll(() => server.stop());

  it.each(transports)("into a Maildir over %s; a second poll retrieves nothing", async (transport) => {
    using wire = new Wire();
    await server.deliver("ann", awkward);
    const place = await Place.for(accountOf(server, transport));
    expect(await place.fetch()).toMatchObject({
      ...{ outcome: "done", listed: awkward.length, delivered: awkward.length, known: 0, deleted: 0 },
      ...{ octets: awkward.reduce((sum, message) => sum + servedOctets(message).length, 0), failed: [] },
    });
    expect(await place.delivered()).toEqual(served(awkward));
    expect(retrievals(wire)).toHaveLength(awkward.length);
    expect(await place.fetch()).toMatchObject({ outcome: "done", listed: awkward.length, delivered: 0 });
    expect(retrievals(wire)).toEqual([]);
    // As they were delivered to the server.
    expect((await server.mailbox("ann")).map(sha256)).toEqual(awkward.map(sha256));
  });

  it("with the ledger lost, every message is sent again, and the Maildir stores none twice", async () => {
    await server.deliver("ann", awkward);
    const place = await Place.for(accountOf(server));
    await place.fetch();
    expect(await place.fetch({}, { ledger: new FileLedger(join(place.directory, "other")) })).toMatchObject({
      ...{ delivered: 0, known: awkward.length },
    });
    expect(await place.delivered()).toEqual(served(awkward));
  });

  it("the second run retrieves exactly the messages that arrived after the first", async () => {
    using wire = new Wire();
    await server.deliver("ann", letters(3));
    const place = await Place.for(accountOf(server));
    await place.fetch();
    await server.deliver("ann", [letter(4)]);
    wire.take();
    expect(await place.fetch()).toMatchObject({ listed: 4, delivered: 1 });
    expect(retrievals(wire)).toEqual(["RETR 4"]);
    expect(await place.delivered()).toEqual(served(letters(4)));
  });

  it("messages that arrive while a run deletes are neither deleted nor missed", async () => {
    await server.deliver("ann", letters(3));
    const place = await Place.for(accountOf(server));
    const onEvent = async (event: FetchEvent): Promise<void> => {
      if (event.type === "delivered" && event.number === 2) await server.deliver("ann", [letter(4)]);
    };
    const policy = { delete: "delivered" } as const;
    expect(await place.fetch(policy, { onEvent })).toMatchObject({ listed: 3, delivered: 3, deleted: 3 });
    expect(await server.mailbox("ann")).toEqual([letter(4)]);
    expect(await place.fetch(policy)).toMatchObject({ listed: 1, delivered: 1, deleted: 1 });
    expect(await server.count("ann")).toBe(0);
    expect(await place.delivered()).toEqual(served(letters(4)));
  });

  describe("deletes", () => {
    it("nothing by default", async () => {
      await server.deliver("ann", letters(3));
      const place = await Place.for(accountOf(server));
      expect(await place.fetch()).toMatchObject({ delivered: 3, deleted: 0, committed: undefined });
      expect(await server.count("ann")).toBe(3);
    });

    it("delivered messages, and those of an earlier run without retrieving them again", async () => {
      using wire = new Wire();
      await server.deliver("ann", letters(2));
      const place = await Place.for(accountOf(server));
      await place.fetch();
      await server.deliver("ann", [letter(3)]);
      wire.take();
      const report = await place.fetch({ delete: "delivered" });
      expect(report).toMatchObject({ delivered: 1, deleted: 3, committed: true });
      expect(retrievals(wire)).toEqual(["RETR 3"]);
      expect(await server.count("ann")).toBe(0);
      expect(await place.delivered()).toEqual(served(letters(3)));
    });

    it("large messages at once, and the others after the given number of days", async () => {
      const large = octets(`Subject: large\r\n\r\n${"text\r\n".repeat(1000)}`);
      await server.deliver("ann", [letter(1), large, letter(2)]);
      const place = await Place.for(accountOf(server));
      const policy = { delete: { afterDays: 14, largerThan: 5000 } };
      expect(await place.fetch(policy)).toMatchObject({ delivered: 3, deleted: 1 });
      expect(await server.mailbox("ann")).toEqual(letters(2));
      const day = 24 * 60 * 60 * 1000;
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 13 * day });
      await server.deliver("ann", [letter(3)]);
      expect(await place.fetch(policy)).toMatchObject({ delivered: 1, deleted: 0 });
      vi.setSystemTime(Date.now() + 1.01 * day);
      expect(await place.fetch(policy)).toMatchObject({ delivered: 0, deleted: 2, committed: true });
      expect(await server.mailbox("ann")).toEqual([letter(3)]);
    });

    it("no message of which only the headers were fetched", async () => {
      const large = octets(`Subject: large\r\nX-More: yes\r\n\r\n${"text\r\n".repeat(1000)}`);
      await server.deliver("ann", [letter(1), large]);
      const place = await Place.for(accountOf(server));
      const policy = { maxSize: 5000, tooLarge: "headers", delete: "delivered" } as const;
      expect(await place.fetch(policy)).toMatchObject({ delivered: 2, deleted: 1 });
      expect(await server.mailbox("ann")).toEqual([large]);
      const headers = large.subarray(0, large.indexOf("\r\n\r\n") + 4);
      expect(await place.delivered()).toEqual(digests([letter(1), headers]));
      expect(await place.fetch(policy)).toMatchObject({ listed: 1, delivered: 0, deleted: 0 });
    });
  });

  it("commits after a number of messages, with a session for each commit", async () => {
    using wire = new Wire();
    await server.deliver("ann", letters(10));
    const place = await Place.for(accountOf(server));
    const left: number[] = [];
    const report = await place.fetch(
      { delete: "delivered", commitEvery: 3 },
      {
        onEvent: async ({ type }) => {
          if (type === "delivered") left.push(await server.count("ann"));
        },
      },
    );
    expect(report).toMatchObject({
      outcome: "done",
      listed: 10,
      delivered: 10,
      deleted: 10,
      committed: true,
    });
    expect(left).toEqual([10, 10, 10, 7, 7, 7, 4, 4, 4, 1]);
    const commands = wire.take();
    expect(commands.filter((command) => command === "QUIT")).toHaveLength(4);
    expect(commands.filter((command) => command.startsWith("RETR"))).toHaveLength(10);
    expect(await server.count("ann")).toBe(0);
    expect(await place.delivered()).toEqual(served(letters(10)));
  });

  it("passes new mail on message by message, and deletes processed messages", async () => {
    await server.deliver("ann", awkward);
    const { ledger } = await Place.for(accountOf(server));
    const policy = { delete: "delivered", poll: { shortest: 0, longest: 1 }, retry: { first: 0 } } as const;
    const stop = new AbortController();
    const done: string[] = [];
    const again: string[] = [];
    const options = { ledger, policy, mailbox: "ann", stop: stop.signal };
    for await (const message of newMail(accountOf(server, "TLS port"), options)) {
      const digest = sha256(message.octets);
      if (digest === served(awkward.slice(2, 3))[0] && again.length === 0) {
        again.push(digest);
        message.failed(new Error("not now"));
        continue;
      }
      message.done();
      if (done.push(digest) === awkward.length) await server.deliver("ann", [letter(8)]);
      if (done.length > awkward.length) stop.abort();
    }
    expect(done.sort()).toEqual(served([...awkward, letter(8)]));
    expect(again).toHaveLength(1);
    expect(await server.count("ann")).toBe(0);
  });

  it("of many users, with a limit at a time; a wrong password does not affect the others", async () => {
    for (const [index, user] of users.entries()) await server.deliver(user, letters(index + 1));
    const wrong = { ...accountOf(server), auth: { user: "bea", pass: "wrong", mechanism: "USER" } };
    const directory = await scratch();
    const targets = users.map((user) => (user === "bea" ? wrong : accountOf(server, "TLS port", user)));
    const ends: string[] = [];
    for await (const event of fetchAll(targets, {
      ledger: new FileLedger(join(directory, "state")),
      destination: new Maildir(({ mailbox }) => join(directory, mailbox.slice(0, 3))),
      policy: { delete: "delivered" },
      maxPerHost: 2,
    })) {
      const user = event.mailbox.slice(0, 3);
      if (event.type === "end") ends.push(`${user}: ${event.report.deleted} deleted`);
      if (event.type === "failed") ends.push(`${user}: ${event.error.code}`);
    }
    expect(ends.sort()).toEqual([
      ...["ann: 1 deleted", "bea: POP3_AUTH_REJECTED", "cem: 3 deleted", "dan: 4 deleted"],
    ]);
    expect(digests(await octetsIn(join(directory, "dan/new")))).toEqual(served(letters(4)));
    expect(await Promise.all(users.map((user) => server.count(user)))).toEqual([0, 2, 0, 0]);
  });
});

interface Row {
  readonly start: () => Promise<MailServer>;
  /** The ways to the server, one for each run. */
  readonly ways: readonly [Transport, Transport, Transport];
  /** Messages that the server keeps as they are. */
  readonly kept: readonly Buffer[];
}

const options = { users: { ann: "secret" } };
const everyWay = ["plain", "STLS", "TLS port"] as const;
const rows: Readonly<Record<string, Row>> = {
  Dovecot: { start: () => Dovecot.start(options), ways: everyWay, kept: awkward.slice(4) },
  Cyrus: { start: () => Cyrus.start(options), ways: everyWay, kept: awkward.slice(4) },
  Courier: { start: () => Courier.start(options), ways: everyWay, kept: awkward.slice(4) },
  Perdition: { start: () => Perdition.start(options), ways: everyWay, kept: awkward.slice(4) },
  // It does not stuff a dot after a multiple of 16,384 bytes, of which the large message has one.
  Twisted: {
    start: () => Twisted.start(options),
    ways: ["plain", "TLS port", "TLS port"],
    kept: [...awkward.slice(4, 5), ...awkward.slice(6)],
  },
};

describe.each(Object.entries(rows))("%s", (_name, { start, ways, kept }) => {
  it("delivers every message once over every transport, and is empty in the end", async () => {
    const messages = [...letters(20), ...kept];
    await using server = await start();
    await server.deliver("ann", letters(20));
    using wire = new Wire();
    const place = await Place.for(accountOf(server, ways[0]));
    expect(await place.fetch()).toMatchObject({ outcome: "done", delivered: 20, deleted: 0 });
    expect(retrievals(wire)).toHaveLength(20);

    await server.deliver("ann", kept);
    // Courier lists a LOGIN-DELAY, but accepts an earlier login.
    const again = { mailbox: "ann", ledger: place.ledger, destination: place.maildir, force: true };
    expect(await fetchMail(accountOf(server, ways[1]), again)).toMatchObject({
      ...{ listed: messages.length, delivered: messages.length - 20 },
    });
    expect(retrievals(wire)).toHaveLength(messages.length - 20);

    const policy = { delete: "delivered" } as const;
    expect(await fetchMail(accountOf(server, ways[2]), { ...again, policy })).toMatchObject({
      ...{ delivered: 0, known: 0, deleted: messages.length, committed: true },
    });
    expect(retrievals(wire)).toEqual([]);
    expect(await place.delivered()).toEqual(digests(messages));
    expect(await server.mailbox("ann")).toEqual([]);
  });
});

it("the LOGIN-DELAY of Courier is respected: nothing is sent earlier", async () => {
  await using server = await Courier.start({ users: { ann: "secret" } });
  await server.deliver("ann", letters(1));
  const place = await Place.for(accountOf(server));
  const { nextPollAt } = await place.fetch();
  using wire = new Wire();
  await server.deliver("ann", [letter(2)]);
  const deferred = await place.fetch();
  expect(deferred).toMatchObject({ outcome: "deferred", delivered: 0 });
  expect(deferred.nextPollAt).toBeLessThanOrEqual(nextPollAt);
  expect(wire.take()).toEqual([]);
  vi.useFakeTimers({ toFake: ["Date"], now: deferred.nextPollAt + 1 });
  expect(await place.fetch()).toMatchObject({ outcome: "done", delivered: 1 });
});
