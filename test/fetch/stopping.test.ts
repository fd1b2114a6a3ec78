// How a run ends early: in an orderly way on stop, at once on signal, and without losing mail in either case.
import { getEventListeners } from "node:events";
import { afterEach, expect, test, vi } from "vitest";
import type { FetchedMessage, FetchEvent, FetchPolicy } from "../../src/fetch/index.ts";
import { turns, until } from "../support/turns.ts";
import { Fetcher } from "./fetcher.ts";
import { mails, said, serverWith } from "../support/mail.ts";

const DELETE: FetchPolicy = { delete: "delivered" };
afterEach(() => void vi.useRealTimers());

const ends = (lines: readonly string[]): string[] => lines.filter((line) => !line.startsWith("RETR"));

test("after pipelined requests the session ends without QUIT; a session that only deletes follows", async () => {
  await using server = await serverWith(mails(6));
  const fetcher = new Fetcher(server, { policy: DELETE });
  const stop = new AbortController();
  const destination = (message: FetchedMessage): void => {
    fetcher.inbox.deliver(message);
    stop.abort();
  };
  expect(await fetcher.run({ destination, stop: stop.signal })).toMatchObject({
    ...{ outcome: "stopped", delivered: 1, deleted: 1, committed: true, left: 5 },
  });
  expect(ends(said(server))).toEqual(["DELE 1", "QUIT"]);
  expect(server.connections).toBe(2);
  expect(await fetcher.run()).toMatchObject({ outcome: "done", delivered: 5, deleted: 5 });
  expect(fetcher.inbox.texts).toEqual(mails(6));
});

test("if that session cannot be opened, the next run deletes", async () => {
  await using server = await serverWith(mails(6), {
    faults: [{ on: "greeting", nth: 2, reply: "-ERR [SYS/TEMP] not now\r\n", close: Infinity }],
  });
  const fetcher = new Fetcher(server, { policy: DELETE });
  const stop = new AbortController();
  const destination = (message: FetchedMessage): void => {
    fetcher.inbox.deliver(message);
    stop.abort();
  };
  expect(await fetcher.run({ destination, stop: stop.signal })).toMatchObject({
    ...{ outcome: "stopped", delivered: 1, deleted: 0 },
  });
  expect(server.connections).toBe(2);
  await server.idle();
  expect(await fetcher.run()).toMatchObject({ outcome: "done", delivered: 5, deleted: 6 });
  expect(fetcher.inbox.texts).toEqual(mails(6));
});

test("the time limit of the run has the same effect", async () => {
  await using server = await serverWith(mails(6));
  const fetcher = new Fetcher(server, { policy: { ...DELETE, limits: { seconds: 60 } } });
  vi.useFakeTimers({ toFake: ["performance"] });
  const destination = (): void => void vi.advanceTimersByTime(60_000);
  expect(await fetcher.run({ destination })).toMatchObject({ outcome: "stopped", delivered: 1, deleted: 1 });
  expect(ends(said(server))).toEqual(["DELE 1", "QUIT"]);
  expect(server.connections).toBe(2);
});

test("with LOGIN-DELAY the next run deletes", async () => {
  await using server = await serverWith(mails(6), { loginDelay: 600 });
  const fetcher = new Fetcher(server, { policy: DELETE });
  const stop = new AbortController();
  const destination = (): void => stop.abort();
  expect(await fetcher.run({ destination, stop: stop.signal })).toMatchObject({
    ...{ outcome: "stopped", delivered: 1, deleted: 0, committed: undefined },
  });
  await server.idle();
  expect(ends(said(server))).toEqual([]);
  expect(server.connections).toBe(1);
});

test("without pipelined requests, the session itself commits", async () => {
  await using server = await serverWith(mails(2), { pipelining: false });
  const fetcher = new Fetcher(server, { policy: DELETE });
  const stop = new AbortController();
  const destination = (message: FetchedMessage): void => {
    if (message.uid === "uid-2") stop.abort();
  };
  expect(await fetcher.run({ destination, stop: stop.signal })).toMatchObject({ delivered: 2, deleted: 2 });
  expect(said(server)).toEqual(["RETR 1", "RETR 2", "DELE 1", "DELE 2", "QUIT"]);
  expect(server.connections).toBe(1);
});

