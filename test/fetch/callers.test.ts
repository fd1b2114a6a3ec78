// Destinations, listeners and ledgers of the caller that misbehave: a run stays correct.
import { describe, expect, test } from "vitest";
import { Pop3Error, Pop3Pool } from "popwright";
import {
  fetchMail,
  MemoryLedger,
  type DeliveryWriter,
  type Destination,
  type FetchEvent,
  type FetchPolicy,
} from "../../src/fetch/index.ts";
import { Fetcher } from "./fetcher.ts";
import { accountOf, mails, serverWith } from "../support/mail.ts";
import { ledgerWith } from "../support/ledger.ts";

const DELETE: FetchPolicy = { delete: "delivered", retry: { first: 0 } };

/** Takes everything, but for what is said. */
function destinationWith(writer: Partial<DeliveryWriter>): Destination {
  const usual: DeliveryWriter = {
    write: () => undefined,
    commit: () => Promise.resolve("new"),
    abort: () => Promise.resolve(),
  };
  return { begin: () => Promise.resolve({ ...usual, ...writer }) };
}

/** A thenable that is not a Promise: it settles one turn after `then` is called. */
function thenable(refusal?: Error): Promise<void> {
  const then = (resolve: () => void, reject: (error: Error) => void): void =>
    void setImmediate(() => {
      if (refusal === undefined) resolve();
      else reject(refusal);
    });
  return { then } as unknown as Promise<void>;
}

test("a run awaits any thenable that write() returns, and its rejection is a refusal", async () => {
  await using server = await serverWith(mails(1));
  const fetcher = new Fetcher(server, { policy: DELETE });
  const full = new Error("that is too much");
  const refused = await fetcher.run({ destination: destinationWith({ write: () => thenable(full) }) });
  expect(refused).toMatchObject({ delivered: 0, deleted: 0, failed: [{ error: full }] });
  expect(server.maildrop("ann").messages).toHaveLength(1);
  const taken = await fetcher.run({ destination: destinationWith({ write: () => thenable() }) });
  expect(taken).toMatchObject({ delivered: 1, deleted: 1 });
});

test.each<[string, () => Promise<void>]>([
  ["rejects", () => Promise.reject(new Error("no abort"))],
  [
    "throws",
    () => {
      throw new Error("no abort");
    },
  ],
])("an abort() that %s: the message is refused for the reason it was", async (_name, abort) => {
  await using server = await serverWith(mails(2));
  const fetcher = new Fetcher(server, { policy: DELETE });
  const reason = new Error("not that one");
  const write = (): void => {
    throw reason;
  };
  const report = await fetcher.run({ destination: destinationWith({ write, abort }) });
  expect(report).toMatchObject({ outcome: "done", failed: [{ error: reason }, { error: reason }] });
  expect((await fetcher.known()).entries).toMatchObject([
    { reason: "not that one" },
    { reason: "not that one" },
  ]);
});

test.each<[FetchEvent["type"], number]>([
  ["begin", 0],
  ["listed", 0],
  ["delivered", 1],
  ["deleted", 2],
  ["end", 2],
])("a listener that throws at %j: delivered messages are not delivered again", async (type, delivered) => {
  await using server = await serverWith(mails(2));
  const fetcher = new Fetcher(server, { policy: DELETE });
  const thrown = new Error("not today");
  const onEvent = (event: FetchEvent): void => {
    if (event.type === type) throw thrown;
  };
  expect(await fetcher.failure({ onEvent })).toMatchObject({ code: "POP3_CALLER", cause: thrown });
  expect(fetcher.inbox.texts).toEqual(mails(delivered));
  expect(await fetcher.run()).toMatchObject({ outcome: "done", delivered: 2 - delivered });
  expect(fetcher.inbox.texts).toEqual(mails(2));
  expect(server.maildrop("ann").messages).toHaveLength(0);
});

describe.each([[undefined], [null], [Symbol("no error")], [Object.create(null) as object]])(
  "a function that throws anything but an error (%#)",
  (thrown: unknown) => {
    const throws = (): never => {
      throw thrown;
    };

    test("as destination: each message has failed, with a reason", async () => {
      await using server = await serverWith(mails(2));
      const fetcher = new Fetcher(server, { policy: DELETE });
      const report = await fetcher.run({ destination: throws });
      expect(report).toMatchObject({ outcome: "done", deleted: 0, failed: [{ error: thrown }, {}] });
      expect(report.failed.every(({ reason }) => typeof reason === "string" && reason !== "")).toBe(true);
    });

    test("as listener, or for the password: the run fails with POP3_CALLER", async () => {
      await using server = await serverWith(mails(2));
      const fetcher = new Fetcher(server, { policy: DELETE });
      const failure = await fetcher.failure({ onEvent: throws });
      expect(failure).toMatchObject({ code: "POP3_CALLER", message: expect.any(String) as unknown });
      const account = accountOf(server);
      const run = fetchMail(
        { ...account, auth: { ...account.auth, pass: throws } },
        { ledger: new MemoryLedger(), destination: () => undefined },
      );
      await expect(run).rejects.toMatchObject({ code: "POP3_CALLER" });
    });
  },
);

test("a ledger that fails to close does not hide an earlier error", async () => {
  await using server = await serverWith(mails(1));
  const ledger = ledgerWith((mailbox) => ({
    close: async () => {
      await mailbox.close();
      throw new Error("no close");
    },
  }));
  server.fault({ on: "UIDL", reply: "-ERR [SYS/TEMP] not now\r\n" });
  const fetcher = new Fetcher(server, { ledger, force: true });
  expect(await fetcher.failure()).toMatchObject({ cause: { responseCode: "SYS/TEMP" } });
  // Where nothing else did, that is it.
  expect(await fetcher.failure()).toMatchObject({ cause: { message: "no close" }, report: { delivered: 1 } });
});

test.each([
  ["ENOSPC", true],
  ["EINVAL", false],
])("a ledger that fails with %s: temporary is %s, and nothing is deleted", async (code, temporary) => {
  await using server = await serverWith(mails(3));
  const cause = Object.assign(new Error("cannot be written"), { code });
  const ledger = ledgerWith((mailbox) => ({
    record: (changes) =>
      changes.entries?.some(({ status }) => status === "delivered") === true
        ? Promise.reject(new Pop3Error("POP3_LEDGER", "cannot be written", { cause }))
        : mailbox.record(changes),
  }));
  const fetcher = new Fetcher(server, { ledger, policy: DELETE });
  expect(await fetcher.failure()).toMatchObject({ code: "POP3_LEDGER", temporary });
  expect(server.maildrop("ann").messages).toHaveLength(3);
});

test("a full pool is a temporary error", async () => {
  await using server = await serverWith(mails(1));
  await using pool = new Pop3Pool({ maxSessions: 1, maxWaiting: 0 });
  const fetcher = new Fetcher(server, { pool });
  const full = pool.use(accountOf(server), () => fetcher.run().catch((error: unknown) => error));
  expect(await full).toMatchObject({ code: "POP3_POOL_FULL", temporary: true });
  expect(await fetcher.run()).toMatchObject({ delivered: 1 });
});
