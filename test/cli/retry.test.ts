// Messages that are left alone: `fetch` reports them, `ledger` lists them, `retry` gives them another try.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import type { Pop3Server } from "../../src/testing/index.ts";
import { FileLedger, type LedgerEntry } from "../../src/fetch/index.ts";
import { annsServer, urlOf } from "./ann.ts";
import { localTime } from "../../src/cli/local-time.ts";
import { newDirectory } from "../support/place.ts";
import { Terminal } from "./terminal.ts";
import { namesIn } from "../support/ledger.ts";

const POISON: LedgerEntry = {
  ...({ id: "uid-1", status: "quarantined", firstSeen: 1, tries: 5, failures: 5 } as const),
  ...{ reason: "no handler", failedAt: 1_760_000_000_000 },
};
const DIGEST = "ab".repeat(32);
const CONTENT: LedgerEntry = { ...POISON, id: `\0${DIGEST}`, tries: 7 };
const DONE: LedgerEntry = { id: "uid-2", status: "delivered", firstSeen: 1 };

let directory: string;
let state: string[];
let ledger: FileLedger;
beforeEach(async () => {
  directory = await newDirectory();
  state = ["--state", join(directory, "state")];
  ledger = new FileLedger(join(directory, "state"));
});

const nameAt = (server: Pop3Server): string => `ann@127.0.0.1:${String(server.port)}`;

async function remember(mailbox: string, ...entries: LedgerEntry[]): Promise<void> {
  const held = await ledger.open(mailbox);
  await held.record({ entries, state: { lastRun: 1_760_000_000_000 } });
  await held.close();
}

async function configured(server: Pop3Server): Promise<string> {
  const path = join(directory, "mail box.json");
  const accounts = [{ name: "ann", url: urlOf(server) }];
  await writeFile(path, JSON.stringify({ to: { maildir: "Mail" }, accounts }));
  return path;
}

describe("fetch", () => {
  test("65: names the message that is left alone, the reason, and the command for another try", async () => {
    await using server = await annsServer();
    await remember(nameAt(server), POISON);
    const to = ["--to", join(directory, "Mail"), ...state];
    const terminal = new Terminal();
    expect(await terminal.run("fetch", urlOf(server), ...to)).toBe(65);
    expect(terminal.words).toContain(
      "1 message delivered, 30 B, 1 left alone 1 message could not be delivered",
    );
    expect(terminal.words).toContain(
      `message 1 (uid-1), 5 failures, the last on ${localTime(1760000000000)}: no handler`,
    );
    const command = `popwright retry '${urlOf(server)}' --state ${join(directory, "state")}`;
    expect(terminal.words).toContain(`run this to give it another try: ${command}`);
    const quiet = new Terminal();
    expect(await quiet.run("fetch", urlOf(server), ...to, "--quiet")).toBe(65);
    expect(quiet.words).toContain("1 message could not be delivered, and will not be tried again");
    expect(quiet.words).not.toContain("no new mail");
    const json = new Terminal();
    expect(await json.run("fetch", urlOf(server), ...to, "--json")).toBe(65);
    expect(json.json.at(-1)).toMatchObject({
      report: {
        skipped: [{ reason: "quarantined", failure: { id: "uid-1", reason: "no handler", tries: 5 } }],
      },
    });
  });

  test("the printed command makes the next run fetch the message", async () => {
    await using server = await annsServer();
    const path = await configured(server);
    await remember("ann", POISON, DONE);
    const terminal = new Terminal();
    expect(await terminal.run("fetch", "--config", path)).toBe(65);
    const [, command = ""] = /another try: popwright (.*)/.exec(terminal.words) ?? [];
    expect(command.trim()).toBe(`retry --config '${path}'`);
    const retry = new Terminal();
    expect(await retry.run("retry", "--config", path)).toBe(0);
    expect(retry.words).toContain("ann: 1 message will be tried again by the next fetch uid-1 no handler");
    const again = new Terminal();
    expect(await again.run("fetch", "--config", path)).toBe(0);
    expect(again.words).toContain("1 message delivered");
    expect(again.words).not.toContain("retry");
  });

  test("--watch reports such messages once and ends with 0", async () => {
    await using server = await annsServer();
    await remember(nameAt(server), POISON, DONE);
    const terminal = new Terminal();
    terminal.heard = (text) => {
      if (text.includes("another try")) terminal.signal.abort();
    };
    const words = ["--to", join(directory, "Mail"), ...state, "--watch"];
    expect(await terminal.run("fetch", urlOf(server), ...words)).toBe(0);
    expect(terminal.err.match(/another try/g)).toHaveLength(1);
  });

  test("only the first messages are described one by one", async () => {
    const messages = Array.from({ length: 8 }, (_, at) => `Subject: ${String(at)}\r\n\r\n`);
    const uids = messages.map((_, at) => `u${String(at)}`);
    await using server = await annsServer({ users: { ann: { pass: "secret", messages, uids } } });
    await remember(nameAt(server), ...uids.map((id) => ({ ...POISON, id })));
    const terminal = new Terminal();
    expect(await terminal.run("fetch", urlOf(server), "--to", join(directory, "Mail"), ...state)).toBe(65);
    expect(terminal.words).toContain("8 messages could not be delivered, and will not be tried again");
    expect(terminal.words).toContain("and 3 more");
    expect(terminal.err.match(/no handler/g)).toHaveLength(5);
  });
});

