// Messages that are always refused do not block the messages after them. After a few refusals in a row, a run
// finds out whether the destination is down.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Pop3ServerOptions } from "popwright/testing";
import { DestinationError, type FetchedMessage, type FetchPolicy } from "../../src/fetch/index.ts";
import { Fetcher } from "./fetcher.ts";
import { mail, mails, said, serverWith } from "../support/mail.ts";

const MINUTE = 60_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  // The longest pauses that there are.
  vi.spyOn(Math, "random").mockReturnValue(0.999_999);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const numberOf = ({ octets }: FetchedMessage): number =>
  Number(/Subject: (\d+)/.exec(octets.toString("latin1"))?.[1]);

/** Polls when each run says so, until `done`; returns the minutes, in simulated time. */
async function poll(
  fetcher: Fetcher,
  destination: (message: FetchedMessage) => void,
  done: () => boolean,
): Promise<number> {
  const began = Date.now();
  while (true) {
    const next = await fetcher.run({ destination }).then(
      ({ nextPollAt }) => nextPollAt,
      (error: unknown) => (error as { report: { nextPollAt: number } }).report.nextPollAt,
    );
    const minutes = (Date.now() - began) / MINUTE;
    if (done() || minutes > 24 * 60) return minutes;
    vi.setSystemTime(Math.max(next, Date.now() + 1000));
  }
}

describe("55 refused messages, and one that is accepted", () => {
  test.each<[where: string, good: number, policy: FetchPolicy, server: Pop3ServerOptions]>([
    ["after them", 56, {}, {}],
    ["in the middle", 30, {}, {}],
    ["as the oldest, with the newest first", 1, { order: "newest" }, {}],
    ["after them, in sessions of ten", 56, { commitEvery: 10 }, {}],
    ["after them, in runs of five", 56, { limits: { messages: 5 } }, {}],
    ["in the middle, in runs of three", 30, { limits: { messages: 3 } }, {}],
    ["after them, without unique-ids", 56, { noUidl: "content" }, { uidl: false }],
    ["in the middle, without unique-ids", 30, { noUidl: "content" }, { uidl: false }],
    ["after them, all of them too large", 56, { maxSize: 1, tooLarge: "headers" }, {}],
    ["after them, with deletion", 56, { delete: "delivered" }, {}],
  ])("%s: it is delivered within an hour", async (_where, good, policy, options) => {
    await using server = await serverWith(mails(56), options);
    const fetcher = new Fetcher(server, { policy });
    const taken: number[] = [];
    const destination = (message: FetchedMessage): void => {
      if (numberOf(message) !== good) throw new Error("no such recipient");
      taken.push(good);
    };
    expect(await poll(fetcher, destination, () => taken.length > 0)).toBeLessThanOrEqual(60);
    // And once.
    await poll(fetcher, destination, () => true);
    expect(taken).toEqual([good]);
  });

  test("it is delivered in the first run if it is the newest, and the refused ones are at fault", async () => {
    await using server = await serverWith(mails(56));
    const fetcher = new Fetcher(server);
    const destination = (message: FetchedMessage): void => {
      if (numberOf(message) !== 56) throw new Error("no such recipient");
    };
    const error = await fetcher.failure({ destination });
    expect(error).toMatchObject({ code: "POP3_DESTINATION", report: { delivered: 1 } });
    expect(error.message).toContain("the destination refused 4 messages in a row: no such recipient");
    expect(error.report.failed.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 55]);
    expect((await fetcher.known()).entries).toMatchObject(
      [56, 1, 2, 3, 4, 5, 6, 55].map((number) => ({
        ...{ id: `uid-${String(number)}`, status: number === 56 ? "delivered" : "failed" },
      })),
    );
  });

  test("a message delivered out of order is not retrieved again, and the rest comes in order", async () => {
    await using server = await serverWith(mails(9));
    const fetcher = new Fetcher(server);
    const destination = (message: FetchedMessage): void => {
      if (numberOf(message) <= 3) throw new Error("no such recipient");
      fetcher.inbox.deliver(message);
    };
    expect(await fetcher.run({ destination })).toMatchObject({
      ...{ outcome: "done", delivered: 6, left: 0 },
      failed: [{ number: 1 }, { number: 2 }, { number: 3 }],
    });
    expect(fetcher.inbox.texts).toEqual([9, 4, 5, 6, 7, 8].map((number) => mail(number)));
    expect(said(server).filter((line) => line === "RETR 9")).toHaveLength(2);
  });

  test("new mail is delivered at once, although all older mail is refused", async () => {
    await using server = await serverWith(mails(20));
    const fetcher = new Fetcher(server);
    const taken: number[] = [];
    const destination = (message: FetchedMessage): void => {
      if (numberOf(message) <= 20) throw new Error("no such recipient");
      taken.push(numberOf(message));
    };
    await fetcher.failure({ destination });
    server.maildrop("ann").add(mail(21));
    await fetcher.run({ destination, force: true }).catch(() => undefined);
    expect(taken).toEqual([21]);
  });
});

