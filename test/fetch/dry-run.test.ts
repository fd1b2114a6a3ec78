// A dry run reports what a run would do, and changes nothing.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  fetchAll,
  fetchMail,
  FileLedger,
  newMail,
  type FetchPolicy,
  type Ledger,
} from "../../src/fetch/index.ts";
import { Fetcher } from "./fetcher.ts";
import { accountOf, mail, mails, said, serverWith } from "../support/mail.ts";
import { scratch } from "../support/scratch.ts";

const DRY: FetchPolicy = { dryRun: true };
const SIZE = mail(1).length;
const DAY = 24 * 60 * 60 * 1000;
/** A destination that must not be asked. */
const untouched = {
  begin: (): Promise<"known"> => Promise.reject(new Error("the destination was asked")),
};
const planned = (number: number, more: object): object => ({
  ...{ number, uid: `uid-${String(number)}`, size: SIZE },
  ...more,
});

test("a dry run lists new messages, and changes nothing", async () => {
  await using server = await serverWith(mails(3));
  const fetcher = new Fetcher(server);
  const before = {
    state: { lastRun: 1 },
    entries: [{ id: "uid-2", status: "delivered", firstSeen: 1 } as const],
  };
  await fetcher.remember(before.state, before.entries);
  const report = await fetcher.run({ policy: DRY, destination: untouched });
  expect(report).toMatchObject({ outcome: "dry-run", listed: 3, delivered: 0, deleted: 0, failed: [] });
  expect(report.committed).toBeUndefined();
  expect(report.planned).toEqual({
    retrieve: [planned(1, { what: "whole" }), planned(3, { what: "whole" })],
    delete: [],
  });
  expect(said(server)).toEqual(["QUIT"]);
  expect(await fetcher.known()).toEqual(before);
  expect(fetcher.events.map(({ type }) => type)).toEqual(["begin", "listed", "end"]);
  expect(fetcher.events[1]).toMatchObject({ toRetrieve: 2, toRetrieveOctets: 2 * SIZE, toDelete: 0 });
  expect(await fetcher.run()).toMatchObject({ outcome: "done", delivered: 2 });
  expect((await fetcher.run()).planned).toBeUndefined();
});

test("a dry run lists the messages that would be deleted, with the reason", async () => {
  await using server = await serverWith([...mails(4), mail(5, "x".repeat(500))]);
  const fetcher = new Fetcher(server);
  const now = Date.now();
  await fetcher.remember({ lastRun: 1 }, [
    { id: "uid-1", status: "delivered", firstSeen: now - 15 * DAY, size: SIZE },
    { id: "uid-2", status: "delivered", firstSeen: now - DAY, size: SIZE },
    { id: "uid-3", status: "quarantined", firstSeen: now - 15 * DAY, size: SIZE, tries: 5, reason: "x" },
  ]);
  const late = { ...DRY, delete: { afterDays: 14 }, maxSize: 100, tooLarge: "delete" } as const;
  const report = await fetcher.run({ policy: late, destination: untouched });
  expect(report.planned).toEqual({
    retrieve: [planned(4, { what: "whole" })],
    delete: [
      planned(1, { why: "delivered" }),
      { number: 5, uid: "uid-5", size: mail(5, "x".repeat(500)).length, why: "too large" },
    ],
  });
  expect(report.skipped).toMatchObject([{ number: 3, reason: "quarantined", failure: { reason: "x" } }]);
  const atOnce = { ...DRY, delete: "delivered", maxSize: 100, tooLarge: "headers" } as const;
  expect((await fetcher.run({ policy: atOnce, destination: untouched })).planned).toMatchObject({
    retrieve: [
      { number: 4, what: "whole" },
      { number: 5, what: "headers" },
    ],
    delete: [
      { number: 1, why: "delivered" },
      { number: 2, why: "delivered" },
      { number: 4, why: "retrieved" },
    ],
  });
  expect(server.maildrop("ann").messages).toHaveLength(5);
  expect(said(server)).toEqual(["QUIT", "QUIT"]);
});

test.each<FetchPolicy>([
  { delete: "delivered" },
  { delete: "delivered", limits: { messages: 2 } },
  { firstRun: { newest: 1 }, delete: "delivered" },
  { order: "newest", maxSize: SIZE, tooLarge: "delete" },
  { delete: { largerThan: SIZE } },
])("the next run does what the dry run reported: %j", async (policy) => {
  await using server = await serverWith([...mails(3), mail(4, "x".repeat(200))]);
  const fetcher = new Fetcher(server, { policy });
  const { planned: plan, left } = await fetcher.run({
    policy: { ...policy, ...DRY },
    destination: untouched,
  });
  const numbers: number[] = [];
  const report = await fetcher.run({
    onEvent: (event) => {
      if (event.type === "delivered") numbers.push(event.number);
    },
  });
  expect(numbers).toEqual(plan?.retrieve.map(({ number }) => number));
  expect([report.deleted, report.left]).toEqual([plan?.delete.length, left]);
});

