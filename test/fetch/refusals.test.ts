// What a refusal means for a run: after a temporary one the polling continues, and a permanent one is not
// retried.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Fault, Pop3Server } from "popwright/testing";
import { fetchAll, FetchError, MemoryLedger, newMail } from "../../src/fetch/index.ts";
import { Fetcher } from "./fetcher.ts";
import { accountOf, Inbox, mails, serverWith } from "../support/mail.ts";

// No test waits for a pause: the random part of each is 0.
beforeEach(() => void vi.spyOn(Math, "random").mockReturnValue(0));
afterEach(() => void vi.restoreAllMocks());

const policy = { poll: { shortest: 0, longest: 1 }, retry: { first: 0 } } as const;
const refusing = (on: string, words: string, nth: Fault["nth"] = 1): Promise<Pop3Server> =>
  serverWith(mails(1), { faults: [{ on, nth, reply: `-ERR ${words}\r\n` }] });

const TEMPORARY: readonly [on: string, words: string, code: string][] = [
  ["greeting", "go away", "POP3_GREETING_REJECTED"],
  ["greeting", "Connection limit reached", "POP3_GREETING_REJECTED"],
  ["greeting", "sorry, too many connections", "POP3_GREETING_REJECTED"],
  ["AUTH", "Server error: Failed to fetch messages in Inbox.", "POP3_TEMPORARY"],
  ["AUTH", "internal server error", "POP3_TEMPORARY"],
  ["AUTH", "database gone away", "POP3_TEMPORARY"],
  ["AUTH", "Mailbox is currently used by another session", "POP3_TEMPORARY"],
  ["AUTH", "maildrop not available", "POP3_TEMPORARY"],
  ["AUTH", "系统繁忙", "POP3_TEMPORARY"],
  ["LIST", "another session is active", "POP3_REFUSED"],
  ["UIDL", "Server Unavailable. 21", "POP3_REFUSED"],
];

describe.each(TEMPORARY)("-ERR to %s: %s", (on, words, code) => {
  test("fails one run, and is temporary", async () => {
    await using server = await refusing(on, words);
    const error = await new Fetcher(server, { policy }).failure();
    expect([error.code, error.temporary]).toEqual([code, true]);
  });

  test("newMail continues", async () => {
    await using server = await refusing(on, words);
    const got: string[] = [];
    for await (const message of newMail(accountOf(server), { ledger: new MemoryLedger(), policy })) {
      got.push(message.octets.toString());
      message.done();
      break;
    }
    expect(got).toEqual(mails(1));
  });

  test("fetchAll continues", async () => {
    await using server = await refusing(on, words);
    const inbox = new Inbox();
    const types: string[] = [];
    const options = { ledger: new MemoryLedger(), destination: inbox.deliver, policy, repeat: true };
    for await (const { type } of fetchAll([accountOf(server)], options)) {
      types.push(type);
      if (type === "delivered") break;
    }
    expect(types.filter((type) => type === "failed")).toHaveLength(1);
    expect(types.at(-1)).toBe("delivered");
  });
});

describe.each<[on: string, words: string, code: string]>([
  ["greeting", "[AUTH] not you", "POP3_GREETING_REJECTED"],
  ["greeting", "[SYS/PERM] server error", "POP3_GREETING_REJECTED"],
  ["greeting", "Access denied", "POP3_GREETING_REJECTED"],
  ["AUTH", "Your account has been locked. Contact the administrator.", "POP3_AUTH_REJECTED"],
  ["AUTH", "ACCOUNT TEMPORARILY LOCKED", "POP3_AUTH_REJECTED"],
  ["AUTH", "locked account, try again later", "POP3_AUTH_REJECTED"],
  ["AUTH", "mailbox not available: no such user", "POP3_AUTH_REJECTED"],
  ["AUTH", "[AUTH] internal error", "POP3_AUTH_REJECTED"],
])("-ERR to %s: %s", (on, words, code) => {
  test("ends newMail, and is permanent", async () => {
    await using server = await refusing(on, words, "every");
    const failure: unknown = await newMail(accountOf(server), { ledger: new MemoryLedger(), policy })
      .next()
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(FetchError);
    expect([(failure as FetchError).code, (failure as FetchError).temporary]).toEqual([code, false]);
    expect(server.connections).toBe(1);
  });
});

test.each([
  ["Server error: Failed to fetch messages in Inbox.", true],
  ["wrong password", false],
])("+ERR %s ends the session, and its text is still classified", async (words, temporary) => {
  await using server = await serverWith(mails(1), { faults: [{ on: "AUTH", reply: `+ERR ${words}\r\n` }] });
  const error = await new Fetcher(server, { policy }).failure();
  expect([error.code, error.temporary]).toEqual(["POP3_PROTOCOL", temporary]);
});

test.each([
  ["Server error", undefined],
  ["Can't get the letter 1[301], try again later", undefined],
  ["message not available", undefined],
  ["no such message", 1],
  ["[SYS/PERM] temporarily broken", 1],
])(
  "RETR of one message refused with %j does not block others, and its tries are %s",
  async (words, tries) => {
    await using server = await serverWith(mails(3), { faults: [{ on: "RETR", reply: `-ERR ${words}\r\n` }] });
    const fetcher = new Fetcher(server, { policy: { ...policy, delete: "delivered" } });
    const report = await fetcher.run();
    expect([report.delivered, report.failed.length, report.deleted]).toEqual([2, 1, 2]);
    expect(server.maildrop("ann").messages.map(({ octets }) => octets.toString())).toEqual(mails(1));
    const entry = (await fetcher.known()).entries.find(({ status }) => status === "failed");
    expect(entry?.tries).toBe(tries ?? 0);
    expect(await fetcher.run()).toMatchObject({ delivered: 1, deleted: 1 });
  },
);
