// Time limits of a message and of a run: both end in time, and no call waits for ever. The clock is fake.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Pop3Server } from "popwright/testing";
import type { Destination, FetchPolicy } from "../../src/fetch/index.ts";
import { turns, until } from "../support/turns.ts";
import { Fetcher } from "./fetcher.ts";
import { mail, mails, said, serverWith } from "../support/mail.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => void vi.useRealTimers());

/** Milliseconds. */
const TIME = 10_000;
const SLOW: FetchPolicy = { limits: { messageSeconds: TIME / 1000 } };
/** More than is taken as one Buffer. */
const LARGE = mail(0, `${"x".repeat(70)}\r\n`.repeat(5000));

const retrs = (server: Pop3Server): number =>
  said(server).filter((line) => /^(?:RETR|TOP)/.test(line)).length;

/** Lets the time of a message pass once the server has been asked for `count` messages. */
async function passAfter(server: Pop3Server, count: number, time = TIME): Promise<void> {
  await until(() => retrs(server) >= count);
  await turns();
  vi.advanceTimersByTime(time + 1);
}

describe("a message that takes longer than limits.messageSeconds", () => {
  test.each([true, false])(
    "fails, and the others are delivered in the same run; pipelining %s",
    async (pipelining) => {
      await using server = await serverWith(mails(3), { pipelining, faults: [{ on: "RETR", stall: 10 }] });
      const fetcher = new Fetcher(server, { policy: { ...SLOW, delete: "delivered" } });
      const run = fetcher.run();
      await passAfter(server, 1);
      const report = await run;
      expect(report).toMatchObject({ outcome: "done", delivered: 2, deleted: 2, left: 0 });
      expect(report.failed).toMatchObject([
        {
          ...{ number: 1, uid: "uid-1", tries: 1 },
          error: {
            ...{ name: "Pop3ConnectionError", code: "POP3_TOTAL_TIMEOUT", command: "RETR 1" },
            message: "the message took longer than 10 seconds (policy.limits.messageSeconds)",
          },
        },
      ]);
      expect(report.failed[0]?.retryAt).toBeGreaterThan(Date.now());
      expect(fetcher.inbox.texts).toEqual(mails(3).slice(1));
      expect(server.connections).toBe(2);
      const { entries } = await fetcher.known();
      expect(entries.find(({ id }) => id === "uid-1")).toMatchObject({
        ...{ status: "failed", tries: 1, failures: 1 },
        reason: "the message took longer than 10 seconds (policy.limits.messageSeconds)",
      });
      expect(fetcher.events.filter(({ type }) => type === "message-failed")).toHaveLength(1);
    },
  );

  test("comes last from then on, and is quarantined after policy.tries failures", async () => {
    await using server = await serverWith(mails(2), {
      pipelining: false,
      faults: [1, 3, 4].map((nth) => ({ on: "RETR", nth, stall: 10 })),
    });
    const policy = { ...SLOW, tries: 3, retry: { first: 0, longest: 0 } };
    const fetcher = new Fetcher(server, { policy });
    for (const [run, retr] of [1, 3, 4].entries()) {
      const running = fetcher.run();
      await passAfter(server, retr);
      expect(await running).toMatchObject({
        ...{ delivered: run === 0 ? 1 : 0, failed: [{ number: 1, tries: run + 1 }] },
      });
    }
    expect(await fetcher.run()).toMatchObject({ skipped: [{ number: 1, reason: "quarantined" }] });
    expect(said(server).filter((line) => line !== "QUIT")).toEqual(["RETR 1", "RETR 2", "RETR 1", "RETR 1"]);
  });

  test("leaves no part at the destination, and is complete in the next run: a stream", async () => {
    await using server = await serverWith([LARGE, mail(1)], {
      faults: [{ on: "RETR", stall: 200_000 }],
    });
    let aborted = 0;
    const whole: string[] = [];
    const destination: Destination = {
      begin() {
        let text = "";
        return Promise.resolve({
          write: (octets) => void (text += octets.toString("latin1")),
          commit: () => Promise.resolve(whole.push(text)).then(() => "new"),
          abort: () => {
            aborted++;
            return Promise.resolve();
          },
        });
      },
    };
    const fetcher = new Fetcher(server, { destination, policy: { ...SLOW, retry: { first: 0 } } });
    const run = fetcher.run();
    await passAfter(server, 1);
    expect(await run).toMatchObject({ delivered: 1, failed: [{ number: 1 }] });
    expect(aborted).toBe(1);
    expect(await fetcher.run()).toMatchObject({ delivered: 1, failed: [] });
    expect(whole).toEqual([mail(1), LARGE]);
  });

  test("does not include the time of the destination", async () => {
    await using server = await serverWith([LARGE, ...mails(2)]);
    const fetcher = new Fetcher(server, { policy: SLOW });
    const destination: Destination = {
      begin: () =>
        Promise.resolve({
          write: async () => {
            await turns(2);
            vi.advanceTimersByTime(TIME / 4);
          },
          commit: () => {
            vi.advanceTimersByTime(2 * TIME);
            return Promise.resolve("new");
          },
          abort: () => Promise.resolve(),
        }),
    };
    expect(await fetcher.run({ destination })).toMatchObject({ delivered: 3, failed: [] });
  });

  test("ends the run if it is the third in a row, because the server is at fault", async () => {
    await using server = await serverWith(mails(5), {
      pipelining: false,
      faults: [{ on: "RETR", nth: "every", stall: 10 }],
    });
    const fetcher = new Fetcher(server, { policy: SLOW });
    const run = fetcher.failure();
    for (let retr = 1; retr <= 3; retr++) await passAfter(server, retr);
    expect(await run).toMatchObject({
      ...{ code: "POP3_TOTAL_TIMEOUT", temporary: true },
      report: { delivered: 0, failed: [{ number: 1 }, { number: 2 }, { number: 3 }] },
    });
    expect(server.connections).toBe(3);
  });

  test("does not end the run if others are delivered in between", async () => {
    await using server = await serverWith(mails(8), {
      pipelining: false,
      faults: [1, 3, 5, 7].map((nth) => ({ on: "RETR", nth, stall: 10 })),
    });
    const fetcher = new Fetcher(server, { policy: SLOW });
    const run = fetcher.run();
    for (const retr of [1, 3, 5, 7]) await passAfter(server, retr);
    expect(await run).toMatchObject({ outcome: "done", delivered: 4, left: 0 });
    expect(fetcher.inbox.texts).toEqual([2, 4, 6, 8].map((number) => mail(number)));
  });

  test("is not said of a message that has come, if only the next reply is missing", async () => {
    await using server = await serverWith(mails(3), {
      faults: [2, 4].map((nth) => ({ on: "RETR", nth, stall: 0 })),
    });
    const fetcher = new Fetcher(server, { policy: SLOW });
    const run = fetcher.run();
    await passAfter(server, 2);
    // The run continues with one command at a time, and finds the message that is to blame.
    await passAfter(server, 4);
    expect(await run).toMatchObject({
      outcome: "done",
      delivered: 2,
      left: 0,
      failed: [{ number: 2, tries: 1 }],
    });
    expect(fetcher.inbox.texts).toEqual([mail(1), mail(3)]);
    expect(server.connections).toBe(3);
  });

  test("does not block the others if messages have no unique-id", async () => {
    const policy: FetchPolicy = { ...SLOW, noUidl: "content", firstRun: { newest: 1 } };
    await using server = await serverWith(mails(3), {
      ...{ uidl: false, pipelining: false },
      faults: [1, 4].map((nth) => ({ on: "RETR", nth, stall: 10 })),
    });
    const fetcher = new Fetcher(server, { policy });
    for (const retr of [1, 4]) {
      const run = fetcher.run();
      await passAfter(server, retr);
      expect(await run).toMatchObject({ outcome: "done", failed: [{ number: 1, uid: undefined }] });
    }
    // The first one was there before the first run, though it was never seen.
    expect(await fetcher.run()).toMatchObject({ delivered: 0, known: 3, failed: [] });
    expect(fetcher.inbox.texts).toEqual([mail(3)]);
  });

  test("fails if only its headers are retrieved, too", async () => {
    await using server = await serverWith([LARGE, mail(1)], { faults: [{ on: "TOP", stall: 10 }] });
    const fetcher = new Fetcher(server, { policy: { ...SLOW, maxSize: 1000, tooLarge: "headers" } });
    const run = fetcher.run();
    await passAfter(server, 2);
    expect(await run).toMatchObject({ delivered: 1, failed: [{ number: 1 }] });
  });
});

