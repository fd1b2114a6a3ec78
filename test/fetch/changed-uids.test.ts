// Mail under other unique-ids than before: what has no headers of its own is not taken for what it is not.
import { expect, test } from "vitest";
import { headerDigest } from "../../src/fetch/header-digest.ts";
import { Fetcher } from "./fetcher.ts";
import { mail, mails, serverWith } from "./mail.ts";

/** What a machine sends each night: nothing but the text tells one from the other. */
const report = (text: string): string => `From: cron@host.test\r\nSubject: backup\r\n\r\n${text}\r\n`;

test.each([
  ["Message-ID: <1@test>\r\n", true],
  ["Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n", true],
  ["Message-ID:\r\nDate: \r\n", false],
  ["From: ann@test\r\nSubject: one\r\n", false],
  ["X-Message-ID: <1@test>\r\n", false],
])("headers %j tell a message from others: %s", (headers, tell) => {
  expect(headerDigest(Buffer.from(`${headers}\r\nbody\r\n`)) !== undefined).toBe(tell);
});

test.each(["stop", "match"] as const)("reports of another night are new (%s)", async (uidsChanged) => {
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

test("a message whose headers are refused while they are looked at holds up nothing", async () => {
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
