// The pauses between polls and between tries: what the caller sets, what is known of the provider, and what moves what.
import { describe, expect, test } from "vitest";
import { pausesOf, retryOf, type FixedPoll, type PollPauses } from "../../../src/fetch/plan/pauses.ts";
import type { LoginRate } from "../../../src/protocol/login-rates.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const provider = (poll: number, login?: number): LoginRate => ({
  name: "a provider",
  hosts: ["pop.example.com"],
  poll,
  ...(login === undefined ? {} : { login }),
});

describe("the pauses between polls", () => {
  test("are from a minute to an hour, spread by a tenth", () => {
    const poll = { shortest: MINUTE, longest: HOUR, jitter: 0.1 };
    for (const given of [undefined, {}])
      expect(pausesOf(given, undefined)).toEqual({ poll, rate: { poll: 0, login: 0 } });
  });

  test("every: always the same pause, without jitter, and up to an hour after a failure", () => {
    for (const every of [30_000, "30 s"] as const)
      expect(pausesOf({ every }, undefined)).toEqual({
        poll: { shortest: 30_000, longest: 30_000, jitter: 0, afterFailure: HOUR },
        rate: { poll: 0, login: 0 },
      });
    expect(pausesOf({ every: 2 * HOUR }, undefined).poll.afterFailure).toBe(2 * HOUR);
  });

  test.each<[Partial<PollPauses>, shortest: number, longest: number]>([
    [{ shortest: "2 h" }, 2 * HOUR, 2 * HOUR],
    [{ longest: "30 s" }, 30_000, 30_000],
    [{ shortest: MINUTE, longest: MINUTE }, MINUTE, MINUTE],
    [{ shortest: 1 }, 1, HOUR],
    [{ longest: 2 * HOUR }, MINUTE, 2 * HOUR],
    [{ shortest: 0, longest: 0 }, 0, 0],
  ])("%j: one of the two moves the default of the other", (given, shortest, longest) => {
    expect(pausesOf(given, undefined).poll).toEqual({ shortest, longest, jitter: 0.1 });
  });

  test.each([0, 0.5, 1])("may be spread by %s", (jitter) => {
    expect(pausesOf({ jitter }, undefined).poll).toEqual({ shortest: MINUTE, longest: HOUR, jitter });
  });

  test.each<[unknown, string]>([
    [7, "policy.poll must be an object (got 7)"],
    [{ evry: 5 }, "unknown option policy.poll.evry: did you mean policy.poll.every?"],
    [{ after: 5 }, "unknown option policy.poll.after: the options are every, shortest, longest, jitter"],
    [{ jitter: 1.1 }, "policy.poll.jitter must be a number from 0 to 1, as a part of the pause (got 1.1)"],
    [{ jitter: -0.1 }, "policy.poll.jitter must be a number >= 0 (got -0.1)"],
    [{ every: 0 }, "policy.poll.every must be greater than 0 (got 0)"],
    [
      { every: "soon" },
      'policy.poll.every must be a number of milliseconds >= 0, or a text such as "500 ms" or "30 s" (got a string)',
    ],
    ...(["shortest", "longest", "jitter"] as const).map(
      (other) =>
        [
          { every: 5, [other]: 0 },
          `policy.poll.every cannot be combined with policy.poll.${other}: it is the shortest and the longest pause, without jitter`,
        ] as [object, string],
    ),
    [
      { shortest: 2, longest: "1 ms" },
      'policy.poll.shortest must not be greater than policy.poll.longest (got 2, with policy.poll.longest "1 ms")',
    ],
  ])("%j is refused", (given, message) => {
    expect(() => pausesOf(given as FixedPoll, undefined)).toThrow(
      expect.objectContaining({ code: "POP3_CONFIG", message }) as Error,
    );
  });

  test("an option that is undefined is not there", () => {
    expect(pausesOf({ every: 5, jitter: undefined } as object, undefined).poll.longest).toBe(5);
    expect(pausesOf({ every: undefined, shortest: 5 } as object, undefined).poll.shortest).toBe(5);
  });
});

describe("what is known of a provider", () => {
  test("is the shortest pause, unless the caller sets one", () => {
    expect(pausesOf(undefined, provider(15 * MINUTE))).toEqual({
      poll: { shortest: 15 * MINUTE, longest: HOUR, jitter: 0.1 },
      rate: { poll: 15 * MINUTE, login: 0 },
    });
    expect(pausesOf({ longest: 5 * MINUTE }, provider(15 * MINUTE))).toEqual({
      poll: { shortest: 5 * MINUTE, longest: 5 * MINUTE, jitter: 0.1 },
      rate: { poll: 5 * MINUTE, login: 0 },
    });
    expect(pausesOf({ shortest: MINUTE }, provider(15 * MINUTE))).toEqual({
      poll: { shortest: MINUTE, longest: HOUR, jitter: 0.1 },
      rate: { poll: 0, login: 0 },
    });
    expect(pausesOf({ every: MINUTE }, provider(15 * MINUTE))).toEqual({
      poll: { shortest: MINUTE, longest: MINUTE, jitter: 0, afterFailure: HOUR },
      rate: { poll: 0, login: 0 },
    });
  });

  test("is the least pause between two logins, but not longer than that between two polls", () => {
    const web = provider(15 * MINUTE, 10 * MINUTE);
    expect(pausesOf(undefined, web).rate).toEqual({ poll: 15 * MINUTE, login: 10 * MINUTE });
    expect(pausesOf({ shortest: MINUTE }, web).rate).toEqual({ poll: 0, login: MINUTE });
    expect(pausesOf({ every: MINUTE }, web).rate).toEqual({ poll: 0, login: MINUTE });
    expect(pausesOf({ every: HOUR }, web).rate).toEqual({ poll: 0, login: 10 * MINUTE });
  });
});

describe("the pauses between tries", () => {
  test("are from a minute to six hours", () => {
    expect(retryOf()).toEqual({ first: MINUTE, longest: 6 * HOUR });
    expect(retryOf({ first: "1 day" })).toEqual({ first: 24 * HOUR, longest: 24 * HOUR });
    expect(retryOf({ longest: "1 s" })).toEqual({ first: 1000, longest: 1000 });
    expect(retryOf({ first: 5, longest: 5 })).toEqual({ first: 5, longest: 5 });
  });

  test.each<[object, string]>([
    [{ last: 1 }, "unknown option policy.retry.last: the options are first, longest"],
    [
      { first: 2, longest: 1 },
      "policy.retry.first must not be greater than policy.retry.longest (got 2, with policy.retry.longest 1)",
    ],
    [
      { first: "soon" },
      'policy.retry.first must be a number of milliseconds >= 0, or a text such as "500 ms" or "30 s" (got a string)',
    ],
  ])("%j is refused", (given, message) => {
    expect(() => retryOf(given)).toThrow(expect.objectContaining({ code: "POP3_CONFIG", message }) as Error);
  });
});
