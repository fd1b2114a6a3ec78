// When the next session is due, and how NOOP keeps the current session alive.
import type { LookupFunction } from "node:net";
import type { Fault } from "popwright/testing";
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  DestinationError,
  type Delivery,
  type Destination,
  type FetchEvent,
  type FetchPolicy,
  type PollPauses,
} from "../../src/fetch/index.ts";
import { turns, until } from "../support/turns.ts";
import { Fetcher } from "./fetcher.ts";
import { mails, said, serverWith } from "../support/mail.ts";

const NOW = 1_000_000_000_000;

/** The clock on the wall stands still. */
function stopClock(): void {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
}

afterEach(() => void vi.useRealTimers());

test("LOGIN-DELAY is obeyed after a failure, too", async () => {
  await using server = await serverWith(mails(1), { loginDelay: 600 });
  const fetcher = new Fetcher(server);
  stopClock();
  const destination = (): void => {
    throw new DestinationError("closed today", { down: true });
  };
  const { report } = await fetcher.failure({ destination, policy: { poll: { shortest: 0, longest: 1 } } });
  const { notBefore = 0, notBeforeSaid } = (await fetcher.known()).state;
  for (const time of [report.nextPollAt, notBefore]) expect(time - NOW).toBeGreaterThan(500_000);
  expect(notBeforeSaid).toBe(NOW);
  expect(await fetcher.run()).toMatchObject({ outcome: "deferred", nextPollAt: notBefore });
  expect(server.connections).toBe(1);
});

test.each([0, 0.5, 1])(
  "a mailbox that is in use is polled again after the shortest pause at the earliest (chance: %s)",
  async (chance) => {
    const faults = [{ on: "AUTH", nth: "every" as const, reply: "-ERR [IN-USE] locked\r\n" }];
    await using server = await serverWith(mails(1), { faults });
    const fetcher = new Fetcher(server, { policy: { poll: { shortest: 90_000 } } });
    stopClock();
    vi.spyOn(Math, "random").mockReturnValue(chance);
    const { temporary, report, retryAfterMs } = await fetcher.failure();
    expect(temporary).toBe(true);
    expect(report.nextPollAt - NOW).toBeGreaterThanOrEqual(90_000);
    expect(retryAfterMs).toBe(report.nextPollAt - NOW);
    expect(await fetcher.run()).toMatchObject({ outcome: "deferred", nextPollAt: report.nextPollAt });
  },
);

test("a server that is down is polled less often, and its mailboxes may still be polled early", async () => {
  const faults = [{ on: "greeting", nth: "every" as const, reset: 0 }];
  await using server = await serverWith(mails(1), { faults });
  const fetcher = new Fetcher(server, { policy: { poll: { shortest: 60_000, longest: 300_000 } } });
  stopClock();
  vi.spyOn(Math, "random").mockReturnValue(1);
  const pauses: number[] = [];
  for (let run = 0; run < 4; run++) pauses.push((await fetcher.failure()).report.nextPollAt - NOW);
  expect(pauses).toEqual([60_000, 120_000, 240_000, 300_000]);
  expect(server.connections).toBe(4);
});

test.each<[string, FetchPolicy]>([
  ["one session", { delete: "delivered" }],
  ["a session per message", { delete: "delivered", commitEvery: 1 }],
])("sessions that are lost after UIDL do not repeat for ever (%s)", async (_name, policy) => {
  await using server = await serverWith(mails(3));
  const fetcher = new Fetcher(server);
  await fetcher.run();
  server.fault({ on: "UIDL", nth: "every", close: Infinity });
  const before = server.connections;
  // By then the client has seen the end, too.
  const onEvent = async ({ type }: FetchEvent): Promise<void> => {
    if (type !== "listed") return;
    // Ends a run that would not.
    if (server.connections - before > 9) throw new Error("enough");
    await server.idle();
    await turns();
  };
  await expect(fetcher.run({ policy, onEvent })).rejects.toMatchObject({
    ...{ code: "POP3_CLOSED", temporary: true },
    report: { deleted: 0 },
  });
  expect(server.connections - before).toBeLessThanOrEqual(2);
  expect(server.maildrop("ann").messages).toHaveLength(3);
});

/** Random numbers from a seed, the same in every run (a linear congruential generator). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

/** Runs without mail, `times` in a row. Returns the pauses after them, in milliseconds. */
async function pauses(fetcher: Fetcher, times: number): Promise<number[]> {
  const found: number[] = [];
  for (let run = 0; run < times; run++)
    found.push((await fetcher.run({ force: true })).nextPollAt - Date.now());
  return found;
}

