// A poll of a mailbox in which nothing has changed needs no entries of the ledger, and writes once.
import { describe, expect, test, vi } from "vitest";
import type { FetchPolicy, Ledger, LedgerChanges, LedgerEntry } from "../../src/fetch/index.ts";
import { Fetcher } from "./fetcher.ts";
import { ledgerWith } from "../support/ledger.ts";
import { mail, mails, said, serverWith } from "../support/mail.ts";

const DAY = 24 * 60 * 60 * 1000;

/** Counts the calls to the ledger of a fetcher. */
function counting(fetcher: Fetcher): { ledger: Ledger; calls: string[]; writes: LedgerChanges[] } {
  const calls: string[] = [];
  const writes: LedgerChanges[] = [];
  const ledger = ledgerWith(
    (mailbox) => ({
      load: () => {
        calls.push("load");
        return mailbox.load();
      },
      record: (changes) => {
        calls.push("record");
        writes.push(changes);
        return mailbox.record(changes);
      },
      close: (changes) => {
        calls.push("close");
        if (changes !== undefined) writes.push(changes);
        return mailbox.close(changes);
      },
    }),
    fetcher.ledger,
  );
  return { ledger, calls, writes };
}

/** A mailbox with three messages that are delivered, after a poll that found nothing to do. */
async function quietFetcher(
  server: Awaited<ReturnType<typeof serverWith>>,
  policy: FetchPolicy = {},
): Promise<Fetcher> {
  const fetcher = new Fetcher(server, { policy });
  await fetcher.run();
  await fetcher.run();
  expect((await fetcher.known()).state.listing).toMatch(/^[0-9a-f]{64}$/);
  return fetcher;
}

