// The promises of a ledger about opening and closing a mailbox: one run at a time holds it.
import { Pop3Error } from "../../../errors.ts";
import type { MailboxLedger } from "../../../fetch/ledger/ledger.ts";
import { Broken, keep, quiet, told } from "../calls.ts";
import type { Promised } from "../case.ts";
import type { LedgerContractOptions } from "./options.ts";
import { ANN, BEA, turn, type LedgerTrial } from "./trial.ts";
import { entry } from "./values.ts";

export const OPENING: readonly Promised<LedgerTrial, LedgerContractOptions>[] = [
  {
    name: "a mailbox is held by one run at a time",
    async test(trial) {
      const held = await trial.open();
      await trial.busy("while a run holds the mailbox");
      await trial.busy("in another process, while a run holds the mailbox", ANN, await trial.another());
      const other = await trial.open(BEA);
      await trial.record(held, { entries: [entry("a")] });
      await trial.close(other);
      await trial.busy("after another mailbox was closed");
      await trial.close(held);
      await trial.close(await trial.open(ANN, await trial.another()));
      await trial.has({ entries: [entry("a")] }, "after other runs were refused");
    },
  },
  {
    name: "of many opens at the same time exactly one gets the mailbox",
    async test(trial) {
      for (let round = 0; round < 5; round++) {
        const ledgers = [trial.ledger, await trial.another(), await trial.another()];
        const outcomes = await Promise.all(
          Array.from({ length: 15 }, (_, at) => trial.tryOpen(ANN, ledgers[at % ledgers.length])),
        );
        const holders = outcomes.flatMap((outcome) => ("held" in outcome ? [outcome.held] : []));
        keep(
          holders.length === 1,
          `15 calls of open("${ANN}") at the same time gave ${holders.length} holders, and must give one`,
        );
        for (const outcome of outcomes) if ("error" in outcome) isBusy(outcome.error);
        await trial.close(holders[0] as MailboxLedger);
      }
    },
  },
  {
    name: "close(changes) records the changes, and then releases the mailbox",
    async test(trial) {
      const held = await trial.open();
      await trial.close(held, { entries: [entry("a")], state: { lastRun: 1 } });
      const next = await trial.open(ANN, await trial.another());
      await trial.holds(next, { entries: [entry("a")], state: { lastRun: 1 } }, "after close(changes)");
      await trial.close(next, { forgotten: ["a"] });
      await trial.has({ entries: [], state: { lastRun: 1 } }, "after close(changes)");
    },
  },
  {
    name: "close() waits for the records before it",
    async test(trial) {
      const held = await trial.open();
      let recorded = 0;
      const records = Array.from({ length: 10 }, (_, at) =>
        quiet(trial.record(held, { entries: [entry(String(at))] }).then(() => recorded++)),
      );
      await trial.close(held, { entries: [entry("last")] });
      await turn();
      keep(
        recorded === 10,
        `close() must resolve after the 10 records before it (${recorded} have resolved)`,
      );
      await Promise.all(records);
      const all = Array.from({ length: 10 }, (_, at) => entry(String(at)));
      await trial.has({ entries: [...all, entry("last")] }, "after close()");
    },
  },
  {
    name: "close() may be called again: it does nothing, also if another run holds the mailbox",
    async test(trial) {
      const first = await trial.open();
      await Promise.all([trial.close(first), trial.close(first)]);
      const second = await trial.open();
      await trial.close(first);
      await trial.calls
        .settled("close(changes)", () => first.close({ entries: [entry("late")] }))
        .catch(() => {});
      await trial.busy("after a run before was closed again");
      await trial.record(second, { entries: [entry("a")] });
      await trial.close(second);
      await trial.has({ entries: [entry("a")] }, "after a run before was closed again");
    },
  },
  {
    name: "open() with a signal that is aborted rejects, and holds nothing",
    async test(trial) {
      const signal = AbortSignal.abort(new Error("no longer needed"));
      await trial.calls.rejectedWith("open() with an aborted signal", ["POP3_ABORTED"], async () => {
        const { held } = heldIn(await trial.tryOpen(ANN, trial.ledger, { signal }));
        return held;
      });
      await trial.close(await trial.open(ANN, await trial.another()));
    },
  },
  {
    name: "open() whose signal is aborted on the way holds the mailbox only if it resolves",
    async test(trial) {
      for (let turns = 0; turns < 5; turns++) {
        const controller = new AbortController();
        const opening = trial.tryOpen(ANN, trial.ledger, { signal: controller.signal });
        for (let at = 0; at < turns; at++) await turn();
        controller.abort(new Error("no longer needed"));
        const outcome = await opening;
        if ("held" in outcome) await trial.close(outcome.held);
        else isAborted(outcome.error);
        await trial.close(await trial.open(ANN, await trial.another()));
      }
    },
  },
];

function isBusy(error: unknown): void {
  if (!Pop3Error.is(error) || error.code !== "POP3_MAILBOX_BUSY")
    throw new Broken(
      `open() of a mailbox that is held must reject with POP3_MAILBOX_BUSY (got ${told(error)})`,
      {
        cause: error,
      },
    );
}

function isAborted(error: unknown): void {
  if (!Pop3Error.is(error) || error.code !== "POP3_ABORTED")
    throw new Broken(`open() must reject with POP3_ABORTED when its signal is aborted (got ${told(error)})`, {
      cause: error,
    });
}

/** The mailbox that was opened. Throws what `open` has rejected with. */
function heldIn(outcome: { readonly held: MailboxLedger } | { readonly error: unknown }): {
  readonly held: MailboxLedger;
} {
  if ("error" in outcome) throw outcome.error;
  return outcome;
}
