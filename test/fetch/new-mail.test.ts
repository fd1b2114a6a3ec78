// newMail: a message that is done is not yielded again; any other message is.
import { describe, expect, test } from "vitest";
import {
  FetchError,
  MemoryLedger,
  newMail,
  type FetchEvent,
  type NewMessage,
} from "../../src/fetch/index.ts";
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

describe("the first connection", () => {
  const options = { ledger: new MemoryLedger(), policy };

  test("that fails ends the loop", async () => {
    await using server = await serverWith(mails(1), { faults: [{ on: "greeting", nth: "every", reset: 0 }] });
    const next = newMail(accountOf(server), options).next();
    await expect(next).rejects.toBeInstanceOf(FetchError);
    await expect(next).rejects.toMatchObject({ code: "POP3_RESET", temporary: true, scope: "host" });
    expect(server.connections).toBe(1);
  });

  test("to a closed port ends it, too", async () => {
    const server = await serverWith([]);
    const account = accountOf(server);
    await server.close();
    await expect(newMail(account, options).next()).rejects.toMatchObject({ code: "POP3_CONNECT" });
  });

  test("that fails is tried again with retryFirst", async () => {
    await using server = await serverWith(mails(1), { faults: [{ on: "greeting", reset: 0 }] });
    for await (const message of newMail(accountOf(server), { ...options, retryFirst: true })) {
      expect(message.octets.toString()).toBe(mails(1)[0]);
      break;
    }
    expect(server.connections).toBe(2);
  });

  test("that fails later is tried again", async () => {
    await using server = await serverWith([], { faults: [{ on: "greeting", nth: 2, reset: 0 }] });
    const events: string[] = [];
    const onEvent = (event: FetchEvent): void => {
      events.push(event.type);
      if (event.type === "failed") server.maildrop("ann").add(mail(1));
    };
    for await (const _ of newMail(accountOf(server), { ...options, onEvent })) break;
    expect(events.filter((type) => type === "failed")).toHaveLength(1);
  });

  test("is not the point if a server refuses for now", async () => {
    await using server = await serverWith(mails(1), {
      faults: [{ on: "AUTH", reply: "-ERR [IN-USE] locked\r\n" }],
    });
    for await (const _ of newMail(accountOf(server), options)) break;
    expect(server.connections).toBe(2);
  });

  test("retryFirst must be true or false", async () => {
    const next = newMail("pop3s://ann:secret@127.0.0.1:1", { ...options, retryFirst: "yes" as never }).next();
    await expect(next).rejects.toMatchObject({
      code: "POP3_CONFIG",
      message: 'retryFirst must be true or false (got "yes")',
    });
  });
});
