// Reused unique-ids: RFC 1939 forbids them, but servers that use message numbers as unique-ids reuse them
// every day.
import { expect, test } from "vitest";
import { Fetcher } from "./fetcher.ts";
import { mail, mails, said, serverWith } from "../support/mail.ts";

const DELETE = { delete: "delivered" } as const;

test.each([
  ["of the same size", mail(2)],
  ["of another size", mail(2, "much longer")],
  ["with the same headers, and another size", mail(1, "and a list has added its own words")],
  ["without headers", "nothing but text\r\n"],
])("a message %s with the unique-id of a deleted message is delivered", async (_name, second) => {
  await using server = await serverWith([mail(1)], { uids: ["1"] });
  const fetcher = new Fetcher(server, { policy: DELETE });
  expect(await fetcher.run()).toMatchObject({ delivered: 1, deleted: 1 });
  server.maildrop("ann").add(second, "1");
  expect(await fetcher.run()).toMatchObject({ delivered: 1, deleted: 1 });
  expect(fetcher.inbox.texts).toEqual([mail(1), second]);
  expect(server.maildrop("ann").messages).toHaveLength(0);
});

test("message numbers as unique-ids: every message is delivered once", async () => {
  await using server = await serverWith([]);
  const fetcher = new Fetcher(server, { policy: DELETE });
  for (let day = 0; day < 4; day++) {
    server.maildrop("ann").add(mail(2 * day), "1");
    server.maildrop("ann").add(mail(2 * day + 1), "2");
    expect(await fetcher.run()).toMatchObject({ delivered: 2, deleted: 2 });
  }
  expect(fetcher.inbox.texts).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((number) => mail(number)));
});

test("a message that is still listed after +OK to QUIT is deleted again, and not delivered twice", async () => {
  await using server = await serverWith([mail(1)], {
    faults: [{ on: "QUIT", carriedOut: false, reply: "+OK bye\r\n", close: Infinity }],
  });
  const fetcher = new Fetcher(server, { policy: DELETE });
  expect(await fetcher.run()).toMatchObject({ delivered: 1, deleted: 1 });
  expect(server.maildrop("ann").messages).toHaveLength(1);
  expect(await fetcher.run()).toMatchObject({ delivered: 0, known: 1, deleted: 1 });
  expect(server.maildrop("ann").messages).toHaveLength(0);
  expect(fetcher.inbox.texts).toEqual([mail(1)]);
});

test("a message with the unique-id of a kept message is delivered", async () => {
  const other = mail(2, "much longer");
  await using server = await serverWith([mail(1)], { uids: ["1"] });
  const fetcher = new Fetcher(server);
  await fetcher.run();
  server.maildrop("ann").remove("1");
  server.maildrop("ann").add(other, "1");
  expect(await fetcher.run()).toMatchObject({ delivered: 1 });
  expect(await fetcher.run()).toMatchObject({ delivered: 0 });
  expect(fetcher.inbox.texts).toEqual([mail(1), other]);
});

test("a message that is listed with a new size counts as the same message", async () => {
  await using server = await serverWith([mail(1)]);
  const fetcher = new Fetcher(server);
  await fetcher.run();
  server.fault({ on: "LIST", reply: "+OK\r\n1 9999\r\n.\r\n" });
  expect(await fetcher.run()).toMatchObject({ delivered: 0, known: 1 });
  expect((await fetcher.known()).entries).toMatchObject([{ id: "uid-1", status: "delivered", size: 9999 }]);
  server.fault({ on: "LIST", reply: "+OK\r\n1 9999\r\n.\r\n" });
  expect(await fetcher.run()).toMatchObject({ delivered: 0, known: 0 });
  expect(said(server).filter((line) => line.startsWith("RETR"))).toHaveLength(2);
});

test("a message is not delivered twice because a second one gets its unique-id", async () => {
  await using server = await serverWith([mail(1)], { uids: ["a"] });
  const fetcher = new Fetcher(server);
  await fetcher.run();
  server.maildrop("ann").add(mail(2), "a");
  expect(await fetcher.run()).toMatchObject({ delivered: 1, known: 1 });
  expect(await fetcher.run()).toMatchObject({ delivered: 0, known: 2 });
  expect(fetcher.inbox.texts).toEqual(mails(2));
});

test.each(["uid", "no UIDL"])(
  "a message is known by its content once it has a unique-id of its own: %s",
  async (before) => {
    const options = { uids: [before === "uid" ? "a" : "b", "a"] } as const;
    await using server = await serverWith([mail(1, "longer"), mail(2)], options);
    const fetcher = new Fetcher(server, { policy: { noUidl: "content" } });
    if (before === "no UIDL") server.fault({ on: "UIDL", reply: "-ERR no\r\n" });
    expect(await fetcher.run()).toMatchObject({ delivered: 2 });
    server.maildrop("ann").remove(options.uids[0]);
    for (let run = 0; run < 3; run++) expect(await fetcher.run()).toMatchObject({ delivered: 0, known: 1 });
    expect(await fetcher.run({ policy: { delete: "delivered" } })).toMatchObject({
      delivered: 0,
      deleted: 1,
    });
    expect(fetcher.inbox.texts).toHaveLength(2);
  },
);

test("a new message of the size of one that is known by its content is retrieved once", async () => {
  await using server = await serverWith([mail(1), mail(2)], { uids: ["a", "a"] });
  const fetcher = new Fetcher(server);
  expect(await fetcher.run()).toMatchObject({ delivered: 2 });
  server.maildrop("ann").add(mail(3), "b");
  expect(await fetcher.run()).toMatchObject({ delivered: 1, known: 2 });
  const before = said(server).length;
  expect(await fetcher.run()).toMatchObject({ delivered: 0, known: 2 });
  expect(said(server).slice(before)).toEqual(["RETR 1", "RETR 2", "QUIT"]);
  expect(fetcher.inbox.texts).toEqual(mails(3));
});

test("a new message of such a size that is refused waits under its unique-id", async () => {
  await using server = await serverWith([mail(1), mail(2)], { uids: ["a", "a"] });
  const fetcher = new Fetcher(server);
  await fetcher.run();
  server.maildrop("ann").add(mail(3), "b");
  const refusing = { destination: () => Promise.reject(new Error("no")) };
  expect(await fetcher.run(refusing)).toMatchObject({ delivered: 0, failed: [{ id: "b", tries: 1 }] });
  expect(await fetcher.run()).toMatchObject({ delivered: 0, skipped: [{ uid: "b", failure: { id: "b" } }] });
});
