// Malformed lines in LIST and UIDL: they block no mailbox, hide no message, and cause no second delivery.
import { describe, expect, test } from "vitest";
import type { Pop3Server } from "popwright/testing";
import type { FetchPolicy, FetchReport } from "../../src/fetch/index.ts";
import { fetchMail, MemoryLedger } from "../../src/fetch/index.ts";
import { Fetcher } from "./fetcher.ts";
import { accountOf, mail, mails, serverWith } from "../support/mail.ts";

/** The server answers like this from now on. */
function says(server: Pop3Server, command: "LIST" | "UIDL", lines: readonly string[]): void {
  server.fault({ on: command, nth: "every", reply: listing(lines) });
}

function listing(lines: readonly string[]): Buffer {
  return Buffer.from(`+OK\r\n${lines.map((line) => `${line}\r\n`).join("")}.\r\n`, "latin1");
}

/** What is wrong with the second line of UIDL. */
const BAD_IDS: readonly [string, string][] = [
  ["a space", "2 b c"],
  ["a byte beyond ASCII", "2 b\xfc"],
  ["a control character", "2 b\x1b"],
  ["513 characters", `2 ${"u".repeat(513)}`],
  ["8,000 characters", `2 ${"u".repeat(8000)}`],
  ["a tab", "2\tb"],
  ["no number", "two b"],
  ["an indent", " 2 b"],
  ["no characters", "2 "],
  ["an LF", "2 b\n"],
];

describe.each(BAD_IDS)("a unique-id with %s", (_what, line) => {
  test("is replaced by the content: each message is delivered once, and the others keep their keys", async () => {
    await using server = await serverWith(mails(3));
    says(server, "UIDL", ["1 a", line, "3 c"]);
    const fetcher = new Fetcher(server);
    const first = await fetcher.run();
    expect(first).toMatchObject({ outcome: "done", delivered: 3, listed: 3, left: 0 });
    expect(first.malformed).toMatchObject([{ command: "UIDL" }]);
    expect(await fetcher.run()).toMatchObject({ outcome: "done", delivered: 0, known: 1 });
    expect(fetcher.inbox.texts).toEqual(mails(3));
    const { entries } = await fetcher.known();
    expect(entries.map(({ id }) => (id.startsWith("\0") ? "content" : id)).sort()).toEqual([
      "a",
      "c",
      "content",
    ]);
  });

  test("is handled if it is the only message", async () => {
    await using server = await serverWith(mails(2).slice(1));
    says(server, "UIDL", [line.replace("2", "1")]);
    const fetcher = new Fetcher(server);
    const named = line.replace("2", "1").startsWith("1 ");
    if (named) expect(await fetcher.run()).toMatchObject({ outcome: "done", delivered: 1 });
    // A listing without a single valid line is an error.
    else expect(await fetcher.failure()).toMatchObject({ code: "POP3_BAD_LISTING" });
  });

  test("does not keep a delivered message from being deleted", async () => {
    await using server = await serverWith(mails(3));
    says(server, "UIDL", ["1 a", line, "3 c"]);
    const fetcher = new Fetcher(server, { policy: { delete: "delivered" } });
    expect(await fetcher.run()).toMatchObject({ outcome: "done", delivered: 3, deleted: 3, committed: true });
    expect(server.maildrop("ann").messages).toHaveLength(0);
  });

  test.each<[string, FetchPolicy | undefined]>([
    ["policy", { listings: "strict" }],
    ["account", undefined],
  ])("fails the run if the %s is strict, unless it is blank", async (_who, policy) => {
    await using server = await serverWith(mails(3));
    says(server, "UIDL", ["1 a", line, "3 c"]);
    const fetcher = new Fetcher(server);
    const account = {
      ...accountOf(server),
      ...(policy === undefined ? { listings: "strict" as const } : {}),
    };
    const run = fetchMail(account, {
      ...{ ledger: fetcher.ledger, destination: fetcher.inbox.deliver },
      ...(policy === undefined ? {} : { policy }),
    });
    if (line === "2 ") expect(await run).toMatchObject({ delivered: 3 });
    else await expect(run).rejects.toMatchObject({ code: "POP3_BAD_LISTING" });
    expect(fetcher.inbox.texts).toHaveLength(line === "2 " ? 3 : 0);
  });
});

