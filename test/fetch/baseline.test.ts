// Mail from before the first run, if the policy excludes it: it is never delivered and never deleted.
import { describe, expect, test } from "vitest";
import { DestinationError, type Destination, type FetchPolicy } from "../../src/fetch/index.ts";
import type { Pop3Server } from "popwright/testing";
import { Fetcher } from "./fetcher.ts";
import { mail, mails, serverWith } from "../support/mail.ts";

/** Where messages go by their content. */
const SERVERS = [
  ["no UIDL", { uidl: false }],
  ["one unique-id for two", { uids: ["a", "a", "b"] }],
] as const;
const OLD: FetchPolicy = { firstRun: "none", delete: "delivered", noUidl: "content", retry: { first: 0 } };

describe.each(SERVERS)("%s", (_name, options) => {
  test("old mail stays on the server in each run, and new mail is delivered", async () => {
    await using server = await serverWith(mails(3), options);
    const fetcher = new Fetcher(server, { policy: OLD });
    for (let run = 0; run < 3; run++)
      expect(await fetcher.run()).toMatchObject({ outcome: "done", listed: 3, delivered: 0, deleted: 0 });
    server.maildrop("ann").add(mail(4));
    expect(await fetcher.run()).toMatchObject({ delivered: 1, deleted: 1 });
    expect(await fetcher.run()).toMatchObject({ listed: 3, delivered: 0, deleted: 0 });
    expect(fetcher.inbox.texts).toEqual([mail(4)]);
    expect((await fetcher.known()).state.baseline).toBeUndefined();
  });

  test.each<[string, FetchPolicy]>([
    ["no messages", { limits: { messages: 0 } }],
    ["one message", { limits: { messages: 1 } }],
    ["no time", { limits: { seconds: 0 } }],
    ["one message per session", { commitEvery: 1 }],
  ])("a first run that is limited to %s", async (_leave, policy) => {
    await using server = await serverWith(mails(3), options);
    const fetcher = new Fetcher(server, { policy: OLD });
    await fetcher.run({ policy: { ...OLD, ...policy } });
    server.maildrop("ann").add(mail(4));
    for (let run = 0; run < 3; run++) await fetcher.run();
    expect(fetcher.inbox.texts).toEqual([mail(4)]);
    expect(server.maildrop("ann").messages).toHaveLength(3);
  });
});

test("a first run whose limits leave the old mail for later", async () => {
  await using server = await serverWith(mails(4), { uids: ["a", "a", "b", "c"] });
  const policy = { ...OLD, firstRun: { newest: 2 }, order: "newest", limits: { messages: 1 } } as const;
  const fetcher = new Fetcher(server, { policy });
  for (let run = 0; run < 4; run++) await fetcher.run();
  expect(fetcher.inbox.texts).toEqual([mail(4), mail(3)]);
  expect(server.maildrop("ann").messages).toHaveLength(2);
  expect((await fetcher.known()).state.baseline).toBeUndefined();
});

test("a first run whose connection is cut", async () => {
  await using server = await serverWith(mails(5), {
    uidl: false,
    pipelining: false,
    faults: [{ on: "RETR", nth: 3, reset: 20 }],
  });
  const fetcher = new Fetcher(server, { policy: OLD });
  expect(await fetcher.failure()).toMatchObject({ temporary: true });
  expect((await fetcher.known()).state.baseline).toBeDefined();
  server.maildrop("ann").add(mail(6));
  expect(await fetcher.run()).toMatchObject({ listed: 6, delivered: 1, deleted: 1 });
  expect(await fetcher.run()).toMatchObject({ listed: 5, delivered: 0, deleted: 0 });
  expect(fetcher.inbox.texts).toEqual([mail(6)]);
  expect((await fetcher.known()).state.baseline).toBeUndefined();
});

