// fetchMail over one mailbox, run after run: what is delivered, recorded and deleted, and in which order.
import { afterEach, expect, test, vi } from "vitest";
import { Pop3Error } from "popwright";
import type { Pop3Server } from "popwright/testing";
import {
  fetchMail,
  FetchError,
  MemoryLedger,
  type FetchedMessage,
  type FetchEvent,
  type FetchOptions,
  type FetchReport,
} from "../../src/fetch/index.ts";
import { accountOf, Inbox, mail, mails, said, serverWith } from "../support/mail.ts";

class Fetcher {
  readonly ledger = new MemoryLedger();
  readonly inbox = new Inbox();
  readonly events: FetchEvent[] = [];
  readonly #server: Pop3Server;

  constructor(server: Pop3Server) {
    this.#server = server;
  }

  run(options: Partial<FetchOptions> = {}): Promise<FetchReport> {
    return fetchMail(accountOf(this.#server), {
      ledger: this.ledger,
      destination: this.inbox.deliver,
      onEvent: (event) => void this.events.push(event),
      ...options,
    });
  }
}

afterEach(() => void vi.useRealTimers());

async function failureOf(run: Promise<unknown>): Promise<FetchError> {
  const error: unknown = await run.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(FetchError);
  return error as FetchError;
}

test("mail is delivered once, byte for byte, and stays on the server", async () => {
  await using server = await serverWith(mails(3));
  const fetcher = new Fetcher(server);
  expect(await fetcher.run()).toMatchObject({
    ...{ outcome: "done", mailbox: `ann@127.0.0.1:${String(server.port)}`, listed: 3 },
    ...{ delivered: 3, known: 0, deleted: 0, committed: undefined, skipped: [], failed: [], left: 0 },
    octets: mails(3).join("").length,
  });
  expect(fetcher.inbox.texts).toEqual(mails(3));
  expect(await fetcher.run()).toMatchObject({ outcome: "done", listed: 3, delivered: 0, octets: 0 });
  server.maildrop("ann").add(mail(4));
  expect(await fetcher.run()).toMatchObject({ outcome: "done", listed: 4, delivered: 1 });
  expect(fetcher.inbox.texts).toEqual(mails(4));
  expect(said(server)).toEqual(["RETR 1", "RETR 2", "RETR 3", "QUIT", "QUIT", "RETR 4", "QUIT"]);
});

test("delivered messages are deleted, in the same session or later", async () => {
  await using server = await serverWith(mails(2));
  const fetcher = new Fetcher(server);
  await fetcher.run();
  server.maildrop("ann").add(mail(3));
  const report = await fetcher.run({ policy: { delete: "delivered" } });
  expect(report).toMatchObject({ delivered: 1, deleted: 3, committed: true });
  expect(server.maildrop("ann").messages).toHaveLength(0);
  expect(said(server).slice(3)).toEqual(["RETR 3", "DELE 1", "DELE 2", "DELE 3", "QUIT"]);
  expect(fetcher.events.map(({ type }) => type).slice(-4)).toEqual(["listed", "delivered", "deleted", "end"]);
});

test("the reply to QUIT is lost: no message is delivered twice, and none is left", async () => {
  const faults = [{ on: "QUIT", carriedOut: true, reply: "", close: 0 }];
  await using server = await serverWith(mails(2), { faults });
  const fetcher = new Fetcher(server);
  const policy = { delete: "delivered" } as const;
  expect(await fetcher.run({ policy })).toMatchObject({ delivered: 2, deleted: 0, committed: "unknown" });
  expect(await fetcher.run({ policy })).toMatchObject({ listed: 0, delivered: 0, committed: undefined });
  expect(fetcher.inbox.texts).toEqual(mails(2));
});