describe("retry", () => {
  const URL = "pop3s://ann@pop.example.com";
  const ANN = "ann@pop.example.com:995";

  test.each([[URL], [ANN]])("gives all failed messages another try, by URL and by name: %s", async (name) => {
    await remember(ANN, POISON, CONTENT, DONE);
    const terminal = new Terminal();
    expect(await terminal.run("retry", name, ...state)).toBe(0);
    expect(terminal.words).toContain(
      `2 messages will be tried again by the next fetch uid-1 no handler ${DIGEST}`,
    );
    const { entries } = await ledger.read(ANN);
    expect([...entries.values()].map(({ status, tries }) => [status, tries])).toEqual([
      ["failed", 0],
      ["failed", 0],
      ["delivered", undefined],
    ]);
    // They wait for the next fetch, and another retry is allowed.
    expect(await terminal.run("retry", name, ...state)).toBe(0);
  });

  test("gives the messages with these IDs or digests another try", async () => {
    await remember(ANN, POISON, CONTENT, { ...POISON, id: "uid-3" });
    const terminal = new Terminal();
    expect(await terminal.run("retry", URL, "uid-1", DIGEST, ...state, "--json")).toBe(0);
    expect(terminal.json).toEqual([{ mailbox: ANN, released: ["uid-1", DIGEST] }]);
    expect((await ledger.read(ANN)).entries.get("uid-3")?.status).toBe("quarantined");
  });

  test("reports that there is nothing to do", async () => {
    await remember(ANN, DONE);
    const terminal = new Terminal();
    expect(await terminal.run("retry", URL, ...state)).toBe(0);
    expect(terminal.words).toContain("no message waits for another try");
  });

  test.each([
    [["retry"], "URL or --config is missing"],
    [["retry", "pop3s://bob@pop.example.com"], `does not know bob@pop.example.com:995; it knows ${ANN}`],
    [["retry", URL, "uid-9"], "no undelivered message has the ID uid-9"],
    [["retry", URL, "uid-2"], "no undelivered message has the ID uid-2"],
    [["retry", "pop3s://ann:secret@pop.example.com"], "must not contain a password: remove it"],
  ])("64: changes nothing after %j", async (words, said) => {
    await remember(ANN, POISON, DONE);
    const terminal = new Terminal();
    expect(await terminal.run(...words, ...state)).toBe(64);
    expect(terminal.words).toContain(said);
    expect(terminal.words).not.toContain("secret");
    expect((await ledger.read(ANN)).entries.get("uid-1")).toEqual(POISON);
  });

  test("75: another run uses the mailbox", async () => {
    await remember(ANN, POISON);
    const held = await ledger.open(ANN);
    expect(await new Terminal().run("retry", URL, ...state)).toBe(75);
    await held.close();
  });
});