test("a lenient policy overrides a strict account", async () => {
  await using server = await serverWith(mails(2));
  says(server, "UIDL", ["1 a", "2 b c"]);
  const got: Buffer[] = [];
  const report = await fetchMail(
    { ...accountOf(server), listings: "strict" },
    {
      ledger: new MemoryLedger(),
      destination: ({ octets }) => void got.push(octets),
      policy: { listings: "lenient" },
    },
  );
  expect(report).toMatchObject({ delivered: 2, malformed: [{ number: 2, text: "2 b c", reason: "space" }] });
});

test("an event reports all malformed lines once per run, before the first retrieval", async () => {
  await using server = await serverWith(mails(5));
  says(server, "UIDL", ["1 a", "2 b c", "x", "4 d", "5 e"]);
  const fetcher = new Fetcher(server, { policy: { commitEvery: 1 } });
  const { malformed, delivered } = await fetcher.run();
  expect(delivered).toBe(5);
  expect(fetcher.events.filter(({ type }) => type === "malformed")).toEqual([
    { mailbox: fetcher.mailbox, type: "malformed", lines: malformed },
  ]);
  expect(fetcher.events.slice(0, 3).map(({ type }) => type)).toEqual(["begin", "malformed", "listed"]);
  expect(malformed.map(({ number, text, reason }) => [number, text, reason])).toEqual([
    [2, "2 b c", "space"],
    [undefined, "x", "no number"],
  ]);
});

test.each<[string, list: string[], uidl: string[], delivered: number]>([
  ["one malformed size in LIST", ["1 5", "2 -1", "3 5"], ["1 a", "2 b", "3 c"], 3],
  ["only malformed sizes in LIST", ["1 x", "2 x", "3 x"], ["1 a", "2 b", "3 c"], 3],
  ["an unreadable line of LIST", ["1 5", "x", "3 5"], ["1 a", "2 b", "3 c"], 3],
  ["the same message malformed in both", ["1 5", "2 x", "3 5"], ["1 a", "2 b c", "3 c"], 3],
  ["a number twice", ["1 5", "2 5", "3 5"], ["1 a", "2 b", "1 z", "3 c"], 3],
  ["the same line twice", ["1 5", "2 5", "2 5", "3 5"], ["1 a", "2 b", "2 b", "3 c"], 3],
  [
    "a malformed line with a number that no message has",
    ["1 5", "2 5", "3 5", "404 not found"],
    ["1 a", "2 b", "3 c"],
    3,
  ],
  ["the last line of UIDL", ["1 5", "2 5", "3 5"], ["1 a", "2 b", "3 c d"], 3],
  ["the last line of UIDL, without its number", ["1 5", "2 5", "3 5"], ["1 a", "2 b", "x"], 3],
  ["a message that arrived between the listings", ["1 5", "2 5", "3 5"], ["1 a", "2 b c"], 2],
  ["no valid unique-id at all", ["1 5", "2 5", "3 5"], ["1 a b", "2", "3 c d"], 3],
])("no message is lost or mistaken for another: %s", async (_name, list, uidl, delivered) => {
  await using server = await serverWith(mails(3), { uids: ["a", "b", "c"] });
  const fetcher = new Fetcher(server);
  // Only the listings of a run: the server answers LIST and UIDL with a number.
  const run = (): Promise<FetchReport> => {
    server.fault({
      on: "LIST",
      reply: listing(list.map((line) => line.replace(/ 5$/, ` ${mail(1).length}`))),
    });
    server.fault({ on: "UIDL", reply: listing(uidl) });
    return fetcher.run();
  };
  expect(await run()).toMatchObject({ outcome: "done", delivered, failed: [] });
  expect((await run()).delivered).toBe(0);
  expect(fetcher.inbox.texts).toEqual(mails(3).slice(0, delivered));
  for (const { uid, octets } of fetcher.inbox.messages)
    if (uid !== undefined) expect(octets.toString()).toBe(mail("abc".indexOf(uid) + 1));
});

