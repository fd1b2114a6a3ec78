// Connections that are cut at random positions, again and again: in the end every message was delivered once.
import fc from "../support/fast-check.ts";
import { expect, test } from "vitest";
import type { Fault } from "popwright/testing";
import {
  fetchMail,
  FetchError,
  MemoryLedger,
  type FetchEvent,
  type FetchPolicy,
} from "../../src/fetch/index.ts";
import { accountOf, Inbox, mail, serverWith } from "../support/mail.ts";

/** From one packet's worth to what takes several. */
const MESSAGES = Array.from({ length: 9 }, (_, number) => mail(number, "x".repeat((number * 7919) % 5000)));
/** More than there are cuts; each run meets at least one of them, or ends well. */
const RUNS = 12;

const octets = fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 6000 }), fc.constant(Infinity));
const cut: fc.Arbitrary<Fault> = fc
  .tuple(
    fc.constantFrom("greeting", "*", "*", "*", "RETR", "RETR", "UIDL", "QUIT", "RSET"),
    fc.integer({ min: 1, max: 30 }),
    fc.constantFrom("close", "cut", "reset"),
    octets,
    fc.boolean(),
  )
  .map(([on, nth, end, after, carriedOut]) => ({
    on,
    nth,
    [end]: after,
    ...(on === "QUIT" ? { carriedOut } : {}),
  }));

const policies = fc.constantFrom<FetchPolicy>(
  { delete: "delivered" },
  { delete: "delivered", commitEvery: 2 },
  { delete: "delivered", noUidl: "content" },
  {},
);

test("a connection that is cut at random", async () => {
  let failed = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(cut, { minLength: 1, maxLength: 6 }), policies, async (faults, policy) => {
      await using server = await serverWith(MESSAGES, { faults, allowUnusedFaults: true });
      const inbox = new Inbox();
      const onEvent = ({ type }: FetchEvent): void => {
        // With several commands in flight the run continues by itself, with one at a time.
        if (type === "pipelining-broken") failed++;
      };
      const options = { ledger: new MemoryLedger(), destination: inbox.deliver, force: true, onEvent };
      let done = false;
      for (let run = 0; run < RUNS && !done; run++) {
        try {
          const report = await fetchMail(accountOf(server), {
            ...options,
            policy: { ...policy, retry: { first: 0 }, tries: 100 },
          });
          done = report.outcome === "done" && report.failed.length === 0 && report.committed !== "unknown";
        } catch (error) {
          expect(error).toBeInstanceOf(FetchError);
          const { code, temporary } = error as FetchError;
          // Some servers answer a wrong password so: that is for a person to look at.
          expect(temporary || code === "POP3_AUTH_CLOSED", code).toBe(true);
          failed++;
        }
        // Its lock on the maildrop is given free when the server has seen the end of the session.
        await server.idle();
      }
      expect(done).toBe(true);
      expect([...inbox.texts].sort()).toEqual([...MESSAGES].sort());
      expect(server.maildrop("ann").messages).toHaveLength(policy.delete === undefined ? MESSAGES.length : 0);
    }),
    { numRuns: 150 },
  );
  expect(failed).toBeGreaterThan(100);
});
