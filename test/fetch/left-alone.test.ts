// Failed and quarantined messages: how they are reported, and how they get another try.
import { describe, expect, test } from "vitest";
import { DestinationError, type FetchedMessage, type FetchPolicy } from "../../src/fetch/index.ts";
import { Fetcher } from "./fetcher.ts";
import { mail, mails, serverWith } from "../support/mail.ts";

const AT_ONCE: FetchPolicy = { retry: { first: 0, longest: 0 }, tries: 3 };

/** Refuses the first message; accepts and discards the others, so that the destination is known to work. */
const refuse = ({ uid, octets }: FetchedMessage): void => {
  if (uid === "uid-1" || octets.toString() === mail(1))
    throw new Error("no handler for it; see https://ann:secret@bugs.test/");
};
const REASON = "no handler for it; see https://****@bugs.test/";

/** Runs until message 1 is left alone. Other mail comes in each run. */
async function leaveAlone(fetcher: Fetcher, add: (text: string) => void, policy = AT_ONCE): Promise<void> {
  for (let run = 1; run <= 3; run++) {
    add(mail(10 + run));
    const { failed } = await fetcher.run({ destination: refuse, policy });
    expect(failed).toMatchObject([{ number: 1, tries: run, reason: REASON }]);
  }
}

test("a failed message is reported with its name, reason, time and number of tries", async () => {
  await using server = await serverWith(mails(2));
  const fetcher = new Fetcher(server, { policy: { tries: 3 } });
  const began = Date.now();
  const { failed } = await fetcher.run({ destination: refuse });
  expect(failed).toMatchObject([{ number: 1, uid: "uid-1", id: "uid-1", reason: REASON, tries: 1 }]);
  const { at = 0 } = failed[0] ?? {};
  expect(at).toBeGreaterThanOrEqual(began);
  expect(failed[0]?.retryAt).toBe(at + 60_000);
  const failure = { id: "uid-1", reason: REASON, at, tries: 1 };
  expect((await fetcher.run()).skipped).toEqual([
    {
      ...{ number: 1, uid: "uid-1", size: mail(1).length, failure },
      ...{ reason: "failed, and not due yet", retryAt: at + 60_000 },
    },
  ]);
  expect((await fetcher.ledger.read(fetcher.mailbox)).entries.get("uid-1")).toMatchObject({
    ...{ status: "failed", reason: REASON, failedAt: at, tries: 1, failures: 1 },
  });
});