test.each<[string, list: string[], uidl: string[]]>([
  ["no line of LIST is readable", ["one 5", "two 5"], ["1 a", "2 b"]],
  ["no line of UIDL is readable", ["1 5", "2 5"], ["one a", "two b"]],
  ["neither listing is readable", ["<html>"], ["<html>"]],
  ["the listings have no message in common", ["404 not found"], ["500 internal error"]],
])("if %s, the run fails, and the ledger forgets nothing", async (_name, list, uidl) => {
  await using server = await serverWith(mails(2), { uids: ["a", "b"] });
  const fetcher = new Fetcher(server, { force: true });
  await fetcher.run();
  const before = (await fetcher.known()).entries;
  says(server, "LIST", list);
  says(server, "UIDL", uidl);
  const error = await fetcher.failure();
  expect(error).toMatchObject({ code: "POP3_BAD_LISTING" });
  expect((await fetcher.known()).entries).toEqual(before);
  expect(before.every(({ goneSince }) => goneSince === undefined)).toBe(true);
});

test("a message without a size is fetched despite maxSize, and never deleted as too large", async () => {
  await using server = await serverWith(mails(2));
  says(server, "LIST", ["1 5", "2 x"]);
  const fetcher = new Fetcher(server, { policy: { maxSize: 100, tooLarge: "delete" } });
  expect(await fetcher.run()).toMatchObject({ delivered: 2, deleted: 0, malformed: [{ number: 2 }] });
});

describe("a unique-id that is malformed in some sessions", () => {
  const uids = ["a", "b", "c"];
  const lists = (server: Pop3Server, second: string): void => says(server, "UIDL", ["1 a", second, "3 c"]);

  test("does not cause a second delivery: headers and size identify the message", async () => {
    await using server = await serverWith(mails(3), { uids });
    const fetcher = new Fetcher(server);
    await fetcher.run();
    lists(server, "2 b c");
    for (let run = 0; run < 2; run++) expect(await fetcher.run()).toMatchObject({ delivered: 0, known: 1 });
    lists(server, "2 b");
    expect(await fetcher.run()).toMatchObject({ delivered: 0, known: 0 });
    expect(fetcher.inbox.texts).toEqual(mails(3));
    expect((await fetcher.known()).entries.map(({ id, goneSince }) => [id, goneSince])).toEqual([
      ["a", undefined],
      ["b", undefined],
      ["c", undefined],
    ]);
  });

  test("does not prevent the deletion of the message", async () => {
    await using server = await serverWith(mails(3), { uids });
    const fetcher = new Fetcher(server);
    await fetcher.run();
    lists(server, "2 b c");
    expect(await fetcher.run({ policy: { delete: "delivered" } })).toMatchObject({
      delivered: 0,
      deleted: 3,
    });
  });

  test.each<[string, string]>([
    ["of another size", mail(2, "longer")],
    ["that only looks similar", "From: sensor\r\nSubject: alarm\r\n\r\non\r\n"],
  ])("does not make a new message count as known: one %s", async (_what, text) => {
    const looks = text.startsWith("From") ? text.replace("on", "no") : mail(2);
    await using server = await serverWith([mail(1), looks, mail(3)], { uids });
    const fetcher = new Fetcher(server);
    await fetcher.run();
    // In its place, between the others.
    for (const uid of uids) server.maildrop("ann").remove(uid);
    for (const [index, message] of [mail(1), text, mail(3)].entries())
      server.maildrop("ann").add(message, uids[index]);
    lists(server, "2 b c");
    expect(await fetcher.run()).toMatchObject({ delivered: 1, known: 0 });
    expect(fetcher.inbox.texts.at(-1)).toBe(text);
  });

  test("is matched with one delivered message only once: a second copy is new", async () => {
    await using server = await serverWith(mails(3), { uids });
    const fetcher = new Fetcher(server);
    await fetcher.run();
    server.maildrop("ann").add(mail(2), "d");
    says(server, "UIDL", ["1 a", "2 b c", "3 c", "4 d e"]);
    for (const delivered of [1, 0])
      expect(await fetcher.run()).toMatchObject({ delivered, known: 2 - delivered });
  });
});
