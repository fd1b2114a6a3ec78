// Whose fault a failed delivery is: a message is quarantined only if the message itself is at fault.
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  DestinationError,
  type FetchedMessage,
  type FetchPolicy,
  type LedgerEntry,
} from "../../src/fetch/index.ts";
import { Fetcher } from "./fetcher.ts";
import { mail, mails, serverWith } from "../support/mail.ts";

afterEach(() => void vi.useRealTimers());

const AT_ONCE = { retry: { first: 0, longest: 0 } };
const subjectOf = ({ octets }: FetchedMessage): string =>
  /Subject: (\w+)/.exec(octets.toString())?.[1] as string;

describe("a run after a killed run records each message before trying it", () => {
  const before: LedgerEntry = {
    id: "uid-1",
    status: "failed",
    firstSeen: 7,
    tries: 1,
    failures: 3,
    retryAt: 9,
  };

  test.each<[string, (abort: AbortController) => void]>([
    [
      "the run is aborted",
      (abort) => {
        abort.abort();
        throw new Error("given up");
      },
    ],
    [
      "the destination is down",
      () => {
        throw new DestinationError("closed today", { down: true });
      },
    ],
  ])("and takes that back where %s", async (_name, meanwhile) => {
    for (const entries of [[], [before]]) {
      await using server = await serverWith(mails(1));
      const fetcher = new Fetcher(server, { policy: { tries: 1 }, force: true });
      await fetcher.remember({ lastRun: 1 }, entries);
      const abort = new AbortController();
      const destination = (): void => {
        meanwhile(abort);
      };
      await fetcher.failure({ destination, signal: abort.signal, ledger: fetcher.takenOver });
      expect((await fetcher.known()).entries).toEqual(entries);
      expect(await fetcher.run()).toMatchObject({ delivered: 1, skipped: [] });
    }
  });

  test("so that a message that kills each run is quarantined, and others are not", async () => {
    await using server = await serverWith(mails(2));
    const fetcher = new Fetcher(server, { policy: { tries: 2, ...AT_ONCE } });
    let left: readonly LedgerEntry[] = [];
    for (let run = 0; run < 2; run++) {
      await fetcher.remember({ lastRun: 1 }, left);
      // What the ledger says then is what a death in the middle of it leaves.
      const destination = async (message: FetchedMessage): Promise<void> => {
        if (subjectOf(message) === "1") left = (await fetcher.known()).entries;
      };
      await fetcher.run({ destination, ledger: fetcher.takenOver });
    }
    await fetcher.remember({ lastRun: 1 }, left);
    expect(await fetcher.run({ ledger: fetcher.takenOver })).toMatchObject({
      skipped: [{ number: 1, reason: "quarantined" }],
      failed: [],
    });
  });
});

describe("a failure that is not the fault of the message does not count", () => {
  const RUNS = 4;
  const policy: FetchPolicy = { tries: 2, ...AT_ONCE };

  test("a destination that throws `later`", async () => {
    await using server = await serverWith(mails(1));
    const fetcher = new Fetcher(server, { policy });
    const destination = (message: FetchedMessage): void => {
      if (subjectOf(message) === "1") throw new DestinationError("later", { later: true });
    };
    for (let run = 0; run < RUNS; run++) {
      server.maildrop("ann").add(mail(10 + run));
      expect(await fetcher.run({ destination })).toMatchObject({
        delivered: 1,
        failed: [{ tries: run + 1 }],
      });
    }
    const [failed] = (await fetcher.known()).entries.filter(({ id }) => id === "uid-1");
    expect(failed).toMatchObject({ status: "failed", failures: RUNS, tries: 0 });
    expect(await fetcher.run()).toMatchObject({ delivered: 1 });
  });

  test("a network that fails", async () => {
    await using server = await serverWith(mails(1));
    const fetcher = new Fetcher(server, { policy });
    for (let run = 0; run < RUNS; run++) {
      server.fault({ on: "RETR", reset: 10 });
      await fetcher.failure();
    }
    expect((await fetcher.known()).entries).toMatchObject([{ status: "failed", failures: RUNS, tries: 0 }]);
    expect(await fetcher.run()).toMatchObject({ delivered: 1 });
  });

  test("a server that reports a temporary error", async () => {
    await using server = await serverWith(mails(1));
    const fetcher = new Fetcher(server, { policy });
    for (let run = 0; run < RUNS; run++) {
      server.fault({ on: "RETR", reply: "-ERR [SYS/TEMP] the store is away\r\n" });
      expect(await fetcher.run()).toMatchObject({ failed: [{ error: { temporary: true } }] });
    }
    expect((await fetcher.known()).entries).toMatchObject([{ status: "failed", failures: RUNS, tries: 0 }]);
    expect(await fetcher.run()).toMatchObject({ delivered: 1 });
  });
});

test("the pauses grow with each failure, whatever its cause", async () => {
  await using server = await serverWith(mails(1));
  const fetcher = new Fetcher(server, { policy: { retry: { first: 60_000, longest: 200_000 } } });
  vi.useFakeTimers({ toFake: ["Date"], now: 1_000_000_000_000 });
  const pauses: number[] = [];
  for (let run = 0; run < 4; run++) {
    server.fault({ on: "RETR", reset: 10 });
    await fetcher.failure();
    const [entry] = (await fetcher.known()).entries;
    const pause = (entry?.retryAt as number) - Date.now();
    expect(await fetcher.run()).toMatchObject({ delivered: 0, skipped: [{ retryAt: entry?.retryAt }] });
    vi.setSystemTime(Date.now() + pause);
    pauses.push(pause);
  }
  expect(pauses).toEqual([60_000, 120_000, 200_000, 200_000]);
});

test("without a pause, a message that always fails is tried once per run and does not block others", async () => {
  await using server = await serverWith(mails(4));
  const fetcher = new Fetcher(server, { policy: { ...AT_ONCE, commitEvery: 1 } });
  const tried: string[] = [];
  const destination = (message: FetchedMessage): void => {
    tried.push(subjectOf(message));
    // Ends a run that would not.
    if (tried.length > 50) throw new DestinationError("enough", { down: true });
    throw new Error("none of them");
  };
  expect(await fetcher.run({ destination })).toMatchObject({ delivered: 0, left: 0 });
  expect(tried).toEqual(["1", "2", "3", "4"]);
});