test("a first run that is cut off with several commands in flight, and continues", async () => {
  await using server = await serverWith(mails(5), {
    uidl: false,
    faults: [{ on: "RETR", nth: 3, reset: 20 }],
  });
  const fetcher = new Fetcher(server, { policy: OLD });
  const arrival = (): void => void server.maildrop("ann").add(mail(6));
  const run = fetcher.run({
    onEvent(event) {
      if (event.type === "pipelining-broken") arrival();
    },
  });
  // New mail that arrives between the two sessions is told from the old.
  expect(await run).toMatchObject({ outcome: "done", listed: 5, delivered: 1, deleted: 1, failed: [] });
  expect(server.connections).toBe(2);
  expect(await fetcher.run()).toMatchObject({ listed: 5, delivered: 0, deleted: 0 });
  expect(fetcher.inbox.texts).toEqual([mail(6)]);
  expect(server.maildrop("ann").messages).toHaveLength(5);
  expect((await fetcher.known()).state.baseline).toBeUndefined();
});

test("old mail that has changed after a broken first run is delivered: it cannot be distinguished from new mail", async () => {
  const sized = [1, 2, 3].map((number) => mail(number, "x".repeat(number)));
  await using server = await serverWith(sized, {
    uidl: false,
    pipelining: false,
    faults: [{ on: "RETR", nth: 2, reset: 20 }],
  });
  const fetcher = new Fetcher(server, { policy: { ...OLD, delete: "never" } });
  await fetcher.failure();
  server.maildrop("ann").remove("uid-2");
  server.maildrop("ann").add(mail(4));
  // The first was looked at, and is known by its content.
  expect(await fetcher.run()).toMatchObject({ delivered: 2, known: 1 });
  expect(fetcher.inbox.texts).toEqual([sized[2], mail(4)]);
});

test("with newest: n, the newest messages are delivered and the others stay", async () => {
  await using server = await serverWith(mails(4), { uidl: false });
  const fetcher = new Fetcher(server, { policy: { ...OLD, firstRun: { newest: 1 } } });
  expect(await fetcher.run()).toMatchObject({ delivered: 1, deleted: 1 });
  expect(await fetcher.run()).toMatchObject({ listed: 3, delivered: 0, deleted: 0 });
  expect(fetcher.inbox.texts).toEqual([mail(4)]);
});

test("old mail stays when the message that has its unique-id, too, is deleted, whatever the limits are", async () => {
  await using server = await serverWith([mail(1, "longer"), mail(2)], { uids: ["a", "a"] });
  const fetcher = new Fetcher(server, { policy: { ...OLD, firstRun: { newest: 1 } } });
  expect(await fetcher.run()).toMatchObject({ delivered: 1, deleted: 1 });
  expect(await fetcher.run()).toMatchObject({ delivered: 0, known: 1, deleted: 0 });
  const tight = { policy: { ...OLD, maxSize: 1, tooLarge: "delete" } } as const;
  for (let run = 0; run < 3; run++)
    expect(await fetcher.run(tight)).toMatchObject({ deleted: 0, skipped: [{ reason: "too large" }] });
  for (let run = 0; run < 2; run++) expect(await fetcher.run()).toMatchObject({ delivered: 0, known: 1 });
  expect(fetcher.inbox.texts).toEqual([mail(2)]);
  expect(server.maildrop("ann").messages).toHaveLength(1);
});

describe("a message that comes with the unique-id of an old one", () => {
  const old = [1, 2, 3].map((number) => mail(number, "x".repeat(number)));

  test("is delivered, and the old one stays, if their sizes differ", async () => {
    await using server = await serverWith(old, { uids: ["a", "b", "c"] });
    const fetcher = new Fetcher(server, { policy: OLD });
    await fetcher.run();
    server.maildrop("ann").add(mail(4, "another"), "b");
    expect(await fetcher.run()).toMatchObject({ delivered: 1, deleted: 1 });
    for (let run = 0; run < 2; run++)
      expect(await fetcher.run()).toMatchObject({ listed: 3, delivered: 0, deleted: 0 });
    expect(fetcher.inbox.texts).toEqual([mail(4, "another")]);
    expect((await fetcher.known()).state.baseline).toBeUndefined();
  });

  test("is delivered together with the old one if nothing tells which one it is", async () => {
    await using server = await serverWith(old, { uids: ["a", "b", "c"] });
    const fetcher = new Fetcher(server, { policy: OLD });
    await fetcher.run();
    server.maildrop("ann").add(mail(4, "yy"), "b");
    await fetcher.run();
    expect(fetcher.inbox.texts).toContain(mail(4, "yy"));
  });
});