test("QUIT did not reach the server: the next run deletes, and retrieves nothing", async () => {
  const faults = [{ on: "QUIT", carriedOut: false, reply: "", reset: 0 }];
  await using server = await serverWith(mails(2), { faults });
  const fetcher = new Fetcher(server);
  const policy = { delete: "delivered" } as const;
  expect(await fetcher.run({ policy })).toMatchObject({ delivered: 2, committed: "unknown" });
  expect(await fetcher.run({ policy })).toMatchObject({ delivered: 0, deleted: 2, committed: true });
  expect(said(server).filter((line) => line.startsWith("RETR"))).toHaveLength(2);
  expect(fetcher.inbox.texts).toEqual(mails(2));
});

test("the server could not delete: the report says so, and the next run tries again", async () => {
  const faults = [{ on: "QUIT", reply: "-ERR some deleted messages not removed\r\n" }];
  await using server = await serverWith(mails(1), { faults });
  const fetcher = new Fetcher(server);
  const policy = { delete: "delivered" } as const;
  expect(await fetcher.run({ policy })).toMatchObject({ delivered: 1, deleted: 0, committed: false });
  expect(await fetcher.run({ policy })).toMatchObject({ delivered: 0, deleted: 1, committed: true });
});

test("the connection is cut: the next run retrieves only the messages that were not delivered", async () => {
  // With several commands in flight the run would continue by itself, with one at a time.
  const faults = [{ on: "RETR", nth: 3, close: 20 }];
  await using server = await serverWith(mails(4), { pipelining: false, faults });
  const fetcher = new Fetcher(server);
  const policy = { delete: "delivered", retry: { first: 0 } } as const;
  const error = await failureOf(fetcher.run({ policy }));
  expect(error).toMatchObject({ code: "POP3_TRUNCATED", temporary: true, committed: undefined });
  expect(error.report).toMatchObject({ outcome: "failed", delivered: 2, deleted: 0 });
  expect(server.maildrop("ann").messages).toHaveLength(4);
  expect(await fetcher.run({ policy })).toMatchObject({ delivered: 2, deleted: 4 });
  // The one that was cut short comes last.
  expect(fetcher.inbox.texts).toEqual([1, 2, 4, 3].map((number) => mail(number)));
});

test("a message that is always refused does not block others, and is quarantined in the end", async () => {
  await using server = await serverWith(mails(3));
  const fetcher = new Fetcher(server);
  const policy = { delete: "delivered", retry: { first: 0 }, tries: 2 } as const;
  const destination = (message: { octets: Buffer }): void => {
    if (message.octets.includes("Subject: 2")) throw new Error("not that one");
    fetcher.inbox.messages.push(message as never);
  };
  const first = await fetcher.run({ policy, destination });
  expect(first).toMatchObject({ outcome: "done", delivered: 2, deleted: 2, committed: true });
  expect(first.failed).toMatchObject([{ number: 2, tries: 1, error: { message: "not that one" } }]);
  // After a failure the session ends without QUIT; what is to be deleted gets one of its own.
  expect(said(server)).toEqual(["RETR 1", "RETR 2", "RETR 3", "DELE 1", "DELE 3", "QUIT"]);

  server.maildrop("ann").add(mail(4));
  const second = await fetcher.run({ policy, destination });
  expect(second).toMatchObject({ delivered: 1, failed: [{ tries: 2, retryAt: undefined }] });
  const third = await fetcher.run({ policy, destination });
  expect(third).toMatchObject({ listed: 1, failed: [], skipped: [{ reason: "quarantined" }] });
  expect(fetcher.inbox.texts).toEqual([1, 3, 4].map((number) => mail(number)));
  expect(server.maildrop("ann").messages).toHaveLength(1);
});

test("a destination that refuses every message is down, and no message is at fault", async () => {
  await using server = await serverWith(mails(9));
  const fetcher = new Fetcher(server);
  const policy = { retry: { first: 0 }, tries: 1 } as const;
  let asked = 0;
  const destination = (): void => {
    asked++;
    throw new Error("closed today");
  };
  for (let run = 0; run < 3; run++) {
    const error = await failureOf(fetcher.run({ policy, destination, force: true }));
    expect(error).toMatchObject({ code: "POP3_DESTINATION", temporary: true });
  }
  // Three and a probe in the first two runs; three in the last one, which has offered it everything.
  expect(asked).toBe(4 + 4 + 3);
  expect(said(server)).not.toContain("QUIT");
  expect(await fetcher.run({ policy, force: true })).toMatchObject({ delivered: 9, skipped: [] });
});