describe("a message that has used up policy.tries", () => {
  test("is in each report, and in the ledger", async () => {
    await using server = await serverWith(mails(1), { uids: ["uid-1"] });
    const fetcher = new Fetcher(server, { policy: AT_ONCE });
    await leaveAlone(fetcher, (text) => server.maildrop("ann").add(text));
    const entry = (await fetcher.ledger.read(fetcher.mailbox)).entries.get("uid-1");
    expect(entry).toMatchObject({ status: "quarantined", reason: REASON, tries: 3, failures: 3 });
    const failure = { id: "uid-1", reason: REASON, at: entry?.failedAt, tries: 3 };
    expect(failure.at).toBeTypeOf("number");
    for (let run = 0; run < 2; run++) {
      expect((await fetcher.run({ force: true })).skipped).toEqual([
        { number: 1, uid: "uid-1", size: mail(1).length, reason: "quarantined", failure },
      ]);
    }
  });

  test.each([[undefined], ["uid-1"]])("is delivered after it is released: %j", async (id) => {
    await using server = await serverWith(mails(1), { uids: ["uid-1"] });
    const fetcher = new Fetcher(server, { policy: AT_ONCE });
    await leaveAlone(fetcher, (text) => server.maildrop("ann").add(text));
    expect(await fetcher.ledger.release(fetcher.mailbox, id)).toMatchObject([{ id: "uid-1" }]);
    expect(await fetcher.run()).toMatchObject({ delivered: 1, skipped: [], failed: [] });
    expect(fetcher.inbox.texts).toEqual([mail(1)]);
    expect(await fetcher.run()).toMatchObject({ delivered: 0, skipped: [] });
  });

  test("has all its tries again after it is released", async () => {
    await using server = await serverWith(mails(1), { uids: ["uid-1"] });
    const fetcher = new Fetcher(server, { policy: AT_ONCE });
    const add = (text: string): unknown => server.maildrop("ann").add(text);
    await leaveAlone(fetcher, add);
    await fetcher.ledger.release(fetcher.mailbox);
    await leaveAlone(fetcher, add);
    expect((await fetcher.run()).skipped).toMatchObject([{ reason: "quarantined" }]);
  });

  test("is tried again if the policy allows more tries", async () => {
    await using server = await serverWith(mails(1), { uids: ["uid-1"] });
    const fetcher = new Fetcher(server, { policy: AT_ONCE });
    await leaveAlone(fetcher, (text) => server.maildrop("ann").add(text));
    expect((await fetcher.run({ policy: { ...AT_ONCE, tries: 2 } })).skipped).toHaveLength(1);
    server.maildrop("ann").add(mail(20));
    const { failed } = await fetcher.run({ policy: { ...AT_ONCE, tries: 4 }, destination: refuse });
    expect(failed).toMatchObject([{ uid: "uid-1", tries: 4, retryAt: undefined }]);
    expect((await fetcher.run({ policy: { ...AT_ONCE, tries: 4 } })).skipped).toHaveLength(1);
    const policy = { ...AT_ONCE, tries: 9 };
    expect(await fetcher.run({ policy })).toMatchObject({ delivered: 1, skipped: [] });
    expect(fetcher.inbox.texts).toEqual([mail(1)]);
  });

  test("is handled in the same way if it is identified by its content", async () => {
    await using server = await serverWith(mails(1), { uidl: false });
    const policy: FetchPolicy = { ...AT_ONCE, noUidl: "content" };
    const fetcher = new Fetcher(server, { policy });
    await leaveAlone(fetcher, (text) => server.maildrop("ann").add(text), policy);
    const { skipped } = await fetcher.run();
    expect(skipped).toMatchObject([
      { number: 1, reason: "quarantined", failure: { reason: REASON, tries: 3 } },
    ]);
    expect(fetcher.inbox.messages).toEqual([]);
    expect(await fetcher.run({ policy: { ...policy, tries: 4 } })).toMatchObject({
      delivered: 1,
      skipped: [],
    });
    const { id = "" } = skipped[0]?.failure ?? {};
    expect(id).toMatch(/^\0[0-9a-f]{64}$/);
    expect((await fetcher.ledger.read(fetcher.mailbox)).entries.get(id)).toMatchObject({
      status: "delivered",
    });
  });

  test("is delivered after its release if it is identified by its content, too", async () => {
    await using server = await serverWith(mails(1), { uidl: false });
    const policy: FetchPolicy = { ...AT_ONCE, noUidl: "content" };
    const fetcher = new Fetcher(server, { policy });
    await leaveAlone(fetcher, (text) => server.maildrop("ann").add(text), policy);
    expect(await fetcher.ledger.release(fetcher.mailbox)).toHaveLength(1);
    expect(await fetcher.run()).toMatchObject({ delivered: 1, skipped: [] });
  });
});

test("a message that waits for its next try is due at once when it is released", async () => {
  await using server = await serverWith(mails(2));
  const fetcher = new Fetcher(server);
  await fetcher.run({ destination: refuse });
  expect((await fetcher.run()).skipped).toMatchObject([{ reason: "failed, and not due yet" }]);
  expect(await fetcher.ledger.release(fetcher.mailbox, "uid-1")).toHaveLength(1);
  expect(await fetcher.run()).toMatchObject({ delivered: 1, skipped: [] });
});

test("messages that the destination had but the ledger did not are counted", async () => {
  await using server = await serverWith(mails(3));
  const fetcher = new Fetcher(server);
  const destination = { begin: () => Promise.resolve("known" as const) };
  expect(await fetcher.run({ destination })).toMatchObject({ known: 3, unrecorded: 3, delivered: 0 });
  expect(await fetcher.run({ destination })).toMatchObject({ known: 0, unrecorded: 0 });
  await fetcher.remember({ lastRun: 1 }, [{ id: "uid-1", status: "failed", firstSeen: 1 }]);
  server.maildrop("ann").add(mail(4), "uid-4");
  const report = await fetcher.run({ destination, ledger: fetcher.takenOver });
  expect(report, "one that had failed may have been delivered").toMatchObject({ known: 2, unrecorded: 1 });
});

test("a reason does not contain a password that the server repeats", async () => {
  await using server = await serverWith(mails(2), {
    faults: [{ on: "RETR", nth: "every", reply: "-ERR secret is no message\r\n" }],
  });
  const fetcher = new Fetcher(server);
  const { failed } = await fetcher.run({
    destination: () => {
      throw new DestinationError("not with secret");
    },
  });
  for (const { reason } of failed) expect(reason).not.toContain("secret");
  const { entries } = await fetcher.ledger.read(fetcher.mailbox);
  expect(JSON.stringify([...entries])).not.toContain("secret");
});