describe("old mail whose unique-ids have all changed", () => {
  const policy = { ...OLD, uidsChanged: "match" } as const;
  const sized = [1, 2, 3, 4].map((number) => mail(number, "x".repeat(number)));

  /** A first run that leaves four messages out, and later ones that deliver `later`. Then all unique-ids change. */
  async function moved(
    server: Pop3Server,
    later: readonly string[],
    deletes: FetchPolicy["delete"],
  ): Promise<Fetcher> {
    const fetcher = new Fetcher(server, { policy: { ...policy, delete: deletes ?? "never" } });
    await fetcher.run();
    const maildrop = server.maildrop("ann");
    for (const message of later) maildrop.add(message);
    expect(await fetcher.run()).toMatchObject({ delivered: later.length });
    const left = maildrop.messages.map(({ octets }) => octets);
    for (const { uid } of maildrop.messages) maildrop.remove(uid);
    for (const octets of left) maildrop.add(octets);
    return fetcher;
  }

  test.each<[string, string[], FetchPolicy["delete"]]>([
    ["alone", [], "delivered"],
    ["with a message that was delivered", [mail(5)], "never"],
  ])("is recognised %s", async (_name, later, deletes) => {
    await using server = await serverWith(sized);
    const fetcher = await moved(server, later, deletes);
    server.maildrop("ann").add(mail(9));
    expect(await fetcher.run()).toMatchObject({ outcome: "done", delivered: 1 });
    expect(await fetcher.run()).toMatchObject({ outcome: "done", delivered: 0 });
    expect(fetcher.inbox.texts).toEqual([...later, mail(9)]);
    const left = server.maildrop("ann").messages.map(({ octets }) => octets.toString("latin1"));
    expect(left).toEqual(expect.arrayContaining(sized));
  });

  test.each<[string, string[], FetchPolicy["delete"]]>([
    ["alone", [], "delivered"],
    ["with a message that was delivered", [mail(5)], "never"],
  ])("ends the run if one is missing: %s", async (_name, later, deletes) => {
    await using server = await serverWith(sized);
    const fetcher = await moved(server, later, deletes);
    const maildrop = server.maildrop("ann");
    maildrop.remove(maildrop.messages[1]?.uid ?? "");
    maildrop.add(mail(9));
    expect(await fetcher.failure()).toMatchObject({
      code: "POP3_UIDS_CHANGED",
      message: expect.stringContaining("new mail cannot be distinguished from the mail") as string,
    });
    expect(fetcher.inbox.texts).toEqual(later);
  });

  test("is recognised although another message has failed", async () => {
    await using server = await serverWith(sized);
    const fetcher = new Fetcher(server, { policy });
    await fetcher.run();
    const maildrop = server.maildrop("ann");
    maildrop.add(mail(9));
    const destination: Destination = {
      begin: () => Promise.reject(new DestinationError("not now", { later: true })),
    };
    expect(await fetcher.run({ destination })).toMatchObject({ delivered: 0, failed: [{ number: 5 }] });
    for (const { uid } of maildrop.messages) maildrop.remove(uid);
    for (const message of [...sized, mail(9)]) maildrop.add(message);
    expect(await fetcher.run({ force: true })).toMatchObject({ outcome: "done", delivered: 1 });
    expect(fetcher.inbox.texts).toEqual([mail(9)]);
  });

  test("is noticed although a message that was delivered is gone", async () => {
    await using server = await serverWith(sized);
    const fetcher = await moved(server, [mail(5)], "never");
    const maildrop = server.maildrop("ann");
    maildrop.remove(maildrop.messages.at(-1)?.uid ?? "");
    expect(await fetcher.failure({ policy: { ...policy, uidsChanged: "stop" } })).toMatchObject({
      code: "POP3_UIDS_CHANGED",
    });
    expect(await fetcher.run()).toMatchObject({ outcome: "done", delivered: 0 });
    expect(maildrop.messages).toHaveLength(4);
  });
});
