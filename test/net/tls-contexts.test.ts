// Secure contexts that connections share: few are kept, and none for long.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { sharedContext } from "../../src/net/tls-contexts.ts";

const MINUTE = 60_000; // milliseconds

beforeEach(() => void vi.useFakeTimers());

afterEach(() => void vi.useRealTimers());

test("options with the same fingerprint share a context, as long as it is used once an hour", () => {
  const context = sharedContext("an hour", {});
  for (let hour = 0; hour < 5; hour++) {
    vi.advanceTimersByTime(59 * MINUTE);
    expect(sharedContext("an hour", {})).toBe(context);
  }
  // It may hold a private key.
  vi.advanceTimersByTime(61 * MINUTE);
  expect(sharedContext("an hour", {})).not.toBe(context);
});

test("64 contexts are kept: those that were used last", () => {
  const [first, second] = [sharedContext("first", {}), sharedContext("second", {})];
  for (let more = 0; more < 62; more++) sharedContext(`${more}`, {});
  expect(sharedContext("first", {})).toBe(first);
  sharedContext("one more", {});
  expect(sharedContext("first", {})).toBe(first);
  expect(sharedContext("second", {})).not.toBe(second);
});

test("options that Node rejects are rejected each time", () => {
  for (let time = 0; time < 2; time++)
    expect(() => sharedContext("wrong", { cert: "not a certificate" })).toThrow(/PEM/);
});
