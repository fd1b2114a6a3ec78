// A random sequence of calls, pauses, aborts and releases gives the same order as a simple model that checks
// every call each time. So no limit is exceeded, no call is forgotten, and the oldest runnable call goes
// first.
import fc from "../support/fast-check.ts";
import { times } from "../support/octets.ts";
import { expect, test } from "vitest";
import { Scheduler, type Permit, type PermitKey, type SchedulerLimits } from "../../src/pool/scheduler.ts";
import { codeOf } from "../support/outcome.ts";
import { turns as loops } from "../support/turns.ts";

type State = "waiting" | "active" | "paused" | "resuming" | "over" | "refused";

interface Call {
  readonly key: PermitKey;
  readonly controller: AbortController;
  /** As the model has it. */
  state: State;
  /** As it has come out. */
  seen: State;
  turn: Permit | undefined;
}

/** The rule, word for word: of those who wait, the oldest who may, as long as there is one. */
function settleModel(calls: readonly Call[], limits: SchedulerLimits): void {
  for (;;) {
    const active = calls.filter(({ state }) => state === "active");
    const holders = calls.filter(({ state }) => ["active", "paused", "resuming"].includes(state));
    const next = calls.find(
      ({ state, key }) =>
        active.length < limits.all &&
        active.filter(({ key: { host } }) => host === key.host).length < limits.perHost &&
        (state === "resuming" ||
          (state === "waiting" && !holders.some((holder) => holder.key.maildrop === key.maildrop))),
    );
    if (next === undefined) return;
    next.state = "active";
  }
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("take" as const), at: fc.nat(11) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("wait" as const), at: fc.constant(0) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        "release" as const,
        "release" as const,
        "pause" as const,
        "resume" as const,
        "abort" as const,
      ),
      at: fc.nat(),
    }),
  },
);

test("the order is that of the model", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({ all: fc.integer({ min: 1, max: 5 }), perHost: fc.integer({ min: 1, max: 3 }) }),
      fc.array(step, { maxLength: 80 }),
      async ({ all, perHost }, steps) => {
        const limits = { all, perHost, waiting: 20 };
        const turns = new Scheduler(limits);
        const calls: Call[] = [];
        const among = (at: number, ...states: State[]): Call | undefined => {
          const those = calls.filter(({ state }) => states.includes(state));
          return those[at % those.length];
        };
        const take = (at: number): void => {
          const key = { maildrop: String(at), host: String(at % 3) };
          const controller = new AbortController();
          const call: Call = { key, controller, state: "waiting", seen: "waiting", turn: undefined };
          const before = calls.filter(({ state }) => state === "waiting" || state === "resuming").length;
          calls.push(call);
          settleModel(calls, limits);
          if (call.state === "waiting" && before >= limits.waiting) call.state = "refused";
          void turns.take(key, controller.signal).then(
            (turn) => {
              call.turn = turn;
              call.seen = "active";
            },
            () => (call.seen = "refused"),
          );
        };
        const resume = (call: Call): void => {
          call.state = call.seen = "resuming";
          void codeOf((call.turn as Permit).resume(call.controller.signal)).then((code) => {
            if (call.seen === "resuming") call.seen = code === "resolved" ? "active" : "paused";
          });
        };
        const release = (call: Call): void => {
          call.turn?.release();
          call.state = call.seen = "over";
        };
        for (const { kind, at } of steps) {
          if (kind === "take") take(at);
          else if (kind === "wait") await loops(1);
          else if (kind === "release") {
            const call = among(at, "active", "paused", "resuming");
            if (call?.turn !== undefined) release(call);
          } else if (kind === "pause") {
            const call = among(at, "active");
            if (call?.turn !== undefined) {
              call.turn.pause();
              call.state = call.seen = "paused";
            }
          } else if (kind === "resume") {
            const call = among(at, "paused");
            if (call !== undefined && !call.controller.signal.aborted) resume(call);
          } else {
            const call = among(at, "waiting", "resuming");
            call?.controller.abort();
            if (call !== undefined) call.state = call.state === "waiting" ? "refused" : "paused";
          }
          settleModel(calls, limits);
          expect(turns.active).toBe(calls.filter(({ state }) => state === "active").length);
        }
        await loops(2);
        expect(calls.map(({ seen }) => seen)).toEqual(calls.map(({ state }) => state));
        // The calls that are left all finish: none was forgotten.
        for (let left = calls.length; left >= 0; left--) {
          for (const call of calls) if (call.state === "active" || call.state === "paused") release(call);
          settleModel(calls, limits);
          await loops(1);
        }
        expect(calls.every(({ seen }) => seen === "over" || seen === "refused")).toBe(true);
        expect([turns.active, turns.waiting]).toEqual([0, 0]);
        await turns.close();
      },
    ),
    { seed: 1, numRuns: times(300) },
  );
});