test("a message without a unique-id is reported as such: only its content shows whether it is new", async () => {
  await using server = await serverWith(mails(2), { uidl: false });
  const fetcher = new Fetcher(server, { policy: { noUidl: "content", delete: "delivered" } });
  const policy = { noUidl: "content", delete: "delivered", ...DRY } as const;
  expect((await fetcher.run({ policy, destination: untouched })).planned).toEqual({
    retrieve: [1, 2].map((number) => ({ number, uid: undefined, size: SIZE, what: "content" })),
    delete: [],
  });
});

test("a dry run obeys the pause that the server asked for, and reports errors", async () => {
  await using server = await serverWith(mails(1), { capabilities: ["LOGIN-DELAY 300"] });
  const fetcher = new Fetcher(server, { policy: DRY, destination: untouched });
  const notBefore = Date.now() + 100_000;
  await fetcher.remember({ lastRun: 1, notBefore, notBeforeSaid: 1 });
  expect(await fetcher.run()).toMatchObject({ outcome: "deferred", nextPollAt: notBefore });
  expect(server.connections).toBe(0);
  const { nextPollAt } = await fetcher.run({ force: true });
  expect(nextPollAt).toBeGreaterThan(Date.now() + 200_000);
  await server.close();
  const failure = await fetcher.failure({ force: true });
  expect(failure).toMatchObject({ code: "POP3_CONNECT", report: { outcome: "failed" } });
  expect((await fetcher.known()).state).toEqual({ lastRun: 1, notBefore, notBeforeSaid: 1 });
});

test.each(["stop", "match"] as const)("changed unique-ids end a dry run (%s)", async (uidsChanged) => {
  await using server = await serverWith(mails(4));
  const fetcher = new Fetcher(server);
  await fetcher.run();
  const drop = server.maildrop("ann");
  for (const { uid } of drop.messages) drop.remove(uid);
  for (const [at, text] of mails(4).entries()) drop.add(text, `other-${String(at)}`);
  const failure = await fetcher.failure({ policy: { ...DRY, uidsChanged } });
  expect(failure.code).toBe("POP3_UIDS_CHANGED");
  expect(said(server).filter((line) => line.startsWith("TOP"))).toEqual([]);
});

describe("the ledger", () => {
  test("is read while another run holds it, and no file is created", async () => {
    await using server = await serverWith(mails(2));
    const directory = await scratch();
    const ledger = new FileLedger(join(directory, "state"));
    const options = { ledger, destination: untouched, mailbox: "ann", policy: DRY };
    expect((await fetchMail(accountOf(server), options)).planned?.retrieve).toHaveLength(2);
    expect(await readdir(directory)).toEqual([]);
    const held = await ledger.open("ann");
    await held.record({ entries: [{ id: "uid-1", status: "delivered", firstSeen: 1 }] });
    expect((await fetchMail(accountOf(server), options)).planned?.retrieve).toHaveLength(1);
    await held.close();
  });

  test("must have a read method", async () => {
    await using server = await serverWith(mails(2));
    const fetcher = new Fetcher(server, { policy: DRY });
    const ledger = { open: (name: string) => fetcher.ledger.open(name) } as Ledger;
    await expect(fetcher.run({ ledger })).rejects.toMatchObject({
      code: "POP3_CONFIG",
      message: expect.stringMatching(/^ledger must be a Ledger, with the methods open and read/) as string,
    });
    expect(server.connections).toBe(0);
  });
});

test("dryRun must be a boolean, and newMail rejects it", async () => {
  await using server = await serverWith(mails(1));
  const fetcher = new Fetcher(server);
  await expect(fetcher.run({ policy: { dryRun: "yes" as never } })).rejects.toMatchObject({
    code: "POP3_CONFIG",
  });
  const { ledger } = fetcher;
  await expect(newMail(accountOf(server), { ledger, policy: DRY }).next()).rejects.toMatchObject({
    code: "POP3_CONFIG",
  });
  const ends: unknown[] = [];
  for await (const event of fetchAll([accountOf(server)], { ledger, destination: untouched, policy: DRY }))
    if (event.type === "end") ends.push(event.report.planned?.retrieve.length);
  expect(ends).toEqual([1]);
});
