// Messages without a usable unique-id: each run retrieves them to identify them, and each is delivered once.
import { describe, expect, test, vi } from "vitest";
import type { Destination, FetchPolicy } from "../../src/fetch/index.ts";
import { Fetcher } from "./fetcher.ts";
import { mail, mails, said, serverWith } from "../support/mail.ts";

const CONTENT = { noUidl: "content" } as const;
const DAY = 24 * 60 * 60 * 1000;
/** More than is held in memory to be known. */
const LARGE = mail(0, `${"x".repeat(70)}\r\n`.repeat(120_000));

describe.each([true, false])("many known messages, with pipelining %s", (pipelining) => {
  test.each<[string, FetchPolicy, atMost: number]>([
    ["two messages per session", { commitEvery: 2 }, 1],
    ["two messages per run", { limits: { messages: 2 } }, 6],
    ["a limit of octets per run", { limits: { octets: 2 * mail(1).length } }, 6],
  ])("%s: each message is delivered once", async (_name, policy, atMost) => {
    await using server = await serverWith(mails(9), { uidl: false, pipelining });
    const fetcher = new Fetcher(server, { policy: { ...CONTENT, ...policy } });
    let runs = 0;
    do expect(++runs).toBeLessThanOrEqual(atMost);
    while ((await fetcher.run()).outcome !== "done");
    expect(fetcher.inbox.texts).toEqual(mails(9));
    expect(server.connections).toBeLessThanOrEqual(6);
    expect(await fetcher.run()).toMatchObject({ outcome: "done", delivered: 0, known: 9 });
  });
});

test("a run that has reached its limits does not log in again", async () => {
  await using server = await serverWith(mails(9), { uidl: false, pipelining: false });
  const fetcher = new Fetcher(server, { policy: { ...CONTENT, limits: { messages: 2 } } });
  expect(await fetcher.run()).toMatchObject({ outcome: "stopped" });
  expect(server.connections).toBe(1);
});

describe("a message that is too large for memory", () => {
  test("is delivered, recognised later, and does not block others", async () => {
    await using server = await serverWith([LARGE, ...mails(2)], { uidl: false });
    const fetcher = new Fetcher(server, { policy: CONTENT });
    expect(await fetcher.run()).toMatchObject({ delivered: 3, known: 0 });
    expect(await fetcher.run()).toMatchObject({ delivered: 0, known: 3 });
    expect(fetcher.inbox.texts).toEqual([LARGE, ...mails(2)]);
    expect(said(server).filter((line) => line === "RETR 1")).toHaveLength(3);
  });

  const refused: Destination["begin"] = () => Promise.reject(new Error("not that one"));
  const known: Destination["begin"] = () => Promise.resolve("known");
  test.each<[string, Destination["begin"], object]>([
    ["refused", refused, { delivered: 2, failed: [{ number: 1 }] }],
    ["known to the destination", known, { delivered: 2, known: 1, failed: [] }],
  ])("is not retrieved a second time if it is %s", async (_name, begin, report) => {
    await using server = await serverWith([LARGE, ...mails(2)], { uidl: false });
    const fetcher = new Fetcher(server, { policy: CONTENT });
    const destination: Destination = {
      begin: (delivery, signal, ledger) =>
        (delivery.size ?? 0) > 1_000_000
          ? begin(delivery, signal, ledger)
          : Promise.resolve({
              write: () => undefined,
              commit: () => Promise.resolve("new"),
              abort: () => Promise.resolve(),
            }),
    };
    expect(await fetcher.run({ destination })).toMatchObject({ outcome: "done", ...report });
    expect(said(server).filter((line) => line === "RETR 1")).toHaveLength(1);
  });
});