test("a full disk ends the run at once, and does not count as a failure of a message", async () => {
  await using server = await serverWith(mails(9));
  const fetcher = new Fetcher(server);
  const full = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  let asked = 0;
  const destination = (): void => {
    asked++;
    throw full;
  };
  const error = await failureOf(fetcher.run({ policy: { tries: 1 }, destination }));
  expect(error).toMatchObject({ code: "POP3_DESTINATION", cause: full, temporary: true });
  expect(asked).toBe(1);
  expect(await fetcher.run({ force: true })).toMatchObject({ delivered: 9, skipped: [] });
});

test("a message that the server refuses is tried again later", async () => {
  await using server = await serverWith(mails(2), {
    faults: [{ on: "RETR", reply: "-ERR can not load\r\n" }],
  });
  const fetcher = new Fetcher(server);
  const report = await fetcher.run({ policy: { delete: "delivered", retry: { first: 0 } } });
  expect(report).toMatchObject({ outcome: "done", delivered: 1, deleted: 1 });
  expect(report.failed).toMatchObject([{ number: 1, tries: 1, error: { code: "POP3_REFUSED" } }]);
  expect(await fetcher.run()).toMatchObject({ delivered: 1 });
});

test("commitEvery: a new session after that number of messages", async () => {
  await using server = await serverWith(mails(5));
  const fetcher = new Fetcher(server);
  const report = await fetcher.run({ policy: { delete: "delivered", commitEvery: 2 } });
  expect(report).toMatchObject({ listed: 5, delivered: 5, deleted: 5, committed: true });
  expect(said(server).filter((line) => line === "QUIT")).toHaveLength(3);
  expect(fetcher.inbox.texts).toEqual(mails(5));
});

test("tooLarge 'headers': only the headers of a large message are delivered", async () => {
  const large = mail(2, "x".repeat(500));
  await using server = await serverWith([mail(1), large]);
  const fetcher = new Fetcher(server);
  const policy = { maxSize: 400, tooLarge: "headers", delete: "delivered" } as const;
  expect(await fetcher.run({ policy })).toMatchObject({ delivered: 2, deleted: 1 });
  expect(fetcher.inbox.messages.map(({ headersOnly }) => headersOnly)).toEqual([false, true]);
  expect(fetcher.inbox.texts[1]).toBe(large.slice(0, large.indexOf("\r\n\r\n") + 4));
  expect(await fetcher.run({ policy })).toMatchObject({ listed: 1, delivered: 0, deleted: 0 });
});

test("without UIDL the run fails, or identifies messages by content", async () => {
  await using server = await serverWith([mail(1), mail(2), mail(1)], { uidl: false });
  const fetcher = new Fetcher(server);
  expect(await failureOf(fetcher.run())).toMatchObject({ code: "POP3_NO_UIDL", temporary: false });
  const policy = { noUidl: "content" } as const;
  expect(await fetcher.run({ policy })).toMatchObject({ delivered: 2, known: 1 });
  server.maildrop("ann").add(mail(3));
  expect(await fetcher.run({ policy })).toMatchObject({ delivered: 1, known: 3 });
  expect(fetcher.inbox.texts).toEqual(mails(3));
});

test("messages that share a unique-id are all delivered, each once", async () => {
  await using server = await serverWith(mails(3), { uids: ["a", "b", "a"] });
  const fetcher = new Fetcher(server);
  expect(await fetcher.run()).toMatchObject({ delivered: 3 });
  expect(await fetcher.run()).toMatchObject({ delivered: 0, known: 2 });
  expect(fetcher.inbox.texts.sort()).toEqual(mails(3));
});