describe("ledger", () => {
  const ANN = "ann@pop.example.com:995";

  test("lists mailboxes and undelivered messages", async () => {
    await remember(ANN, POISON, CONTENT, DONE);
    await remember("bea", DONE, { ...POISON, status: "failed", tries: 1, retryAt: 1_760_000_060_000 });
    const terminal = new Terminal();
    expect(await terminal.run("ledger", ...state)).toBe(0);
    expect(terminal.out).toBe(
      [
        `${ANN}: 3 messages known, listed ${localTime(1760000000000)}`,
        `  uid-1${" ".repeat(59)}  5 failures  ${localTime(1760000000000)}  left alone  no handler`,
        `  ${DIGEST}  7 failures  ${localTime(1760000000000)}  left alone  no handler`,
        `bea: 2 messages known, listed ${localTime(1760000000000)}`,
        `  uid-1  1 failure  ${localTime(1760000000000)}  due ${localTime(1760000060000)}  no handler`,
        "",
      ].join("\n"),
    );
    const json = new Terminal();
    expect(await json.run("ledger", "list", ...state, "--json")).toBe(0);
    expect(json.json).toMatchObject([
      { mailbox: ANN, messages: 3, failed: [{ id: "uid-1", tries: 5 }, { id: DIGEST }] },
      { mailbox: "bea", messages: 2, failed: [{ status: "failed", retryAt: 1_760_000_060_000 }] },
    ]);
  });

  test("renames a mailbox, so that its mail is not fetched again", async () => {
    await using server = await annsServer();
    const to = ["--to", join(directory, "Mail"), ...state];
    expect(await new Terminal().run("fetch", urlOf(server), ...to)).toBe(0);
    await ledger.rename(nameAt(server), "ann@pop.old.example:110");
    const hinted = new Terminal();
    expect(await hinted.run("fetch", urlOf(server), ...to, "--dry-run")).toBe(0);
    const command = `popwright ledger rename ann@pop.old.example:110 ${nameAt(server)} ${state.join(" ")}`;
    expect(hinted.words).toContain(
      `the ledger does not know this mailbox, but it knows ann@pop.old.example:110`,
    );
    expect(hinted.words).toContain(command);
    expect(hinted.words).toContain("2 messages would be retrieved");
    const terminal = new Terminal();
    const words = ["rename", "pop3://ann@pop.old.example", urlOf(server)];
    expect(await terminal.run("ledger", ...words, ...state)).toBe(0);
    expect(terminal.words).toContain(`renamed ann@pop.old.example:110 to ${nameAt(server)}`);
    const after = new Terminal();
    expect(await after.run("fetch", urlOf(server), ...to)).toBe(0);
    expect(after.words).toContain("no new mail");
    expect(after.words).not.toContain("does not know");
  });

  test("deletes a mailbox; the next run reports messages that the destination has", async () => {
    await using server = await annsServer();
    const to = ["--to", join(directory, "Mail"), ...state];
    expect(await new Terminal().run("fetch", urlOf(server), ...to)).toBe(0);
    const terminal = new Terminal();
    expect(await terminal.run("ledger", "delete", urlOf(server), ...state)).toBe(0);
    expect(terminal.words).toContain("the next fetch retrieves all its mail again");
    const after = new Terminal();
    expect(await after.run("fetch", urlOf(server), ...to)).toBe(0);
    expect(after.words).toContain("no new mail, 2 known");
    expect(after.words).toContain(
      `the ledger in ${join(directory, "state")} did not know them. Was the ledger lost`,
    );
  });

  test("gives no hint for another user or for accounts of one file", async () => {
    await using server = await annsServer();
    await remember("bob@pop.old.example:110", DONE);
    await remember("ann", DONE);
    const to = ["--to", join(directory, "Mail"), ...state];
    const terminal = new Terminal();
    expect(await terminal.run("fetch", urlOf(server), ...to)).toBe(0);
    expect(terminal.words).not.toContain("does not know");
  });

  test.each([
    [["move"], 64, 'unknown action "move": it must be list, rename or delete'],
    [["rename", ANN], 64, "TO is missing"],
    [["rename", ANN, ANN], 64, "must be different mailboxes"],
    [["rename", "bea", "cleo"], 64, "does not know bea; it knows"],
    [["rename", ANN, "dora"], 74, "already knows 1 messages"],
    [["delete"], 64, "MAILBOX is missing"],
    [["delete", "bea"], 64, "does not know bea"],
    [["list", "more"], 64, "unexpected argument"],
  ])("explains a wrong command: %j", async (words, code, said) => {
    await remember(ANN, POISON);
    await remember("dora", DONE);
    const terminal = new Terminal();
    expect(await terminal.run("ledger", ...words, ...state)).toBe(code);
    expect(terminal.words).toContain(said);
    expect(await namesIn(ledger)).toEqual([ANN, "dora"]);
  });

  test("reports that there is no ledger", async () => {
    const terminal = new Terminal();
    expect(await terminal.run("ledger", "--state", join(directory, "none"))).toBe(0);
    expect(terminal.words).toContain("there is no ledger in");
  });
});

describe("a dry run", () => {
  test("lists the planned actions and changes nothing", async () => {
    await using server = await annsServer();
    const terminal = new Terminal();
    expect(await terminal.run("fetch", urlOf(server), ...state, "--dry-run", "--delete", "delivered")).toBe(
      0,
    );
    expect(terminal.out).toBe(
      [
        "retrieve  1  22  uid-1",
        "retrieve  2  30  uid-2",
        "delete    1  22  uid-1  after its delivery",
        "delete    2  30  uid-2  after its delivery",
        "",
      ].join("\n"),
    );
    expect(terminal.words).toContain(
      "dry run, nothing was done: 2 messages would be retrieved, 52 B, 2 would be deleted",
    );
    expect(server.maildrop("ann").messages).toHaveLength(2);
    expect(await namesIn(ledger)).toEqual([]);
  });

  test("has its list in the last JSON line, and knows which messages were fetched", async () => {
    await using server = await annsServer();
    await remember("ann", DONE);
    const path = await configured(server);
    const terminal = new Terminal();
    expect(await terminal.run("fetch", "--config", path, "--dry-run", "--json")).toBe(0);
    expect(terminal.json.at(-1)).toMatchObject({
      report: {
        outcome: "dry-run",
        planned: { retrieve: [{ number: 1, uid: "uid-1", size: 22, what: "whole" }] },
      },
    });
  });

  test("64: with --watch", async () => {
    const terminal = new Terminal();
    const words = ["pop3s://ann@pop.example.com", "--dry-run", "--watch", "--to", "Mail"];
    expect(await terminal.run("fetch", ...words)).toBe(64);
    expect(terminal.words).toContain("--dry-run and --watch cannot be combined");
  });
});
