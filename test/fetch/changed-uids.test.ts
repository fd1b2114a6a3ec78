// Mail with changed unique-ids: a message without headers that identify it is not mistaken for another one.
import { describe, expect, test } from "vitest";
import type { Pop3Server, Pop3ServerOptions } from "popwright/testing";
import { DestinationError, type Destination, type LedgerEntry } from "../../src/fetch/index.ts";
import { headerDigest, namesOne } from "../../src/fetch/plan/header-digest.ts";
import { Fetcher } from "./fetcher.ts";
import { mail, mails, serverWith } from "../support/mail.ts";

/** What a machine sends each night: nothing but the text tells one from the other. */
const report = (text: string): string => `From: cron@host.test\r\nSubject: backup\r\n\r\n${text}\r\n`;

test.each([
  ["Message-ID: <1@test>\r\n", true],
  ["Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n", true],
  ["Message-ID:\r\nDate: \r\n", false],
  ["From: ann@test\r\nSubject: one\r\n", false],
  ["X-Message-ID: <1@test>\r\n", false],
])("headers %j identify one message: %s", (headers, tell) => {
  expect(namesOne(headerDigest(Buffer.from(`${headers}\r\nbody\r\n`)))).toBe(tell);
});

test.each(["stop", "match"] as const)("reports of another night count as new (%s)", async (uidsChanged) => {
  const old = ["one", "two", "three"].map(report);
  const later = ["the fourth night", "the fifth night"].map(report);
  await using server = await serverWith(old, { uids: ["a", "b", "c"] });
  const fetcher = new Fetcher(server);
  await fetcher.run();
  for (const uid of ["a", "b", "c"]) server.maildrop("ann").remove(uid);
  for (const message of later) server.maildrop("ann").add(message);
  const policy = { uidsChanged, delete: "delivered" } as const;
  expect(await fetcher.run({ policy })).toMatchObject({ delivered: 2, known: 0, deleted: 2 });
  expect(fetcher.inbox.texts).toEqual([...old, ...later]);
});

test("second copies of messages that a QUIT without a reply has deleted are new mail", async () => {
  await using server = await serverWith(mails(7));
  const fetcher = new Fetcher(server, { policy: { delete: "delivered" } });
  server.fault({ on: "QUIT", carriedOut: true, reply: "", close: 0 });
  expect(await fetcher.run()).toMatchObject({ delivered: 7, deleted: 0 });
  await server.idle();
  const later = [8, 9, 10, 11].map((number) => mail(number));
  const copies = mails(2);
  for (const message of [...copies, ...later]) server.maildrop("ann").add(message);
  expect(await fetcher.run({ force: true })).toMatchObject({ delivered: 6, deleted: 6 });
  expect(fetcher.inbox.texts).toEqual([...mails(7), ...copies, ...later]);
});

test("messages to delete that are still there with new unique-ids are not fetched again", async () => {
  await using server = await serverWith(mails(7));
  const fetcher = new Fetcher(server, { policy: { delete: "delivered" } });
  server.fault({ on: "QUIT", carriedOut: false, reply: "", close: 0 });
  expect(await fetcher.run()).toMatchObject({ delivered: 7, deleted: 0 });
  await server.idle();
  const maildrop = server.maildrop("ann");
  for (const { uid } of maildrop.messages) maildrop.remove(uid);
  for (const message of mails(9)) maildrop.add(message);
  expect(await fetcher.failure({ force: true })).toMatchObject({ code: "POP3_UIDS_CHANGED" });
});

test("messages that only the destination knew are recognised by their headers", async () => {
  await using server = await serverWith(mails(4));
  const fetcher = new Fetcher(server, { policy: { uidsChanged: "match" } });
  const destination: Destination = { begin: () => Promise.resolve("known") };
  expect(await fetcher.run({ destination })).toMatchObject({ delivered: 0, known: 4, unrecorded: 4 });
  const maildrop = server.maildrop("ann");
  for (const { uid } of maildrop.messages) maildrop.remove(uid);
  for (const message of mails(5)) maildrop.add(message);
  expect(await fetcher.run()).toMatchObject({ delivered: 1 });
  expect(fetcher.inbox.texts).toEqual([mail(5)]);
});

test("messages that were never delivered do not block those with their unique-ids changed", async () => {
  await using server = await serverWith(mails(4));
  const fetcher = new Fetcher(server);
  const refuse: Destination = {
    begin: () => Promise.reject(new DestinationError("not now", { later: true })),
  };
  await fetcher.failure({ destination: refuse });
  const maildrop = server.maildrop("ann");
  for (const { uid } of maildrop.messages) maildrop.remove(uid);
  for (const message of mails(4)) maildrop.add(message);
  for (const uidsChanged of ["stop", "match"] as const)
    expect(await fetcher.run({ policy: { uidsChanged } })).toMatchObject({ outcome: "done" });
  expect(fetcher.inbox.texts).toEqual(mails(4));
});