test.each([true, false])("changed unique-ids end the run with an error (with TOP: %s)", async (top) => {
  await using before = await serverWith(mails(5), { uids: ["a", "b", "c", "d", "e"] });
  const fetcher = new Fetcher(before);
  await fetcher.run({ mailbox: "ann" });
  await using after = await serverWith(mails(6), { uids: ["1", "2", "3", "4", "5", "6"], top });
  const moved = (options: Partial<FetchOptions>): Promise<FetchReport> =>
    fetchMail(accountOf(after), {
      ...{ ledger: fetcher.ledger, destination: fetcher.inbox.deliver, mailbox: "ann" },
      ...options,
    });
  expect(await failureOf(moved({}))).toMatchObject({ code: "POP3_UIDS_CHANGED", temporary: false });
  expect(fetcher.inbox.messages).toHaveLength(5);
  expect(said(after).filter((line) => line.startsWith("RETR"))).toEqual([]);
  if (!top) return;
  expect(await moved({ policy: { uidsChanged: "match" } })).toMatchObject({ delivered: 1 });
  expect(fetcher.inbox.texts).toEqual(mails(6));
  expect(await moved({})).toMatchObject({ delivered: 0 });
});

test("if other mail has replaced all mail, that does not count as changed unique-ids", async () => {
  await using before = await serverWith(mails(5), { uids: ["a", "b", "c", "d", "e"] });
  const fetcher = new Fetcher(before);
  await fetcher.run({ mailbox: "ann" });
  await using after = await serverWith(
    [6, 7, 8].map((number) => mail(number)),
    { uids: ["1", "2", "3"] },
  );
  const { ledger, inbox } = fetcher;
  const options = { ledger, destination: inbox.deliver, mailbox: "ann" };
  expect(await fetchMail(accountOf(after), options)).toMatchObject({ delivered: 3 });
});

test("stop: the run finishes the current message, and commits", async () => {
  await using server = await serverWith(mails(5));
  const fetcher = new Fetcher(server);
  const stop = new AbortController();
  const destination = (message: FetchedMessage): void => {
    fetcher.inbox.deliver(message);
    if (fetcher.inbox.messages.length === 2) stop.abort();
  };
  const options = { policy: { delete: "delivered" }, destination, stop: stop.signal } as const;
  expect(await fetcher.run(options)).toMatchObject({ outcome: "stopped", delivered: 2, deleted: 2, left: 3 });
  expect(await fetcher.run({ stop: stop.signal })).toMatchObject({ outcome: "stopped", delivered: 0 });
  expect(await fetcher.run()).toMatchObject({ outcome: "done", delivered: 3 });
});

test("signal: the run ends at once, and deletes nothing", async () => {
  await using server = await serverWith(mails(5));
  const fetcher = new Fetcher(server);
  const abort = new AbortController();
  const destination = (message: FetchedMessage): void => {
    fetcher.inbox.deliver(message);
    if (fetcher.inbox.messages.length === 2) abort.abort(new Error("enough"));
  };
  const options = { policy: { delete: "delivered" }, destination, signal: abort.signal } as const;
  expect(await failureOf(fetcher.run(options))).toMatchObject({ code: "POP3_ABORTED" });
  await server.idle();
  expect(server.maildrop("ann").messages).toHaveLength(5);
  expect(await fetcher.run()).toMatchObject({ outcome: "done" });
  expect(new Set(fetcher.inbox.texts)).toEqual(new Set(mails(5)));
});

test("LOGIN-DELAY is obeyed: the run does not connect too early, unless force is set", async () => {
  await using server = await serverWith(mails(1), { loginDelay: 600 });
  const fetcher = new Fetcher(server);
  const { nextPollAt } = await fetcher.run();
  expect(nextPollAt).toBeGreaterThan(Date.now() + 500_000);
  expect(await fetcher.run()).toMatchObject({ outcome: "deferred", nextPollAt });
  expect(server.connections).toBe(1);
  expect(await failureOf(fetcher.run({ force: true }))).toMatchObject({
    code: "POP3_TEMPORARY",
    temporary: true,
  });
});

