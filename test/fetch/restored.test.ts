// A ledger or a Maildir that was restored from a backup, and a renamed mailbox: no mail is lost, and only the
// messages that the documentation names are delivered twice.
import { cp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import type { Pop3Server } from "popwright/testing";
import {
  fetchMail,
  FileLedger,
  Maildir,
  type Destination,
  type FetchPolicy,
  type FetchReport,
} from "../../src/fetch/index.ts";
import { accountOf, mail, mails, serverWith } from "../support/mail.ts";
import { silence } from "../support/holders.ts";
import { scratch } from "../support/scratch.ts";

let directory: string;
let ledger: FileLedger;
let maildir: Maildir;
beforeEach(async () => {
  directory = await scratch();
  ledger = new FileLedger(join(directory, "state"));
  maildir = new Maildir(join(directory, "Mail"));
});

function run(
  server: Pop3Server,
  policy: FetchPolicy = {},
  mailbox = "ann",
  destination: Destination = maildir,
): Promise<FetchReport> {
  return fetchMail(accountOf(server), { ledger, destination, mailbox, policy, force: true });
}

async function texts(): Promise<string[]> {
  const found: string[] = [];
  for (const folder of ["new", "cur"]) {
    for (const name of await readdir(join(directory, "Mail", folder)))
      found.push(await readFile(join(directory, "Mail", folder, name), "latin1"));
  }
  return found.sort();
}

const backUp = (name: string): Promise<void> =>
  cp(join(directory, name), join(directory, `${name}.backup`), { recursive: true });
async function restore(name: string): Promise<void> {
  await rm(join(directory, name), { recursive: true });
  await cp(join(directory, `${name}.backup`), join(directory, name), { recursive: true });
}

/** Two messages are fetched, both are backed up, and two more are fetched. */
async function fetchTwice(server: Pop3Server, policy: FetchPolicy = {}): Promise<void> {
  await run(server, policy);
  await backUp("state");
  await backUp("Mail");
  for (const number of [3, 4]) server.maildrop("ann").add(mail(number));
  await run(server, policy);
  expect(await texts()).toEqual(mails(4));
}

describe("an older ledger with a newer Maildir", () => {
  test("causes no second delivery, and the report counts what the ledger did not know", async () => {
    await using server = await serverWith(mails(2));
    await fetchTwice(server);
    await restore("state");
    expect(await run(server)).toMatchObject({ delivered: 0, known: 2, unrecorded: 2 });
    expect(await texts()).toEqual(mails(4));
    expect(await run(server)).toMatchObject({ delivered: 0, known: 0, unrecorded: 0 });
  });

  test("delivers again what the reader of the Maildir has deleted since", async () => {
    await using server = await serverWith(mails(2));
    await fetchTwice(server);
    for (const name of await readdir(join(directory, "Mail", "new"))) {
      const path = join(directory, "Mail", "new", name);
      if ((await readFile(path, "latin1")) === mail(4)) await rm(path);
    }
    await restore("state");
    expect(await run(server)).toMatchObject({ delivered: 1, known: 1, unrecorded: 1 });
    expect(await texts()).toEqual(mails(4));
  });

  test("marks messages that were deleted from the server since as gone", async () => {
    await using server = await serverWith(mails(2));
    const policy = { delete: "delivered" } as const;
    await fetchTwice(server, policy);
    await restore("state");
    expect(await run(server, policy)).toMatchObject({ listed: 0, delivered: 0, deleted: 0 });
    expect(await texts()).toEqual(mails(4));
  });
});

describe("an older Maildir with a newer ledger", () => {
  test("lacks newer messages until the ledger of the mailbox is deleted", async () => {
    await using server = await serverWith(mails(2));
    await fetchTwice(server);
    await restore("Mail");
    expect(await run(server)).toMatchObject({ delivered: 0, known: 0 });
    expect(await texts()).toEqual(mails(2));
    await ledger.delete("ann");
    expect(await run(server)).toMatchObject({ delivered: 2, known: 2, unrecorded: 2 });
    expect(await texts()).toEqual(mails(4));
  });

  test("loses no mail with a policy that deletes, if the ledger is deleted before the next run", async () => {
    await using server = await serverWith(mails(2));
    await fetchTwice(server);
    await restore("Mail");
    await ledger.delete("ann");
    expect(await run(server, { delete: "delivered" })).toMatchObject({ delivered: 2, known: 2, deleted: 4 });
    expect(await texts()).toEqual(mails(4));
  });
});

describe("a ledger and a Maildir of the same time", () => {
  test("get newer messages once", async () => {
    await using server = await serverWith(mails(2));
    await fetchTwice(server);
    await restore("state");
    await restore("Mail");
    expect(await run(server)).toMatchObject({ delivered: 2, known: 0, unrecorded: 0 });
    expect(await texts()).toEqual(mails(4));
  });

  test("work with a lock that was copied with them", async () => {
    await using server = await serverWith(mails(2));
    await run(server);
    const held = await ledger.open("ann");
    await backUp("state");
    await held.close();
    await restore("state");
    const [lock] = (await readdir(ledger.directory)).filter((name) => name.endsWith(".lock"));
    expect(lock).toBeDefined();
    // Its holder is this process. Another host, or a later start of this one, waits until it is stale.
    await silence(join(ledger.directory, lock as string), 61_000);
    expect(await run(server)).toMatchObject({ delivered: 0, known: 0 });
  });
});

describe("a renamed mailbox", () => {
  test("gets no message twice if its ledger was renamed, even one that a crash kept out of the ledger", async () => {
    await using server = await serverWith(mails(3));
    await run(server, { limits: { messages: 2 } });
    // A process died after the destination had the third, and before the ledger knew.
    const crashed = new FileLedger(join(directory, "crashed"));
    await cp(ledger.directory, crashed.directory, { recursive: true });
    await fetchMail(accountOf(server), {
      ledger: crashed,
      destination: maildir,
      mailbox: "ann",
      force: true,
    });
    expect(await texts()).toEqual(mails(3));
    await ledger.rename("ann", "bea");
    expect(await run(server, {}, "bea")).toMatchObject({ delivered: 0, known: 1, unrecorded: 1 });
    expect(await texts()).toEqual(mails(3));
  });

  test("keeps the keys for later messages, for content, and after its ledger was deleted", async () => {
    await using server = await serverWith(mails(2), { uidl: false });
    const policy: FetchPolicy = { noUidl: "content" };
    await run(server, policy);
    await ledger.rename("ann", "bea");
    await ledger.delete("bea");
    expect(await run(server, policy, "bea")).toMatchObject({ delivered: 0, known: 2, unrecorded: 2 });
    expect(await texts()).toEqual(mails(2));
  });

  test("gets every message again if its ledger was not renamed", async () => {
    await using server = await serverWith(mails(2));
    await run(server);
    expect(await run(server, {}, "bea")).toMatchObject({ delivered: 2, known: 0 });
    expect(await texts()).toHaveLength(4);
  });
});