describe("the pause between two polls is spread", () => {
  const poll = { shortest: 100_000, longest: 400_000 };

  test("by a tenth, but not beyond the shortest and the longest", async () => {
    await using server = await serverWith([]);
    stopClock();
    vi.spyOn(Math, "random").mockImplementation(seeded(7));
    const found: number[][] = [[], [], []];
    for (let round = 0; round < 30; round++) {
      const three = await pauses(new Fetcher(server, { policy: { poll } }), 3);
      for (const [run, pause] of three.entries()) found[run]?.push(pause);
    }
    // Doubled after each run without mail: 200, 400 and 400 seconds.
    for (const [index, [least, most]] of [
      [180_000, 220_000],
      [360_000, 400_000],
      [360_000, 400_000],
    ].entries()) {
      const each = found[index] ?? [];
      const tenth = ((most as number) - (least as number)) / 10;
      expect(Math.min(...each)).toBeGreaterThanOrEqual(least as number);
      expect(Math.max(...each)).toBeLessThanOrEqual(most as number);
      // Evenly: both ends are used.
      expect(Math.min(...each)).toBeLessThan((least as number) + tenth);
      expect(Math.max(...each)).toBeGreaterThan((most as number) - tenth);
    }
  });

  test.each([
    ["no jitter", { ...poll, jitter: 0 }, [200_000, 400_000, 400_000]],
    ["a fixed interval", { shortest: 90_000, longest: 90_000 }, [90_000, 90_000, 90_000]],
    ["every", { every: "90 s" } as const, [90_000, 90_000, 90_000]],
    ["all of it", { ...poll, jitter: 1 }, [400_000, 400_000, 400_000]],
  ])("not at all, or as the policy says: %s", async (_name, pollPauses, expected) => {
    await using server = await serverWith([]);
    stopClock();
    vi.spyOn(Math, "random").mockReturnValue(1);
    expect(await pauses(new Fetcher(server, { policy: { poll: pollPauses } }), 3)).toEqual(expected);
  });

  test("never below the LOGIN-DELAY of the server", async () => {
    await using server = await serverWith([], { loginDelay: 600 });
    const fetcher = new Fetcher(server, { policy: { poll: { shortest: 1000, longest: 600_000 } } });
    stopClock();
    vi.spyOn(Math, "random").mockReturnValue(0);
    const [pause = 0] = await pauses(fetcher, 1);
    expect(pause).toBeGreaterThan(500_000);
    const { notBefore = 0 } = (await fetcher.known()).state;
    expect(pause).toBe(notBefore - NOW);
  });

  test.each([0, 1])("also after a failure that is not temporary (chance: %s)", async (chance) => {
    await using server = await serverWith([]);
    const account = { auth: { user: "ann", pass: "wrong" } };
    const fetcher = new Fetcher(server, { account, policy: { poll } });
    stopClock();
    vi.spyOn(Math, "random").mockReturnValue(chance);
    const { temporary, report } = await fetcher.failure();
    expect([temporary, report.nextPollAt - NOW]).toEqual([false, chance === 0 ? 360_000 : 400_000]);
  });

  test("after a failure, the pause grows up to an hour, even if every is shorter", async () => {
    const policy: FetchPolicy = { poll: { every: "30 s" } };
    await using gone = await serverWith([], { faults: [{ on: "greeting", nth: "every", reset: 0 }] });
    await using server = await serverWith([]);
    const unreachable = new Fetcher(gone, { policy });
    const refused = new Fetcher(server, { policy, account: { auth: { user: "ann", pass: "wrong" } } });
    await unreachable.remember({ failures: 9 });
    stopClock();
    vi.spyOn(Math, "random").mockReturnValue(1);
    for (const fetcher of [unreachable, refused])
      expect((await fetcher.failure()).report.nextPollAt - NOW).toBe(3_600_000);
  });

  test("not if the pause is endless", async () => {
    await using server = await serverWith([]);
    const account = { auth: { user: "ann", pass: "wrong" } };
    const fetcher = new Fetcher(server, { account, policy: { poll: { longest: Infinity } } });
    expect((await fetcher.failure()).report.nextPollAt).toBe(Infinity);
  });

  test.each([0, 2000])("a pause of 0 is one after %i failures, too", async (failures) => {
    await using server = await serverWith([], { faults: [{ on: "greeting", nth: "every", reset: 0 }] });
    const fetcher = new Fetcher(server, { policy: { poll: { shortest: 0 } } });
    await fetcher.remember({ failures });
    stopClock();
    vi.spyOn(Math, "random").mockReturnValue(0);
    expect((await fetcher.failure()).report.nextPollAt).toBe(NOW);
  });

  test("jitter is a part of the pause", async () => {
    await using server = await serverWith([]);
    const run = new Fetcher(server).run({ policy: { poll: { jitter: 10 } } });
    await expect(run).rejects.toMatchObject({
      code: "POP3_CONFIG",
      message: "policy.poll.jitter must be a number from 0 to 1, as a part of the pause (got 10)",
    });
  });
});