describe("a destination that is down", () => {
  const closed = (): void => {
    throw new Error("closed today");
  };

  test("ends each run after four messages, and no message is at fault", async () => {
    await using server = await serverWith(mails(40));
    const fetcher = new Fetcher(server, { policy: { tries: 1 } });
    for (let run = 1; run <= 3; run++) {
      const { report } = await fetcher.failure({ destination: closed });
      expect(report.failed).toHaveLength(4);
      expect((await fetcher.known()).entries.filter(({ tries }) => tries !== 0)).toEqual([]);
      vi.setSystemTime(report.nextPollAt);
    }
    expect(await fetcher.run()).toMatchObject({ delivered: 40, skipped: [], failed: [] });
  });

  test("is tried again soon until it was offered every message, and then less and less often", async () => {
    await using server = await serverWith(mails(11));
    const fetcher = new Fetcher(server, { policy: { retry: { first: 0, longest: 0 } } });
    const pauses: number[] = [];
    for (let run = 0; run < 5; run++) {
      const { report } = await fetcher.failure({ destination: closed });
      pauses.push(Math.round((report.nextPollAt - Date.now()) / MINUTE));
      vi.setSystemTime(report.nextPollAt);
    }
    // Four, four, and three of eleven messages.
    expect(pauses).toEqual([1, 1, 4, 8, 16]);
  });

  test("is tried less and less often if it reports that it is down", async () => {
    await using server = await serverWith(mails(11));
    const fetcher = new Fetcher(server);
    const pauses: number[] = [];
    for (let run = 0; run < 4; run++) {
      const destination = (): void => {
        throw new DestinationError("closed today", { down: true });
      };
      const { report } = await fetcher.failure({ destination });
      expect(report.failed).toHaveLength(1);
      pauses.push(Math.round((report.nextPollAt - Date.now()) / MINUTE));
      vi.setSystemTime(report.nextPollAt);
    }
    expect(pauses).toEqual([1, 2, 4, 8]);
  });

  test("does not count as working because the ledger knows the last messages", async () => {
    await using server = await serverWith(mails(6), { uidl: false });
    const fetcher = new Fetcher(server, { policy: { noUidl: "content" } });
    expect(await fetcher.run()).toMatchObject({ delivered: 6 });
    for (let number = 7; number <= 12; number++) server.maildrop("ann").add(mail(number));
    const error = await fetcher.failure({
      destination: closed,
      policy: { noUidl: "content", order: "newest" },
    });
    expect(error.code).toBe("POP3_DESTINATION");
    expect(error.report.failed).toHaveLength(3);
  });

  test("is not diagnosed if the run is stopped first", async () => {
    await using server = await serverWith(mails(9));
    const fetcher = new Fetcher(server);
    const stop = new AbortController();
    let refused = 0;
    const destination = (): void => {
      if (++refused === 3) stop.abort();
      throw new Error("closed today");
    };
    expect(await fetcher.run({ destination, stop: stop.signal })).toMatchObject({
      outcome: "stopped",
      left: 6,
    });
    expect(refused).toBe(3);
  });
});