test.each<[string, (abort: AbortController) => (event: FetchEvent) => void, string]>([
  [
    "a signal",
    (abort) => (event) => {
      if (event.type === "delivered") abort.abort();
    },
    "POP3_ABORTED",
  ],
  [
    "a listener that throws",
    () => (event) => {
      if (event.type === "delivered") throw new Error("not today");
    },
    "POP3_CALLER",
  ],
])("%s in the middle: neither RSET nor QUIT is said", async (_name, listener, code) => {
  await using server = await serverWith(mails(6));
  const fetcher = new Fetcher(server, { policy: DELETE });
  const abort = new AbortController();
  const options = { onEvent: listener(abort), signal: abort.signal };
  expect(await fetcher.failure(options)).toMatchObject({ code });
  expect(ends(said(server))).toEqual([]);
  expect(server.maildrop("ann").messages).toHaveLength(6);
  expect(await fetcher.run()).toMatchObject({ delivered: 5, deleted: 6 });
  expect(fetcher.inbox.texts).toEqual(mails(6));
});

test("after a signal the run ends when the destination has settled, and not before", async () => {
  await using server = await serverWith(mails(2));
  const fetcher = new Fetcher(server);
  const abort = new AbortController();
  let finish = (): void => undefined;
  const slow = new Promise<void>((resolve) => (finish = resolve));
  const destination = async (): Promise<void> => {
    abort.abort();
    await slow;
  };
  let over = false;
  const run = fetcher.failure({ destination, signal: abort.signal }).finally(() => (over = true));
  await until(() => abort.signal.aborted);
  await turns(50);
  expect(over).toBe(false);
  await expect(fetcher.ledger.open(fetcher.mailbox)).rejects.toMatchObject({ code: "POP3_MAILBOX_BUSY" });
  finish();
  expect(await run).toMatchObject({ code: "POP3_ABORTED", report: { delivered: 1 } });
  expect((await fetcher.known()).entries).toMatchObject([{ id: "uid-1", status: "delivered" }]);
});

test("a signal during QUIT: the report says that the deletion is unknown", async () => {
  await using server = await serverWith(mails(1), { faults: [{ on: "QUIT", stall: 0 }] });
  const fetcher = new Fetcher(server, { policy: DELETE });
  const abort = new AbortController();
  const run = fetcher.failure({ signal: abort.signal });
  await until(() => said(server).includes("QUIT"));
  abort.abort();
  expect(await run).toMatchObject({ code: "POP3_ABORTED", committed: "unknown" });
});

test("a signal before the session, or while it opens, ends the run", async () => {
  await using server = await serverWith(mails(1), { faults: [{ on: "greeting", stall: 0 }] });
  const fetcher = new Fetcher(server);
  const abort = new AbortController();
  const run = fetcher.failure({ signal: abort.signal });
  await until(() => server.connections === 1);
  abort.abort();
  expect(await run).toMatchObject({ code: "POP3_ABORTED", temporary: true });
  expect(await fetcher.failure({ signal: abort.signal })).toMatchObject({ code: "POP3_ABORTED" });
  expect(server.connections).toBe(1);
});

test.each([true, false])("no listener is left on stop and signal; pipelining %s", async (pipelining) => {
  await using server = await serverWith(mails(2), { pipelining, faults: [{ on: "RETR", nth: 2, reset: 9 }] });
  const fetcher = new Fetcher(server, { policy: { retry: { first: 0 } } });
  const { signal } = new AbortController();
  const stop = new AbortController();
  const options = { signal, stop: stop.signal };
  // With several commands in flight the run continues in a second session.
  if (pipelining) expect(await fetcher.run(options)).toMatchObject({ outcome: "done", delivered: 2 });
  else await fetcher.failure(options);
  for (let run = 0; run < 5; run++) {
    server.maildrop("ann").add(mails(1)[0] as string);
    await fetcher.run(options);
  }
  for (const each of [signal, stop.signal]) expect(getEventListeners(each, "abort")).toEqual([]);
});
