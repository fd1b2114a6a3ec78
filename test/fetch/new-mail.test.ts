// newMail: a message that is done is not yielded again; any other message is.
import { expect, test } from "vitest";
import { FetchError, MemoryLedger, newMail, type NewMessage } from "../../src/fetch/index.ts";
import { accountOf, mail, mails, said, serverWith } from "../support/mail.ts";

const policy = { poll: { shortest: 0, longest: 1 }, retry: { first: 0 }, delete: "delivered" } as const;

test("each message is yielded, and deleted after done()", async () => {
  await using server = await serverWith(mails(2));
  const got: string[] = [];
  for await (const message of newMail(accountOf(server), { ledger: new MemoryLedger(), policy })) {
    got.push(message.octets.toString());
    message.done();
    if (got.length === 2) server.maildrop("ann").add(mail(3));
    if (got.length === 3) break;
  }
  expect(got).toEqual(mails(3));
  await server.idle();
  expect(said(server).filter((line) => line.startsWith("RETR"))).toHaveLength(3);
});

test("a message that is not done is yielded again", async () => {
  await using server = await serverWith(mails(3));
  const ledger = new MemoryLedger();
  const got: string[] = [];
  const fate: Record<string, (message: NewMessage) => void> = {
    "2": (message) => {
      message.failed(new Error("not now"));
    },
    "3": () => undefined, // forgotten
  };
  for await (const message of newMail(accountOf(server), { ledger, policy, repeat: false })) {
    const [, subject = ""] = /Subject: (\d)/.exec(message.octets.toString()) ?? [];
    got.push(subject);
    (fate[subject] ?? ((each) => each.done()))(message);
  }
  expect(got).toEqual(["1", "2", "3"]);
  for await (const message of newMail(accountOf(server), { ledger, policy, repeat: false })) {
    got.push(/Subject: (\d)/.exec(message.octets.toString())?.[1] as string);
    message.done();
  }
  expect(got.sort()).toEqual(["1", "2", "2", "3", "3"]);
  expect(server.maildrop("ann").messages).toHaveLength(0);
});

test("leaving the loop without done() leaves the message on the server", async () => {
  await using server = await serverWith(mails(2));
  const ledger = new MemoryLedger();
  for await (const _ of newMail(accountOf(server), { ledger, policy })) break;
  await server.idle();
  expect(server.maildrop("ann").messages).toHaveLength(2);
  const got: string[] = [];
  for await (const message of newMail(accountOf(server), { ledger, policy, repeat: false })) {
    got.push(message.octets.toString());
    message.done();
  }
  expect(got).toEqual(mails(2));
});

test("stop ends the loop after the current message", async () => {
  await using server = await serverWith(mails(3));
  const stop = new AbortController();
  const got: string[] = [];
  for await (const message of newMail(accountOf(server), {
    ledger: new MemoryLedger(),
    policy,
    stop: stop.signal,
  })) {
    got.push(message.octets.toString());
    stop.abort();
    message.done();
  }
  expect(got).toEqual(mails(1));
  expect(server.maildrop("ann").messages).toHaveLength(2);
});

test("a network error is retried, a wrong password is not", async () => {
  await using server = await serverWith(mails(2), { faults: [{ on: "RETR", nth: 2, reset: 10 }] });
  const got: string[] = [];
  for await (const message of newMail(accountOf(server), { ledger: new MemoryLedger(), policy })) {
    got.push(message.octets.toString());
    message.done();
    if (got.length === 2) break;
  }
  expect(got).toEqual(mails(2));
  const wrong = { ...accountOf(server), auth: { user: "ann", pass: "wrong" } };
  const next = newMail(wrong, { ledger: new MemoryLedger(), policy }).next();
  await expect(next).rejects.toBeInstanceOf(FetchError);
  await expect(next).rejects.toMatchObject({ code: "POP3_AUTH_REJECTED" });
});
