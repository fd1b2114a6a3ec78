// A random sequence of calls and failures: each call settles once, with its own answer.
import fc from "../../support/fast-check.ts";
import { expect, test } from "vitest";
import type { Pop3ClientOptions } from "../../../src/index.ts";
import type { Fault } from "../../../src/testing/index.ts";
import { listen, logIn } from "../../support/ann.ts";
import { codeOf } from "../../support/outcome.ts";
import { bodyOf, Caller, type Action, type Treatment } from "./session-actions.ts";
import { expectNothingUnhandled } from "../../support/unhandled.ts";

expectNothingUnhandled();

const COUNT = 9;
const number = fc.integer({ min: 1, max: COUNT });
const abort = fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined, freq: 4 });
const treatment = fc.constantFrom<Treatment>(
  ...(["buffer", "skip", "stream", "begin", "dele", "noop", "slow", "break"] as const),
);

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ do: fc.constantFrom("retr", "top", "list", "uidl", "stream"), number, abort }),
  fc.record({ do: fc.constantFrom("stat", "noop", "rset", "capa", "list all", "uidl all"), abort }),
  fc.record({ do: fc.constant("dele"), numbers: fc.array(number, { maxLength: 3 }), abort }),
  fc.record({
    do: fc.constant("loop"),
    treatments: fc.array(treatment, { minLength: 1, maxLength: 4 }),
    abort,
  }),
  fc.record({ do: fc.constant("turns"), count: fc.integer({ min: 1, max: 20 }) }),
  fc.record({ do: fc.constant("wait") }),
);

const options: fc.Arbitrary<Partial<Pop3ClientOptions>> = fc.record({
  pipelining: fc.constantFrom("auto" as const, false as const, { octets: 30_000 }, { commandOctets: 24 }),
});

const setup = {
  actions: fc.array(action, { minLength: 1, maxLength: 25 }),
  sizes: fc.array(fc.constantFrom(0, 10, 1000, 20_000, 200_000), { minLength: COUNT, maxLength: COUNT }),
  options,
  chunk: fc.constantFrom(Infinity, Infinity, 5000),
  end: fc.constantFrom("quit", "close", "leave"),
};

const fault: fc.Arbitrary<Fault> = fc
  .record({
    on: fc.constantFrom("*", "RETR", "RETR", "LIST", "UIDL", "DELE", "NOOP", "CAPA", "QUIT", "RSET"),
    nth: fc.integer({ min: 1, max: 8 }),
    after: fc.constantFrom(0, 1, 3, 8, 40, 5000, Infinity),
    how: fc.constantFrom("close", "reset", "stall", "refuse", "junk", "extra"),
  })
  .map(({ on, nth, after, how }): Fault => {
    if (how === "refuse") return { on, nth, reply: "-ERR [SYS/TEMP] not now\r\n" };
    if (how === "junk") return { on, nth, reply: "junk\r\n" };
    // A second "+OK" cannot be told from an answer to the next command.
    if (how === "extra") return { on, nth, after: "extra\r\n" };
    return { on, nth, [how]: after };
  });

const EVERYTHING = Array.from({ length: COUNT }, (_, index) => index + 1);

test("settles every call without faults", async () => {
  const property = fc.asyncProperty(fc.record(setup), async ({ actions, sizes, options, chunk, end }) => {
    const messages = sizes.map((size, index) => bodyOf(index + 1, size));
    await using server = await listen({ messages, chunk });
    const client = await logIn(server, options);
    const caller = new Caller(client, messages);
    for (const each of actions) await caller.act(each);
    if (end === "close") client.close();
    else if (end === "leave") await client[Symbol.asyncDispose]();
    else await client.quit();
    await caller.settled();
    // Nothing but what was marked, given up, or too late.
    for (const code of caller.codes) expect(["POP3_REFUSED", "POP3_ABORTED", "POP3_CLOSED"]).toContain(code);
    const gone = end === "quit" ? client.marked : new Set<number>();
    await server.idle();
    expect(server.maildrop("ann").messages.map(({ uid }) => uid)).toEqual(
      EVERYTHING.filter((each) => !gone.has(each)).map((each) => `uid-${String(each)}`),
    );
  });
  await fc.assert(property, { seed: 11, numRuns: 200 });
});

test("settles every call with a random fault", async () => {
  const property = fc.asyncProperty(
    fc.record({ ...setup, fault }),
    async ({ actions, sizes, options, chunk, end, fault }) => {
      const messages = sizes.map((size, index) => bodyOf(index + 1, size));
      await using server = await listen({ messages, chunk, faults: [fault], allowUnusedFaults: true });
      const timeouts = { command: 100, body: 100, quit: 100, drain: 100 };
      const client = await logIn(server, { ...options, timeouts }).catch(() => undefined);
      if (client === undefined) return;
      const closed = new Promise((resolve) => client.once("close", resolve));
      const caller = new Caller(client, messages);
      for (const each of actions) await caller.act(each);
      if (end === "close") client.close();
      else if (end === "leave") await client[Symbol.asyncDispose]();
      else {
        const code = await codeOf(client.quit());
        if (code === "resolved" && client.marked.size > 0) {
          await server.idle();
          const gone = client.marked;
          const uids = server.maildrop("ann").messages.map(({ uid }) => uid);
          expect(uids).toEqual(
            EVERYTHING.filter((each) => !gone.has(each)).map((each) => `uid-${String(each)}`),
          );
        }
      }
      await caller.settled();
      await closed;
      expect(client.state).toBe("closed");
    },
  );
  await fc.assert(property, { seed: 2449, numRuns: 200 });
});
