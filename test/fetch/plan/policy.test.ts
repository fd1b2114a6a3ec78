// completePolicy: each default, each value that is taken as given, and what is refused, in which words.
import { describe, expect, test } from "vitest";
import { completePolicy, type CompletePolicy, type FetchPolicy } from "../../../src/fetch/plan/policy.ts";

const DAY = 86_400_000;
const HOUR = 3_600_000;

const DEFAULTS: CompletePolicy = {
  firstRun: "all",
  delete: { after: Infinity, largerThan: Infinity },
  maxSize: Infinity,
  tooLarge: "skip",
  order: "oldest",
  limits: { messages: Infinity, octets: Infinity, seconds: Infinity, messageSeconds: 3600 },
  commitEvery: Infinity,
  tries: 5,
  retry: { first: 60_000, longest: 6 * HOUR },
  poll: { shortest: 60_000, longest: HOUR, jitter: 0.1 },
  rate: { poll: 0, login: 0 },
  noUidl: "refuse",
  listings: "lenient",
  uidsChanged: "stop",
  keep: 30 * DAY,
  dryRun: false,
};

test("without a policy, nothing is deleted and nothing is left out", () => {
  expect(completePolicy()).toEqual(DEFAULTS);
  expect(completePolicy({})).toEqual(DEFAULTS);
});

test.each<[FetchPolicy, Partial<CompletePolicy>]>([
  [{ firstRun: "all" }, {}],
  [{ firstRun: "none" }, { firstRun: "none" }],
  [{ firstRun: { newest: 0 } }, { firstRun: { newest: 0 } }],
  [{ firstRun: { newest: 7 } }, { firstRun: { newest: 7 } }],
  [{ delete: "never" }, {}],
  [{ delete: "delivered" }, { delete: { after: 0, largerThan: Infinity } }],
  [{ delete: "36 h" }, { delete: { after: 36 * HOUR, largerThan: Infinity } }],
  [{ delete: {} }, {}],
  [{ delete: { afterDays: 1.5 } }, { delete: { after: 36 * HOUR, largerThan: Infinity } }],
  [{ delete: { afterDays: "36 h" } }, { delete: { after: 36 * HOUR, largerThan: Infinity } }],
  [{ delete: { largerThan: 9 } }, { delete: { after: Infinity, largerThan: 9 } }],
  [{ maxSize: 0 }, { maxSize: 0 }],
  [{ tooLarge: "headers" }, { tooLarge: "headers" }],
  [{ tooLarge: "delete" }, { tooLarge: "delete" }],
  [{ order: "newest" }, { order: "newest" }],
  [{ limits: { messages: 0 } }, { limits: { ...DEFAULTS.limits, messages: 0 } }],
  [
    { limits: { octets: 1, seconds: 0, messageSeconds: "1 min" } },
    { limits: { messages: Infinity, octets: 1, seconds: 0, messageSeconds: 60 } },
  ],
  [{ limits: { seconds: "10 min" } }, { limits: { ...DEFAULTS.limits, seconds: 600 } }],
  [{ commitEvery: 1 }, { commitEvery: 1 }],
  [{ tries: 1 }, { tries: 1 }],
  [{ retry: { first: 1, longest: 2 } }, { retry: { first: 1, longest: 2 } }],
  [{ noUidl: "content" }, { noUidl: "content" }],
  [{ listings: "strict" }, { listings: "strict" }],
  [{ uidsChanged: "match" }, { uidsChanged: "match" }],
  [{ uidsChanged: "new" }, { uidsChanged: "new" }],
  [{ keepDays: 0.5 }, { keep: DAY / 2 }],
  [{ keepDays: 0 }, { keep: 0 }],
  [{ dryRun: true }, { dryRun: true }],
])("%j changes nothing else", (policy, changed) => {
  expect(completePolicy(policy)).toEqual({ ...DEFAULTS, ...changed });
});

test("the account decides about listings, unless the policy does", () => {
  const account = { listings: "strict" } as const;
  expect(completePolicy({}, account).listings).toBe("strict");
  expect(completePolicy({ listings: "lenient" }, account).listings).toBe("lenient");
});