describe("the login rate of a known provider", () => {
  const MINUTE = 60_000;
  const lookup: LookupFunction = (_host, options, found) => {
    if (options.all === true) found(null, [{ address: "127.0.0.1", family: 4 }]);
    else found(null, "127.0.0.1", 4);
  };
  const at = (host: string) => ({ account: { host, lookup } });

  test.each<[string, Partial<PollPauses>, number]>([
    ["pop.gmail.com", {}, 10],
    ["outlook.office365.com", { jitter: 0.5 }, 15],
    ["pop3.web.de", {}, 15],
    ["ssl0.ovh.net", {}, 1],
    ["pop.example.com", {}, 1],
    ["pop.gmail.com", { shortest: 2 * MINUTE }, 2],
    ["pop.gmail.com", { longest: 5 * MINUTE }, 5],
  ])("%s with %o: the shortest pause is %i minutes", async (host, poll, minutes) => {
    await using server = await serverWith(mails(1));
    const fetcher = new Fetcher(server, { ...at(host), policy: { poll } });
    stopClock();
    vi.spyOn(Math, "random").mockReturnValue(0);
    // After a run with mail the pause is the shortest one.
    expect((await fetcher.run()).nextPollAt - NOW).toBe(minutes * MINUTE);
  });

  test.each<[string, Fault, number]>([
    ["refuses for now", { on: "AUTH", nth: "every", reply: "-ERR [SYS/TEMP] later\r\n" }, 10],
    ["loses the session", { on: "UIDL", nth: "every", close: 0 }, 10],
    ["cannot be reached", { on: "greeting", nth: "every", reset: 0 }, 0],
  ])("it counts after a failure, too, if there was a login: the server %s", async (_name, fault, minutes) => {
    await using server = await serverWith(mails(1), { faults: [fault] });
    const fetcher = new Fetcher(server, at("pop.gmail.com"));
    vi.useFakeTimers({ toFake: ["Date", "performance"], now: NOW });
    vi.spyOn(Math, "random").mockReturnValue(0);
    const { temporary, report } = await fetcher.failure();
    expect([temporary, report.nextPollAt - NOW]).toEqual([true, minutes * MINUTE]);
  });

  test("a login that would be refused is not tried: not in the run, and not after it", async () => {
    await using server = await serverWith(mails(3));
    const fetcher = new Fetcher(server, at("pop3.web.de"));
    vi.useFakeTimers({ toFake: ["Date", "performance"], now: NOW });
    const policy = { commitEvery: 1 };
    expect(await fetcher.run({ policy })).toMatchObject({ outcome: "stopped", delivered: 1 });
    expect(await fetcher.run({ policy })).toMatchObject({
      outcome: "deferred",
      nextPollAt: NOW + 15 * MINUTE,
    });
    expect(server.connections).toBe(1);
    vi.setSystemTime(NOW + 15 * MINUTE);
    expect(await fetcher.run({ policy })).toMatchObject({ outcome: "stopped", delivered: 1 });
  });
});

describe("a small message, and a destination that takes longer than servers wait", () => {
  test.each(["begin", "write", "commit"] as const)("in %s()", async (slow) => {
    await using server = await serverWith(mails(1));
    const fetcher = new Fetcher(server);
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const noops = (): number => said(server).filter((line) => line === "NOOP").length;
    const wait = async (at: string): Promise<void> => {
      if (at !== slow) return;
      await until(() => vi.getTimerCount() > 0);
      for (let count = 1; count <= 2; count++) {
        vi.advanceTimersByTime(10_000);
        await until(() => noops() === count);
        // The reply is heard before the next is due.
        await turns();
      }
    };
    const destination: Destination = {
      async begin(_delivery: Delivery) {
        await wait("begin");
        return {
          write: () => wait("write"),
          async commit() {
            await wait("commit");
            return "new";
          },
          abort: () => Promise.resolve(),
        };
      },
    };
    expect(await fetcher.run({ destination })).toMatchObject({ delivered: 1 });
    expect(said(server)).toEqual(["RETR 1", "NOOP", "NOOP", "QUIT"]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
