// The time limits of connections, which connections with the same timeouts share.
import { expect, test } from "vitest";
import { deadlinesOf } from "../../src/net/deadlines.ts";

const TIMEOUTS = { greeting: 1, command: 2, body: 3, total: 4, quit: 5, drain: 6 };

test("connections with the same timeouts share their limits", () => {
  expect(deadlinesOf({ ...TIMEOUTS }, 100)).toBe(deadlinesOf({ ...TIMEOUTS, quit: 50 }, 100));
});

test.each([
  ["greeting", (limits: ReturnType<typeof deadlinesOf>) => limits.greeting.total],
  ["command", (limits: ReturnType<typeof deadlinesOf>) => limits.reply.total],
  ["body", (limits: ReturnType<typeof deadlinesOf>) => limits.block.idle],
  ["total", (limits: ReturnType<typeof deadlinesOf>) => limits.response.time],
  ["drain", (limits: ReturnType<typeof deadlinesOf>) => limits.drain.total],
] as const)("another timeouts.%s is another limit", (name, read) => {
  const before = deadlinesOf(TIMEOUTS, 100);
  expect(read(deadlinesOf({ ...TIMEOUTS, [name]: 77 }, 100))).toBe(77);
  expect(read(before)).toBe(TIMEOUTS[name]);
});

test("another lowest rate is another limit", () => {
  deadlinesOf(TIMEOUTS, 100);
  expect(deadlinesOf(TIMEOUTS, 200).block.rate).toBe(200);
});