test("a message whose headers the server refuses does not block the others", async () => {
  await using server = await serverWith(mails(4));
  const fetcher = new Fetcher(server);
  await fetcher.run();
  for (const { uid } of server.maildrop("ann").messages) server.maildrop("ann").remove(uid);
  const later = [5, 6, 7].map((number) => mail(number));
  for (const message of later) server.maildrop("ann").add(message);
  server.fault({ on: "TOP", nth: 2, reply: "-ERR cannot be read\r\n" });
  expect(await fetcher.run()).toMatchObject({ outcome: "done", delivered: 3, failed: [] });
  expect(fetcher.inbox.texts).toEqual([...mails(4), ...later]);
});

describe("mail of devices, without Date and Message-ID, that replaces as many messages of equal size", () => {
  const alarm = (fields: string): string => `${fields}\r\n\r\non\r\n`;
  const clock = (second: number): string =>
    `Received: from sensor by mx; Sun, 29 Nov 2026 10:00:0${String(second)} +0000\r\nFrom: sensor@host.test\r\nSubject: alarm`;
  const uids = ["a", "b", "c"];

  async function replaced(
    before: readonly string[],
    after: readonly string[],
    fetcher: (server: Pop3Server) => Fetcher = (server) => new Fetcher(server),
    options: Pop3ServerOptions = {},
  ): Promise<Fetcher> {
    await using server = await serverWith(before, { uids, ...options });
    const one = fetcher(server);
    await one.run();
    for (const uid of uids) server.maildrop("ann").remove(uid);
    for (const [index, message] of after.entries())
      server.maildrop("ann").add(message, `new${String(index)}`);
    await one.run({ force: true });
    return one;
  }

  test.each<[string, (n: number) => string]>([
    ["Subject", (n) => `From: sensor@host.test\r\nSubject: alarm ${String(n)}`],
    ["From", (n) => `From: sensor${String(n)}@host.test\r\nSubject: alarm`],
    ["the time in Received", clock],
    ["the Date header of the new messages", (n) => (n < 4 ? `X-Date: ${String(n)}` : `Date: ${String(n)}  `)],
  ])("is new if it differs in %s", async (_name, fields) => {
    const [before, after] = [
      [1, 2, 3],
      [4, 5, 6],
    ].map((some) => some.map((n) => alarm(fields(n))));
    for (const uidsChanged of ["stop", "match"] as const) {
      const fetcher = await replaced(
        before ?? [],
        after ?? [],
        (server) => new Fetcher(server, { policy: { uidsChanged } }),
      );
      expect(fetcher.inbox.texts).toEqual([...(before ?? []), ...(after ?? [])]);
    }
  });

  const same = [1, 2, 3].map((n) => alarm(clock(n)));

  test("is not fetched again if it is the same mail with new unique-ids", async () => {
    await expect(replaced(same, same)).rejects.toMatchObject({ code: "POP3_UIDS_CHANGED" });
    const fetcher = await replaced(
      same,
      same,
      (server) => new Fetcher(server, { policy: { uidsChanged: "match" } }),
    );
    expect(fetcher.inbox.texts).toEqual(same);
  });

  test("is not fetched again if nothing distinguishes it from the old mail", async () => {
    const alike = [1, 2, 3].map(() => alarm("From: sensor@host.test\r\nSubject: alarm"));
    await expect(replaced(alike, alike)).rejects.toMatchObject({ code: "POP3_UIDS_CHANGED" });
  });

  test("is compared by size if the server has no TOP", async () => {
    const later = [4, 5, 6].map((n) => alarm(clock(n)));
    await expect(replaced(same, later, undefined, { top: false })).rejects.toMatchObject({
      code: "POP3_UIDS_CHANGED",
    });
  });

  test("is compared by digest if an older version recorded one, and otherwise by size", async () => {
    await using server = await serverWith(same, { uids });
    const older = new Fetcher(server, { force: true });
    const entries = same.map(({ length }, index): LedgerEntry => ({
      ...{ id: `old${String(index)}`, status: "delivered", firstSeen: 1, size: length },
    }));
    await older.remember({ lastRun: 1 }, entries);
    expect(await older.failure()).toMatchObject({
      code: "POP3_UIDS_CHANGED",
      message: expect.stringContaining('Set policy.uidsChanged to "match"') as string,
    });
    expect(await older.failure({ policy: { uidsChanged: "match" } })).toMatchObject({
      code: "POP3_UIDS_CHANGED",
      message: expect.stringContaining(
        'They cannot be recognised: the ledger has none of their headers. Set policy.uidsChanged to "new"',
      ) as string,
    });

    await using other = await serverWith(mails(3));
    const fetcher = new Fetcher(other, { force: true });
    // As they were noted before a digest could begin with "~".
    const digests = [
      "0581b138c5b6e05a70b1b5dd17ec6d85",
      "6a203d1e5b7c248331ec3dda9b49f53e",
      "2bc34c4c867a586ac126d73d7e73210a",
    ];
    await fetcher.remember(
      { lastRun: 1 },
      digests.map((headers, index): LedgerEntry => ({
        ...{ id: `old${String(index)}`, status: "delivered", firstSeen: 1, size: 1, headers },
      })),
    );
    expect(await fetcher.failure()).toMatchObject({ code: "POP3_UIDS_CHANGED" });
    expect(await fetcher.run({ policy: { uidsChanged: "match" } })).toMatchObject({ delivered: 0 });
  });
});