test("messages that are always refused do not block the messages after them", async () => {
  await using server = await serverWith(mails(6), { uidl: false });
  const policy: FetchPolicy = { ...CONTENT, tries: 2, retry: { first: 60_000 } };
  const fetcher = new Fetcher(server, { force: true });
  let refusals = 0;
  const destination = (message: { octets: Buffer }): void => {
    if (!/Subject: [123]\r/.test(message.octets.toString())) {
      fetcher.inbox.messages.push(message as never);
      return;
    }
    refusals++;
    throw new Error("never that one");
  };
  // Three in a row: it might be the destination, but that takes the last one.
  const first = await fetcher.run({ policy, destination });
  expect(first).toMatchObject({
    outcome: "done",
    delivered: 3,
    failed: [{ number: 1 }, { number: 2 }, { number: 3 }],
  });
  const second = await fetcher.run({ policy, destination });
  expect(second).toMatchObject({ outcome: "done", delivered: 0, known: 3 });
  expect(second.skipped.map(({ number, reason }) => [number, reason])).toEqual(
    [1, 2, 3].map((number) => [number, "failed, and not due yet"]),
  );
  expect(fetcher.inbox.texts).toEqual([6, 4, 5].map((number) => mail(number)));
  // When they are due, and while others come: then it is them.
  const impatient = { ...policy, retry: { first: 0, longest: 0 } };
  for (let run = 7; run < 11; run++) {
    server.maildrop("ann").add(mail(run));
    await fetcher.run({ policy: { ...impatient, order: "newest" }, destination }).catch(() => undefined);
  }
  const last = await fetcher.run({ policy: impatient, destination });
  expect(last.skipped.map(({ number, reason }) => [number, reason])).toEqual(
    [1, 2, 3].map((number) => [number, "quarantined"]),
  );
  expect(refusals).toBeLessThanOrEqual(3 * 3);
});

test("skipped messages stay in the report after a session that only deletes", async () => {
  await using server = await serverWith(mails(3), { uids: ["a", "a", "b"] });
  const fetcher = new Fetcher(server, { policy: { delete: "delivered", tries: 1 }, force: true });
  const not = (subjects: RegExp) => (message: { octets: Buffer }) => {
    if (subjects.test(message.octets.toString())) throw new Error("not that one");
  };
  await fetcher.run({ destination: not(/Subject: 1/) });
  server.maildrop("ann").add(mail(4), "c");
  server.maildrop("ann").add(mail(5), "a");
  server.maildrop("ann").add(mail(6), "d");
  const report = await fetcher.run({ destination: not(/Subject: [14]/) });
  expect(report).toMatchObject({ failed: [{ uid: "c" }], skipped: [{ uid: "a" }] });
});

test.each(["skip", "headers", "delete"] as const)(
  "a message that is too large (%s) is skipped, because its identity is unknown",
  async (tooLarge) => {
    await using server = await serverWith([mail(1, "x".repeat(900)), mail(2)], { uidl: false });
    const policy = { ...CONTENT, maxSize: 500, tooLarge, delete: "delivered" } as const;
    const fetcher = new Fetcher(server, { policy });
    for (let run = 0; run < 2; run++)
      expect(await fetcher.run()).toMatchObject({ skipped: [{ number: 1, reason: "too large" }] });
    expect(fetcher.inbox.texts).toEqual([mail(2)]);
    expect(server.maildrop("ann").messages).toHaveLength(1);
  },
);

test("an empty UIDL listing of a mailbox with mail counts as no UIDL", async () => {
  await using server = await serverWith(mails(2));
  const fetcher = new Fetcher(server);
  await fetcher.run();
  server.fault({ on: "UIDL", reply: "+OK\r\n.\r\n" });
  expect(await fetcher.failure()).toMatchObject({ code: "POP3_NO_UIDL" });
  expect(await fetcher.run()).toMatchObject({ outcome: "done", delivered: 0 });
});

test("a delivered message is deleted when it is due, although the clock was set back", async () => {
  await using server = await serverWith(mails(2), { uidl: false });
  const fetcher = new Fetcher(server);
  await fetcher.run({ policy: CONTENT });
  const now = Date.now() - 10 * DAY;
  vi.useFakeTimers({ toFake: ["Date"], now });
  try {
    const policy = { ...CONTENT, delete: { afterDays: 1 } } as const;
    expect(await fetcher.run({ policy })).toMatchObject({ known: 2, deleted: 0 });
    vi.setSystemTime(now + DAY);
    expect(await fetcher.run({ policy })).toMatchObject({ known: 2, deleted: 2 });
  } finally {
    vi.useRealTimers();
  }
});
