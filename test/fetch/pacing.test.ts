// When the next session is due, and how NOOP keeps the current session alive.
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  DestinationError,
  type Delivery,
  type Destination,
  type FetchEvent,
  type FetchPolicy,
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