describe("a run that reaches limits.seconds", () => {
  const policy: FetchPolicy = { limits: { seconds: 50 }, delete: "delivered", tries: 1 };
  /** Shorter than the time of silence. */
  const REST = 25_000;

  test.each([
    ["a Buffer", mail(9)],
    ["a stream", LARGE],
  ])("ends the message in progress, which is not to blame: %s", async (_name, second) => {
    // Its reply has begun: until then the message before it does not count.
    await using server = await serverWith([mail(1), second, mail(3)], {
      faults: [{ on: "RETR", nth: 2, stall: 40 }],
    });
    const fetcher = new Fetcher(server, { policy });
    const destination = (message: Parameters<typeof fetcher.inbox.deliver>[0]): void => {
      fetcher.inbox.deliver(message);
      vi.advanceTimersByTime(REST);
    };
    const run = fetcher.run({ destination });
    await until(() => fetcher.inbox.messages.length === 1);
    await passAfter(server, 2, REST);
    expect(await run).toMatchObject({
      ...{ outcome: "stopped", delivered: 1, deleted: 1, left: 2, failed: [], committed: true },
    });
    // What was delivered is deleted in a session of its own: some servers hide what was asked for.
    expect(server.connections).toBe(2);
    expect((await fetcher.known()).entries).toMatchObject([{ id: "uid-1", status: "deleted" }]);
    expect(await fetcher.run()).toMatchObject({ outcome: "done", delivered: 2, deleted: 2, failed: [] });
    expect(fetcher.inbox.texts).toEqual([mail(1), second, mail(3)]);
  });

  test("lets the destination finish a message that was received", async () => {
    await using server = await serverWith(mails(4));
    const fetcher = new Fetcher(server, { policy });
    const destination = async (message: Parameters<typeof fetcher.inbox.deliver>[0]): Promise<void> => {
      vi.advanceTimersByTime(50_001);
      await turns();
      fetcher.inbox.deliver(message);
    };
    expect(await fetcher.run({ destination })).toMatchObject({
      ...{ outcome: "stopped", delivered: 1, deleted: 1, left: 3, failed: [] },
    });
    expect(said(server).filter((line) => !line.startsWith("RETR"))).toEqual(["DELE 1", "QUIT"]);
    expect(server.connections).toBe(2);
  });

  test("stops during the check for changed unique-ids", async () => {
    await using server = await serverWith(mails(3), { faults: [{ on: "TOP", stall: 10 }] });
    const fetcher = new Fetcher(server, { policy });
    const entry = { status: "delivered", firstSeen: 1, headers: "abc" } as const;
    await fetcher.remember(
      { lastRun: 1 },
      ["a", "b", "c"].map((id) => ({ id, ...entry })),
    );
    const run = fetcher.run({ policy: { ...policy, uidsChanged: "match", limits: { seconds: 25 } } });
    await passAfter(server, 1, REST);
    expect(await run).toMatchObject({ outcome: "stopped", delivered: 0, deleted: 0, failed: [] });
  });

  test("still obeys the caller's signal", async () => {
    await using server = await serverWith(mails(2), { faults: [{ on: "RETR", stall: 10 }] });
    const fetcher = new Fetcher(server, { policy });
    const abort = new AbortController();
    const run = fetcher.failure({ signal: abort.signal });
    await until(() => retrs(server) > 0);
    abort.abort(new Error("enough"));
    expect(await run).toMatchObject({ code: "POP3_ABORTED" });
    expect((await fetcher.known()).entries).toEqual([]);
  });
});

test("timeouts.total of the account ends a listing that never ends", async () => {
  await using server = await serverWith(mails(1), { faults: [{ on: "LIST", stall: 8 }] });
  const fetcher = new Fetcher(server, { account: { timeouts: { total: 5000 } } });
  const run = fetcher.failure();
  await until(() => server.transcript.lines.includes("C: LIST"));
  await turns();
  vi.advanceTimersByTime(5001);
  expect(await run).toMatchObject({ code: "POP3_TOTAL_TIMEOUT", temporary: true });
});

test.each([0, -1, NaN, "1x"])("limits.messageSeconds must not be %s", async (messageSeconds) => {
  await using server = await serverWith([]);
  const limits = { messageSeconds: messageSeconds as number };
  await expect(new Fetcher(server).run({ policy: { limits } })).rejects.toMatchObject({
    code: "POP3_CONFIG",
  });
});
