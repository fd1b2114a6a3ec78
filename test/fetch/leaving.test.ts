// Leaving the loop over newMail or fetchAll: after it, every run has ended and the ledger is up to date.
import { expect, test } from "vitest";
import type { Pop3Server } from "popwright/testing";
import { fetchAll, MemoryLedger, newMail, type FetchEvent } from "../../src/fetch/index.ts";
import { Fetcher } from "./fetcher.ts";
import { until } from "../support/turns.ts";
import { accountOf, mails, said, serverWith } from "../support/mail.ts";

const POLICY = { poll: { shortest: 0, longest: 1 }, retry: { first: 0 } };

test("after a break in newMail the mailbox is released, and done messages are recorded", async () => {
  await using server = await serverWith(mails(3));
  const fetcher = new Fetcher(server);
  for await (const message of newMail(accountOf(server), { ledger: fetcher.ledger, policy: POLICY })) {
    message.done();
    break;
  }
  expect((await fetcher.known()).entries).toMatchObject([{ id: "uid-1", status: "delivered" }]);
  await server.idle();
  expect(await fetcher.run()).toMatchObject({ delivered: 2 });
  expect(fetcher.inbox.texts).toEqual(mails(3).slice(1));
});

test("after a break in newMail done messages are deleted if the policy says so", async () => {
  await using server = await serverWith(mails(3));
  const policy = { ...POLICY, delete: "delivered" } as const;
  let count = 0;
  for await (const message of newMail(accountOf(server), { ledger: new MemoryLedger(), policy })) {
    message.done();
    if (++count === 2) break;
  }
  expect(server.maildrop("ann").messages.map(({ uid }) => uid)).toEqual(["uid-3"]);
  expect(said(server).filter((line) => line === "QUIT")).toHaveLength(1);
});

test("an error in the loop body reaches the caller, and the mailbox is released", async () => {
  await using server = await serverWith(mails(2));
  const fetcher = new Fetcher(server);
  const thrown = new Error("not today");
  const loop = async (): Promise<void> => {
    for await (const _ of newMail(accountOf(server), { ledger: fetcher.ledger, policy: POLICY }))
      throw thrown;
  };
  await expect(loop()).rejects.toBe(thrown);
  expect(await fetcher.run({ force: true })).toMatchObject({ delivered: 2 });
});

/** A source of accounts that yields one, and then does not tell when the next will come. */
class Accounts {
  over = false;
  readonly #server: Pop3Server;
  readonly #endless: boolean;

  constructor(server: Pop3Server, endless: boolean) {
    this.#server = server;
    this.#endless = endless;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ReturnType<typeof accountOf>, void> {
    try {
      yield accountOf(this.#server);
      if (!this.#endless) await new Promise(() => undefined);
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve));
        yield accountOf(this.#server);
      }
    } finally {
      this.over = true;
    }
  }
}

test.each(["stop", "signal", "break"] as const)(
  "%s ends fetchAll over accounts that never end",
  async (end) => {
    await using server = await serverWith(mails(1));
    const controller = new AbortController();
    const heard: FetchEvent["type"][] = [];
    const options = { ledger: new MemoryLedger(), destination: () => undefined };
    const ending = end === "break" ? {} : { [end]: controller.signal };
    for await (const event of fetchAll(new Accounts(server, false), { ...options, ...ending })) {
      heard.push(event.type);
      if (event.type !== "end") continue;
      if (end === "break") break;
      controller.abort();
    }
    expect(heard).toEqual(["begin", "listed", "delivered", "end"]);
    await server.idle();
  },
);

test.each([true, false])(
  "the iterator of accounts is ended with its return method (repeat: %s)",
  async (repeat) => {
    await using server = await serverWith(mails(1));
    const accounts = new Accounts(server, true);
    const options = { ledger: new MemoryLedger(), destination: () => undefined, policy: POLICY };
    for await (const event of fetchAll(accounts, { ...options, repeat })) if (event.type === "end") break;
    await until(() => accounts.over);
    await server.idle();
  },
);

test.each([true, false])(
  "an error of the iterator of accounts ends fetchAll in an orderly way (repeat: %s)",
  async (repeat) => {
    await using server = await serverWith(mails(1));
    const thrown = new Error("no more accounts");
    const heard: FetchEvent["type"][] = [];
    async function* accounts(): AsyncGenerator<ReturnType<typeof accountOf>> {
      yield accountOf(server);
      await until(() => heard.length > 0);
      throw thrown;
    }
    const fetcher = new Fetcher(server);
    const options = { ledger: fetcher.ledger, destination: fetcher.inbox.deliver, policy: POLICY, repeat };
    const loop = async (): Promise<void> => {
      for await (const { type } of fetchAll(accounts(), options)) heard.push(type);
    };
    await expect(loop()).rejects.toBe(thrown);
    // Its run was under way: that is not cut off.
    expect(heard.slice(0, 4)).toEqual(["begin", "listed", "delivered", "end"]);
    expect((await fetcher.known()).entries).toMatchObject([{ status: "delivered" }]);
  },
);