test("a LOGIN-DELAY is ignored if the clock was set back after it was recorded", async () => {
  await using server = await serverWith(mails(1), { loginDelay: 600 });
  const fetcher = new Fetcher(server);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3600_000 });
  await fetcher.run();
  expect(await fetcher.run()).toMatchObject({ outcome: "deferred" });
  vi.useRealTimers();
  expect(await failureOf(fetcher.run())).toMatchObject({ code: "POP3_TEMPORARY" });
  // What the server says now counts again.
  expect(await fetcher.run()).toMatchObject({ outcome: "deferred" });
  expect(server.connections).toBe(2);
});

test("a wrong password is reported as such, with all fields that a program needs", async () => {
  await using server = await serverWith(mails(1));
  const account = { ...accountOf(server), auth: { user: "ann", pass: "wrong-secret" } };
  const error = await failureOf(
    fetchMail(account, { ledger: new MemoryLedger(), destination: () => undefined }),
  );
  expect(Pop3Error.is(error)).toBe(true);
  expect(error).toMatchObject({ code: "POP3_AUTH_REJECTED", temporary: false, name: "FetchError" });
  expect(error.retryAfterMs).toBeGreaterThan(1_000_000);
  expect(String(error.stack)).not.toContain("wrong-secret");
});

test.each<[string, (thrown: Error) => Partial<FetchOptions>, pass?: () => never]>([
  ["a function that returns the password", () => ({})],
  [
    "the listener onEvent",
    (thrown) => ({
      onEvent: () => {
        throw thrown;
      },
    }),
  ],
  [
    "a ledger",
    (thrown) => ({ ledger: { open: () => Promise.reject(thrown), read: () => Promise.reject(thrown) } }),
  ],
])("what %s throws is told as such", async (name, options) => {
  await using server = await serverWith(mails(1));
  const thrown = new Error("not today");
  const account = accountOf(server);
  const pass = (): string => {
    if (name.endsWith("password")) throw thrown;
    return "secret";
  };
  const error = await failureOf(
    fetchMail(
      { ...account, auth: { ...account.auth, pass } },
      { ledger: new MemoryLedger(), destination: () => undefined, ...options(thrown) },
    ),
  );
  expect(error).toMatchObject({ code: "POP3_CALLER", cause: thrown, temporary: false });
});

test("two runs over one mailbox: the second fails", async () => {
  await using server = await serverWith(mails(2));
  const fetcher = new Fetcher(server);
  let second: Promise<FetchError> | undefined;
  const destination = async (): Promise<void> => {
    second ??= failureOf(fetcher.run());
    await second;
  };
  expect(await fetcher.run({ destination })).toMatchObject({ delivered: 2 });
  expect(await second).toMatchObject({ code: "POP3_MAILBOX_BUSY", temporary: true });
});

test("a poll without new mail retrieves nothing", async () => {
  await using server = await serverWith(mails(3));
  const fetcher = new Fetcher(server);
  await fetcher.run();
  const before = server.transcript.lines.length;
  await fetcher.run();
  const lines = server.transcript.lines.slice(before).filter((line) => line.startsWith("C:"));
  expect(lines).toEqual(["C: CAPA", "C: AUTH PLAIN ****", "C: CAPA", "C: LIST", "C: UIDL", "C: QUIT"]);
});

test.each<[object, string]>([
  [{ ledger: undefined }, "ledger"],
  [{ destination: undefined }, "destination"],
  [{ policy: { deleet: "delivered" } }, "deleet"],
  [{ policy: { delete: "yes" } }, "delete"],
  [{ policy: { tries: 0 } }, "tries"],
  [{ policy: { limits: { message: 1 } } }, "message"],
])("invalid options are rejected: %o", async (options, word) => {
  await using server = await serverWith(mails(1));
  const run = new Fetcher(server).run(options);
  await expect(run).rejects.toMatchObject({
    code: "POP3_CONFIG",
    message: expect.stringContaining(word) as string,
  });
  expect(server.connections).toBe(0);
});