test("values that can be written in the policy are all accepted", () => {
  for (const tooLarge of ["skip", "headers", "delete"] as const)
    expect(completePolicy({ tooLarge }).tooLarge).toBe(tooLarge);
  for (const order of ["oldest", "newest"] as const) expect(completePolicy({ order }).order).toBe(order);
  for (const noUidl of ["refuse", "content"] as const) expect(completePolicy({ noUidl }).noUidl).toBe(noUidl);
  for (const listings of ["lenient", "strict"] as const)
    expect(completePolicy({ listings }).listings).toBe(listings);
  for (const uidsChanged of ["stop", "match", "new"] as const)
    expect(completePolicy({ uidsChanged }).uidsChanged).toBe(uidsChanged);
});

describe("a policy that is wrong", () => {
  test.each<[unknown, string]>([
    [7, "policy must be an object (got 7)"],
    [null, "policy must be an object (got null)"],
    [{ delet: "never" }, "unknown option policy.delet: did you mean policy.delete?"],
    [{ tooLarge: "drop" }, 'policy.tooLarge must be "skip", "headers" or "delete" (got a string)'],
    [{ order: 1 }, 'policy.order must be "oldest" or "newest" (got 1)'],
    [{ noUidl: true }, 'policy.noUidl must be "refuse" or "content" (got true)'],
    [{ listings: null }, 'policy.listings must be "lenient" or "strict" (got null)'],
    [{ uidsChanged: "go" }, 'policy.uidsChanged must be "stop", "match" or "new" (got a string)'],
    [{ dryRun: "false" }, 'policy.dryRun must be true or false (got "false")'],
    [{ firstRun: 5 }, 'policy.firstRun must be "all", "none" or { newest: N } (got 5)'],
    [{ firstRun: "newest" }, 'policy.firstRun must be "all", "none" or { newest: N } (got a string)'],
    [{ firstRun: null }, "policy.firstRun must be an object (got null)"],
    [{ firstRun: {} }, "policy.firstRun.newest must be a number >= 0 (got undefined)"],
    [{ firstRun: { newest: -1 } }, "policy.firstRun.newest must be a number >= 0 (got -1)"],
    [{ firstRun: { oldest: 1 } }, "unknown option policy.firstRun.oldest: the options are newest"],
    [
      { delete: 14 },
      'policy.delete must be "never", "delivered", a time such as "14 days", or { afterDays, largerThan } (got 14): did you mean "14 days"?',
    ],
    [
      { delete: true },
      'policy.delete must be "never", "delivered", a time such as "14 days", or { afterDays, largerThan } (got true)',
    ],
    [
      { delete: "always" },
      'policy.delete must be "never", "delivered", a time such as "14 days", or { afterDays, largerThan } (got a string)',
    ],
    [
      { delete: "6m" },
      'policy.delete must be "never", "delivered", a time such as "14 days", or { afterDays, largerThan } (got "6m"): write "6 min" for minutes, "6 d" for days',
    ],
    [
      { delete: "14" },
      'policy.delete must be "never", "delivered", a time such as "14 days", or { afterDays, largerThan } (got "14"): a text needs a unit, as in "14 d"',
    ],
    [{ delete: null }, "policy.delete must be an object (got null)"],
    [{ delete: [] }, "policy.delete must be an object (got an array)"],
    [{ delete: { after: 1 } }, "unknown option policy.delete.after: the options are afterDays, largerThan"],
    [{ delete: { largerThan: -1 } }, "policy.delete.largerThan must be a number >= 0 (got -1)"],
    [{ maxSize: -1 }, "policy.maxSize must be a number >= 0 (got -1)"],
    [{ commitEvery: 0 }, "policy.commitEvery must be a number >= 1 (got 0)"],
    [{ tries: 0 }, "policy.tries must be a number >= 1 (got 0)"],
    [
      { limits: { minutes: 1 } },
      "unknown option policy.limits.minutes: the options are messages, octets, seconds, messageSeconds",
    ],
    [{ limits: { messages: "1 s" } }, 'policy.limits.messages must be a number >= 0 (got "1 s")'],
    [
      { limits: { messageSeconds: 0 } },
      "policy.limits.messageSeconds must be > 0 (got 0); Infinity stops the clock",
    ],
    [
      { keepDays: -1 },
      'policy.keepDays must be a number of days >= 0, or a text such as "36 h" or "14 days" (got -1)',
    ],
  ])("%j is refused", (policy, message) => {
    expect(() => completePolicy(policy as FetchPolicy)).toThrow(
      expect.objectContaining({ code: "POP3_CONFIG", message }) as Error,
    );
  });
});
