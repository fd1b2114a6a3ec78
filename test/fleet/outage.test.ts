// A worker pauses when something fails that all mailboxes need, tries with one of them, and goes on when one succeeds.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Outage } from "../../src/bullmq/outage.ts";

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function worker(): { concurrency: number; pause: () => Promise<void>; resume: () => void; is: string } {
  return {
    concurrency: 50,
    is: "running",
    pause() {
      this.is = "paused";
      return Promise.resolve();
    },
    resume() {
      this.is = "running";
    },
  };
}

test("a worker pauses once for all that fails together, and then polls one mailbox at a time", () => {
  const paused = worker();
  const outage = new Outage(paused);
  for (let at = 0; at < 50; at++) outage.failed("ledger", "POP3_LEDGER");
  expect(outage.pause).toEqual({ scope: "ledger", code: "POP3_LEDGER", until: Date.now() + 1000 });
  vi.advanceTimersByTime(999);
  expect(paused.is).toBe("paused");
  vi.advanceTimersByTime(1);
  expect([paused.is, paused.concurrency, outage.pause]).toEqual(["running", 1, undefined]);
  outage.succeeded(false);
  expect(paused.concurrency).toBe(50);
});

test("each pause is twice as long, up to a minute, until mail is delivered again", () => {
  const outage = new Outage(worker());
  const pauses: number[] = [];
  for (let at = 0; at < 9; at++) {
    outage.failed("destination", "POP3_DESTINATION");
    pauses.push((outage.pause?.until ?? 0) - Date.now());
    vi.runOnlyPendingTimers();
  }
  expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  outage.succeeded(true);
  outage.failed("caller", undefined);
  expect(outage.pause).toEqual({ scope: "caller", until: Date.now() + 1000 });
});

test("what ends while the worker pauses changes nothing, and after close() nothing happens", () => {
  const paused = worker();
  const outage = new Outage(paused);
  outage.failed("ledger", "POP3_LEDGER");
  outage.succeeded(true);
  expect(paused.is).toBe("paused");
  outage.close();
  vi.runOnlyPendingTimers();
  expect(paused.is).toBe("paused");
});
