// The options of a pool: their defaults, and what is refused, in which words.
import { describe, expect, test } from "vitest";
import { Pop3Pool, type HostPlaces, type Pop3PoolOptions } from "../../src/index.ts";
import { completePoolOptions } from "../../src/pool/options.ts";
import { codeOf, failureOf } from "../support/outcome.ts";

const DEFAULTS = {
  ...{ maxSessions: 50, maxPerHost: 5, idleTimeout: 0, maxWaiting: 10_000, retryFor: 0 },
  ...{ places: undefined, logger: undefined },
};
const places: HostPlaces = { take: () => Promise.resolve({ comeAt: 0 }) };

test.each<[Pop3PoolOptions, object]>([
  [{}, {}],
  [{ maxSessions: 1 }, { maxSessions: 1 }],
  [{ maxSessions: Infinity }, { maxSessions: Infinity }],
  [{ maxPerHost: 1 }, { maxPerHost: 1 }],
  [{ maxPerHost: Infinity }, { maxPerHost: Infinity }],
  [{ maxWaiting: 0 }, { maxWaiting: 0 }],
  [{ maxWaiting: Infinity }, { maxWaiting: Infinity }],
  [{ idleTimeout: "1 min" }, { idleTimeout: 60_000 }],
  [{ retryFor: "1.5 s" }, { retryFor: 1500 }],
  [{ places }, { places }],
  [{ logger: console }, { logger: console }],
  [{ logger: false }, { logger: false }],
])("%o changes nothing else", (given, changed) => {
  expect(completePoolOptions(given)).toEqual({ ...DEFAULTS, ...changed });
});

test.each<[unknown, string]>([
  [7, "pool must be an object (got 7)"],
  [null, "pool must be an object (got null)"],
  [{ maxSession: 1 }, "unknown option pool.maxSession: did you mean pool.maxSessions?"],
  [
    { size: 1 },
    "unknown option pool.size: the options are maxSessions, maxPerHost, idleTimeout, maxWaiting, retryFor, places, logger",
  ],
  [{ maxSessions: 0 }, "pool.maxSessions must be a whole number >= 1, or Infinity (got 0)"],
  [{ maxSessions: 1.5 }, "pool.maxSessions must be a whole number >= 1, or Infinity (got 1.5)"],
  [{ maxPerHost: 0 }, "pool.maxPerHost must be a whole number >= 1, or Infinity (got 0)"],
  [{ maxWaiting: 0.5 }, "pool.maxWaiting must be a whole number >= 0, or Infinity (got 0.5)"],
  [{ maxWaiting: -1 }, "pool.maxWaiting must be a number >= 0 (got -1)"],
  [
    { idleTimeout: "soon" },
    'pool.idleTimeout must be a number of milliseconds >= 0, or a text such as "500 ms" or "30 s" (got a string)',
  ],
  [
    { retryFor: -1 },
    'pool.retryFor must be a number of milliseconds >= 0, or a text such as "500 ms" or "30 s" (got -1)',
  ],
  [{ places: 5 }, "pool.places must be an object with a method take (got 5)"],
  [{ places: null }, "pool.places must be an object with a method take (got null)"],
  [{ places: { take: 5 } }, "pool.places must be an object with a method take (got an object)"],
  [
    { logger: {} },
    "pool.logger must be false, or a logger with the methods debug, info and warn, such as one of pino, or console (got an object without debug, info, warn)",
  ],
])("%o is refused", (given, message) => {
  expect(() => new Pop3Pool(given as Pop3PoolOptions)).toThrow(
    expect.objectContaining({ code: "POP3_CONFIG", message }) as Error,
  );
});

describe("a call of use", () => {
  const ann = { host: "mail.test", auth: { user: "ann", pass: "secret" } };
  test.each<[unknown, unknown, string]>([
    [ann, 7, "options must be an object (got 7)"],
    [ann, { fresch: true }, "unknown option options.fresch: did you mean options.fresh?"],
    [ann, { retry: 1 }, "unknown option options.retry: the options are signal, retryFor, fresh"],
    [ann, { signal: 7 }, "options.signal must be an AbortSignal (got 7)"],
    [ann, { fresh: "yes" }, 'options.fresh must be true or false (got "yes")'],
    [
      ann,
      { retryFor: NaN },
      'options.retryFor must be a number of milliseconds >= 0, or a text such as "500 ms" or "30 s" (got NaN)',
    ],
    [7, {}, "options must be an object (got 7)"],
    [{ ...ann, pot: 995 }, {}, "unknown option pot: did you mean port?"],
    [{ ...ann, auth: { user: "ann", pas: "x" } }, {}, "unknown option auth.pas: did you mean auth.pass?"],
  ])("of %o with %o is refused", async (account, options, message) => {
    const call = new Pop3Pool().use(account as typeof ann, () => 1, options as object);
    expect(await failureOf(call)).toMatchObject({ code: "POP3_CONFIG", message });
  });

  test("wants a function", async () => {
    const error = await failureOf(new Pop3Pool().use(ann, undefined as never));
    expect(error).toMatchObject({
      code: "POP3_INVALID_ARGUMENT",
      message: "work must be a function that takes a client (got undefined)",
    });
    expect(await codeOf(new Pop3Pool().use(ann, () => 1, { signal: AbortSignal.abort() }))).toBe(
      "POP3_ABORTED",
    );
  });
});