describe("a mailbox in which nothing has changed", () => {
  test("is not loaded, and its state is written once, when it is closed", async () => {
    await using server = await serverWith(mails(3));
    const fetcher = await quietFetcher(server);
    const before = (await fetcher.known()).state;
    const { ledger, calls, writes } = counting(fetcher);
    fetcher.events.length = 0;
    expect(await fetcher.run({ ledger })).toMatchObject({ outcome: "done", listed: 3, left: 0, skipped: [] });
    expect(calls).toEqual(["close"]);
    expect(Object.keys(writes[0] ?? {})).toEqual(["state"]);
    expect((await fetcher.known()).state).toMatchObject({ listing: before.listing });
    expect(fetcher.events.map(({ type }) => type)).toEqual(["begin", "listed", "end"]);
    expect(fetcher.events[1]).toMatchObject({ messages: 3, toRetrieve: 0, toDelete: 0 });
    expect(said(server).at(-1)).toBe("QUIT");
  });

  test("is loaded again when mail comes, and when a message goes", async () => {
    await using server = await serverWith(mails(3));
    const fetcher = await quietFetcher(server);
    server.maildrop("ann").add(mail(4), "uid-4");
    expect(await fetcher.run()).toMatchObject({ delivered: 1 });
    await fetcher.run();
    server.maildrop("ann").remove("uid-4");
    const { ledger, calls } = counting(fetcher);
    await fetcher.run({ ledger });
    expect(calls).toContain("load");
    expect((await fetcher.known()).entries.find(({ id }) => id === "uid-4")).toHaveProperty("goneSince");
  });

  test.each<[string, FetchPolicy, object]>([
    ["deletes delivered mail", { delete: "delivered" }, { deleted: 3 }],
    ["deletes large mail", { delete: { largerThan: 1 } }, { deleted: 3 }],
  ])("is loaded if a new policy %s", async (_name, policy, report) => {
    await using server = await serverWith(mails(3));
    const fetcher = await quietFetcher(server);
    expect(await fetcher.run({ policy })).toMatchObject(report);
  });

  test("is loaded when a deletion is due", async () => {
    await using server = await serverWith(mails(2));
    const policy = { delete: { afterDays: 1 } };
    const fetcher = await quietFetcher(server, policy);
    const { due = 0 } = (await fetcher.known()).state;
    vi.useFakeTimers({ toFake: ["Date"], now: due - 1 });
    try {
      expect(await fetcher.run()).toMatchObject({ deleted: 0 });
      vi.setSystemTime(due);
      expect(await fetcher.run()).toMatchObject({ deleted: 2 });
    } finally {
      vi.useRealTimers();
    }
  });

  test("is loaded when an entry is to be forgotten", async () => {
    await using server = await serverWith(mails(1));
    const fetcher = new Fetcher(server, { policy: { keepDays: 1 } });
    const gone: LedgerEntry = { id: "old", status: "delivered", firstSeen: 1, goneSince: Date.now() };
    await fetcher.run();
    await fetcher.remember((await fetcher.known()).state, [gone]);
    await fetcher.run();
    const { due = 0, listing } = (await fetcher.known()).state;
    expect(listing).toBeDefined();
    expect(due - Date.now()).toBeLessThanOrEqual(DAY + 1);
    vi.useFakeTimers({ toFake: ["Date"], now: due });
    try {
      await fetcher.run();
    } finally {
      vi.useRealTimers();
    }
    expect((await fetcher.known()).entries.map(({ id }) => id)).toEqual(["uid-1"]);
  });

  test("is loaded if the clock was put back, and for a dry run", async () => {
    await using server = await serverWith(mails(1));
    const fetcher = await quietFetcher(server);
    const { lastRun = 0 } = (await fetcher.known()).state;
    const { ledger, calls } = counting(fetcher);
    vi.useFakeTimers({ toFake: ["Date"], now: lastRun - 1000 });
    try {
      await fetcher.run({ ledger });
    } finally {
      vi.useRealTimers();
    }
    expect(calls).toContain("load");
    expect((await fetcher.run({ policy: { dryRun: true } })).planned).toEqual({ retrieve: [], delete: [] });
  });

  test("is loaded when a deletion is due after the clock was put back", async () => {
    await using server = await serverWith(mails(2));
    const fetcher = await quietFetcher(server, { delete: { afterDays: 1 } });
    const now = ((await fetcher.known()).state.lastRun ?? 0) - 10 * DAY;
    vi.useFakeTimers({ toFake: ["Date"], now });
    try {
      expect(await fetcher.run()).toMatchObject({ deleted: 0 });
      expect((await fetcher.known()).state.due).toBe(now + DAY);
      vi.setSystemTime(now + DAY);
      expect(await fetcher.run()).toMatchObject({ deleted: 2 });
    } finally {
      vi.useRealTimers();
    }
  });

  test("is loaded if a message has just gone, and its entry is due to be forgotten", async () => {
    await using server = await serverWith(mails(2));
    const fetcher = await quietFetcher(server, { keepDays: 1 });
    server.maildrop("ann").remove("uid-1");
    await fetcher.run();
    const { entries, state } = await fetcher.known();
    expect(state.due).toBe((entries.find(({ id }) => id === "uid-1")?.goneSince ?? 0) + DAY + 1);
  });

  test("is loaded after a failed message was released", async () => {
    await using server = await serverWith(mails(1));
    const fetcher = await quietFetcher(server);
    const { state } = await fetcher.known();
    await fetcher.remember(state, [{ id: "uid-1", status: "quarantined", firstSeen: 1, tries: 9 }]);
    await fetcher.ledger.release(fetcher.mailbox);
    expect(await fetcher.run()).toMatchObject({ delivered: 1 });
  });
});

test("a mailbox with a message that is skipped is loaded in each run, and reports it", async () => {
  await using server = await serverWith(mails(2));
  const fetcher = new Fetcher(server, { policy: { maxSize: 10 } });
  for (let run = 0; run < 3; run++) {
    const { skipped } = await fetcher.run();
    expect(skipped).toHaveLength(2);
  }
  expect((await fetcher.known()).state.listing).toBeUndefined();
});

test("a mailbox without unique-ids is never taken for unchanged", async () => {
  await using server = await serverWith(mails(1), { uidl: false });
  const fetcher = new Fetcher(server, { policy: { noUidl: "content" } });
  for (let run = 0; run < 3; run++) await fetcher.run();
  expect((await fetcher.known()).state.listing).toBeUndefined();
  expect(said(server).filter((line) => line === "RETR 1")).toHaveLength(3);
});
