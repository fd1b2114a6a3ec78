// A function of the caller may throw anything, also what is not an error, or cannot be read. Its own call rejects. Nothing
// hangs, and nothing is thrown where nobody can catch it: `guardEachTest` looks for that.
import { describe, expect, it } from "vitest";
import { explain, isTemporary, Pop3Client, Pop3Error, Pop3Pool, type Pop3ClientOptions } from "popwright";
import { fetchMail, MemoryLedger, type FetchOptions } from "popwright/fetch";
import { guardEachTest } from "../support/sentry.ts";
import { auth, listen, to } from "../support/ann.ts";

guardEachTest();

/** An error with a property that throws when it is read. */
function unreadable(name: string): Error {
  return Object.defineProperty(new Error("read me"), name, {
    get: () => {
      throw new RangeError(`${name} cannot be read`);
    },
  });
}

const loop = new Error("in a circle");
loop.cause = loop;
const revoked = Proxy.revocable({}, {});
revoked.revoke();

const THROWN: Readonly<Record<string, unknown>> = {
  undefined,
  null: null,
  "a string": "no",
  "a symbol": Symbol("no"),
  "an object without a prototype": Object.create(null) as object,
  "an object that cannot be a text": {
    toString() {
      throw new RangeError("no text");
    },
  },
  ...Object.fromEntries(
    ["message", "name", "code", "stack", "cause"].map((name) => [
      `an error with an unreadable ${name}`,
      unreadable(name),
    ]),
  ),
  "an error with a symbol for a message": Object.assign(new Error("x"), { message: Symbol("x") }),
  "an error with an object for a code": Object.assign(new Error("x"), {
    code: Object.create(null) as object,
  }),
  "an error that is its own cause": loop,
  "a frozen error": Object.freeze(new Error("frozen")),
  "a revoked proxy": revoked.proxy,
};

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined };

describe.each(Object.entries(THROWN))("%s", (_name, thrown) => {
  const fail = (): never => {
    throw thrown;
  };
  const WITH_FAULT: Readonly<Record<string, Partial<Pop3ClientOptions>>> = {
    "a function for the password": { auth: { user: "ann", pass: fail } },
    "a mechanism": {
      auth: { ...auth, force: true, mechanism: { name: "PLAIN", cleartext: true, start: fail } },
    },
    "a function for a socket": { socket: fail },
    "a lookup": { host: "localhost", lookup: fail },
    "a lookup that calls back": {
      host: "localhost",
      lookup: (_host, _options, done) => {
        done(thrown as Error, []);
      },
    },
    "an identity check": { tls: { checkServerIdentity: fail } },
    "an identity check that returns it": { tls: { checkServerIdentity: () => thrown as Error } },
  };

  it.each(Object.entries(WITH_FAULT))("from %s", async (_where, options) => {
    await using server = await listen({ tls: true, lock: false });
    const { tls } = to(server);
    const account = to(server, { auth, logger: silent, ...options, tls: { ...tls, ...options.tls } });
    const results = await Promise.allSettled([
      Pop3Client.use(account, () => undefined),
      (async () => {
        await using pool = new Pop3Pool({ logger: silent });
        await pool.use(account, () => undefined);
      })(),
      fetchMail(account, { ledger: new MemoryLedger(), destination: () => undefined, logger: silent }),
    ]);
    // Node takes what is falsy for a success.
    const isSuccess = !thrown && ["returns", "calls back"].some((word) => _where.includes(word));
    const status = isSuccess && _where.includes("returns") ? "fulfilled" : "rejected";
    expect(results.map((result) => result.status)).toEqual([status, status, status]);
    const fetched = results[2];
    if (fetched.status === "rejected") expect(Pop3Error.is(fetched.reason)).toBe(true);
  });

  it("from work in a session", async () => {
    await using server = await listen();
    await using pool = new Pop3Pool({ logger: silent });
    const account = to(server, { auth, stls: "never" });
    const results = [
      ...(await Promise.allSettled([pool.use(account, fail)])),
      ...(await Promise.allSettled([Pop3Client.use(account, fail)])),
    ];
    for (const result of results) {
      expect(result.status).toBe("rejected");
      expect(Object.is((result as PromiseRejectedResult).reason, thrown)).toBe(true);
    }
  });

  const RUN: Readonly<Record<string, Partial<FetchOptions>>> = {
    "a destination": { destination: fail },
    "a listener": { onEvent: fail },
    "a ledger": { ledger: { open: fail, read: fail } },
  };
  it.each(Object.entries(RUN))("from %s of a run", async (_where, options) => {
    await using server = await listen();
    const account = to(server, { auth, stls: "never" });
    const usual = { ledger: new MemoryLedger(), destination: () => undefined, logger: silent };
    const [result] = await Promise.allSettled([fetchMail(account, { ...usual, ...options })]);
    if (_where === "a destination")
      expect(result).toMatchObject({ status: "fulfilled", value: { failed: [{ number: 1 }] } });
    else expect(result.status).toBe("rejected");
  });

  it("has an explanation", () => {
    expect(Pop3Error.is(thrown)).toBe(false);
    expect(isTemporary(thrown)).toBe(false);
    expect(explain(thrown)).toBeDefined();
  });
});
