// A run whose lease is lost closes its connection, and delivers, records and deletes nothing more.
import { describe, expect, test } from "vitest";
import { LedgerError, type FetchPolicy, type Ledger, type LedgerChanges } from "../../src/fetch/index.ts";
import { Fetcher } from "./fetcher.ts";
import { ledgerWith } from "../support/ledger.ts";
import { mails, said, serverWith } from "../support/mail.ts";

const LOST = new LedgerError("another run has the mailbox", { leaseLost: true });

/** A ledger whose lease can be lost, and what was written after that. */
function losing(fetcher: Fetcher): { ledger: Ledger; lose: () => void; late: (LedgerChanges | undefined)[] } {
  const controller = new AbortController();
  const late: (LedgerChanges | undefined)[] = [];
  const ledger = ledgerWith(
    (mailbox) => ({
      lost: controller.signal,
      record: (changes) => {
        if (!controller.signal.aborted) return mailbox.record(changes);
        late.push(changes);
        return Promise.reject(LOST);
      },
      close: (changes) => {
        if (controller.signal.aborted && changes !== undefined) late.push(changes);
        return mailbox.close();
      },
    }),
    fetcher.ledger,
  );
  return { ledger, lose: () => controller.abort(LOST), late };
}

describe.each<[string, FetchPolicy]>([
  ["and keeps mail", {}],
  ["and deletes it", { delete: "delivered" }],
])("a run that loses its lease, %s", (_name, policy) => {
  test.each(["listed", "delivered"])("after the event %s", async (moment) => {
    await using server = await serverWith(mails(3));
    const fetcher = new Fetcher(server, { policy });
    const { ledger, lose, late } = losing(fetcher);
    const onEvent = ({ type }: { type: string }): void => {
      if (type === moment) lose();
    };
    const error = await fetcher.failure({ ledger, onEvent });
    expect(error).toMatchObject({ code: "POP3_LEASE_LOST", temporary: true, cause: LOST });
    expect(late).toEqual([]);
    expect(said(server).filter((line) => !line.startsWith("RETR"))).toEqual([]);
    expect(fetcher.inbox.messages).toHaveLength(moment === "listed" ? 0 : 1);
    expect(await fetcher.run()).toMatchObject({ delivered: moment === "listed" ? 3 : 2 });
  });

  test("while the destination works", async () => {
    await using server = await serverWith(mails(2));
    const fetcher = new Fetcher(server, { policy });
    const { ledger, lose, late } = losing(fetcher);
    let reason: unknown;
    const destination = (_message: unknown, signal: AbortSignal | undefined): void => {
      lose();
      reason = signal?.reason;
    };
    expect(await fetcher.failure({ ledger, destination })).toMatchObject({ code: "POP3_LEASE_LOST" });
    expect(reason, "the destination is told").toBe(LOST);
    expect(said(server).filter((line) => !line.startsWith("RETR"))).toEqual([]);
    // The message was delivered, but the ledger of another run must not be touched.
    expect(late.every((changes) => changes?.state === undefined)).toBe(true);
  });
});

test("a lease that is lost before DELE or QUIT deletes nothing", async () => {
  for (const nth of [1, 2]) {
    await using server = await serverWith(mails(1));
    const fetcher = new Fetcher(server, { policy: { delete: "delivered" } });
    // The confirmations of the delivery come first: before it begins, and before it commits.
    let asked = 0;
    const confirm = (): Promise<void> => (++asked === 2 + nth ? Promise.reject(LOST) : Promise.resolve());
    const ledger = ledgerWith(() => ({ confirm }), fetcher.ledger);
    expect(await fetcher.failure({ ledger })).toMatchObject({ code: "POP3_LEASE_LOST" });
    expect(said(server)).toEqual(nth === 1 ? ["RETR 1"] : ["RETR 1", "DELE 1"]);
    expect(server.maildrop("ann").messages).toHaveLength(1);
  }
});

test("a lease that is lost before QUIT of a session that deletes nothing sends no QUIT", async () => {
  await using server = await serverWith(mails(1));
  const fetcher = new Fetcher(server);
  let asked = 0;
  const confirm = (): Promise<void> => (++asked === 3 ? Promise.reject(LOST) : Promise.resolve());
  const ledger = ledgerWith(() => ({ confirm }), fetcher.ledger);
  expect(await fetcher.failure({ ledger })).toMatchObject({ code: "POP3_LEASE_LOST" });
  expect(said(server)).toEqual(["RETR 1"]);
});

test("a ledger with the interface of an earlier version is refused with a hint", async () => {
  await using server = await serverWith(mails(1));
  const fetcher = new Fetcher(server);
  const ledger = {
    open: () =>
      Promise.resolve({ entries: new Map(), state: {}, record: () => undefined, close: () => undefined }),
    read: (name: string) => fetcher.ledger.read(name),
  } as unknown as Ledger;
  const error = await fetcher.failure({ ledger });
  expect(error).toMatchObject({ code: "POP3_CONFIG" });
  expect(error.message).toContain("load(), fence, takenOver and lost");
});
