// The promises of a ledger about leases: fences grow, and a run that has lost its mailbox learns it and writes nothing.
import { Pop3Error } from "../../../errors.ts";
import type { MailboxLedger } from "../../../fetch/ledger/ledger.ts";
import { Broken, keep, told } from "../calls.ts";
import type { Promised } from "../case.ts";
import type { LedgerContractOptions } from "./options.ts";
import { ANN, turn, type LedgerTrial } from "./trial.ts";
import { entry } from "./values.ts";

export const LEASES: readonly Promised<LedgerTrial, LedgerContractOptions>[] = [
  {
    name: "the fence of a mailbox grows with each open()",
    async test(trial) {
      let last = -1n;
      for (let at = 0; at < 5; at++) {
        const held = await trial.open(ANN, await trial.another());
        last = grown(held, last, `after open() number ${at + 1}`);
        await trial.busy("while a run holds the mailbox");
        if (at % 2 === 0) await trial.record(held, { entries: [entry("a")] });
        await trial.close(held);
      }
    },
  },
  {
    name: "the fence grows when a crashed run is succeeded",
    needs: ["expire"],
    async test(trial) {
      let { fence } = await trial.open();
      for (let at = 0; at < 3; at++) fence = grown(await trial.takeOver(), fence, "after a crash");
    },
  },
  {
    name: "the fence grows after delete(), if the ledger has it",
    async test(trial) {
      const remove = trial.optional("delete");
      const held = await trial.open();
      await trial.record(held, { entries: [entry("a")] });
      await trial.close(held);
      await trial.calls.resolved("delete()", () => remove(ANN));
      grown(await trial.open(), held.fence, "after delete()");
    },
  },
  {
    name: "takenOver is false after a run that has closed the mailbox",
    async test(trial) {
      for (const changes of [undefined, {}, { entries: [entry("a")] }, { state: { lastRun: 1 } }]) {
        const held = await trial.open(ANN, await trial.another());
        keep(
          !held.takenOver,
          "open() must give takenOver: false, because the last run has closed the mailbox",
        );
        await trial.close(held, changes);
      }
    },
  },
  {
    name: "takenOver is true after a run that has not closed the mailbox, and what it recorded is there",
    needs: ["expire"],
    async test(trial) {
      const crashed = await trial.open();
      await trial.record(crashed, { entries: [entry("a")], state: { lastRun: 1 } });
      await trial.record(crashed, { entries: [entry("b")] });
      const next = await trial.takeOver();
      keep(
        next.takenOver,
        "open() must give takenOver: true, because the last run has not closed the mailbox",
      );
      await trial.holds(next, { entries: [entry("a"), entry("b")], state: { lastRun: 1 } }, "after a crash");
      await trial.close(next);
      const last = await trial.open();
      keep(
        !last.takenOver,
        "open() must give takenOver: false, because the run after the crash has closed it",
      );
    },
  },
  {
    name: "a run that has lost its mailbox records nothing",
    needs: ["expire"],
    async test(trial) {
      const stale = await trial.open();
      await trial.record(stale, { entries: [entry("a")] });
      const holder = await trial.takeOver();
      await isRefused(trial, "record()", () =>
        stale.record({ entries: [entry("late")], forgotten: ["a"], state: { lastRun: 9 } }),
      );
      await isRefused(trial, "a second record()", () => stale.record({ entries: [entry("later")] }));
      await trial.record(holder, { entries: [entry("b")] });
      await trial.close(holder);
      await trial.has(
        { entries: [entry("a"), entry("b")], state: {} },
        "after a record of a run that has lost it",
      );
    },
  },
  {
    name: "a run that has lost its mailbox learns it from confirm(), if there is one, and from lost",
    needs: ["expire"],
    async test(trial) {
      const stale = await trial.open();
      await trial.takeOver();
      await isRefused(trial, "record()", () => stale.record({ entries: [entry("late")] }));
      await turn();
      isLost(stale, "after record() has rejected with POP3_LEASE_LOST");
      if (stale.confirm !== undefined) await isRefused(trial, "confirm()", async () => stale.confirm?.());
    },
  },
  {
    name: "confirm() resolves while the run holds the mailbox, if there is one",
    async test(trial) {
      const held = await trial.open();
      for (let at = 0; at < 3; at++) {
        await trial.calls.resolved("confirm()", async () => held.confirm?.());
        await trial.record(held, { entries: [entry(String(at))] });
      }
      keep(!held.lost.aborted, "lost must not be aborted while the run holds the mailbox");
      await trial.close(held);
    },
  },
  {
    name: "lost is aborted by itself when another run has taken over the mailbox",
    needs: ["expire", "noticesLoss"],
    async test(trial) {
      const stale = await trial.open();
      await trial.takeOver();
      await trial.calls.settled(
        "the abort of lost",
        () =>
          new Promise<void>((resolve) => {
            if (stale.lost.aborted) resolve();
            else stale.lost.addEventListener("abort", () => resolve());
          }),
      );
      isLost(stale, "by itself");
    },
  },
  {
    name: "close() of a run that has lost its mailbox leaves it to the run that holds it",
    needs: ["expire"],
    async test(trial) {
      const stale = await trial.open();
      const holder = await trial.takeOver();
      await trial.calls.settled("close()", () => stale.close()).catch(isLeaseError);
      await trial.busy("after a run that had lost the mailbox was closed");
      await trial.record(holder, { entries: [entry("a")] });
      keep(!holder.lost.aborted, "lost of the holder must not be aborted");
      await trial.close(holder);
      await trial.has({ entries: [entry("a")] }, "after a run that had lost the mailbox was closed");
    },
  },
  {
    name: "close(changes) of a run that has lost its mailbox records nothing",
    needs: ["expire"],
    async test(trial) {
      const stale = await trial.open();
      const holder = await trial.takeOver();
      await isRefused(trial, "close(changes)", () =>
        stale.close({ entries: [entry("late")], state: { lastRun: 9 } }),
      );
      await trial.busy("after a run that had lost the mailbox was closed");
      await trial.close(holder);
      await trial.has({ entries: [], state: {} }, "after close(changes) of a run that had lost the mailbox");
    },
  },
];

/** Checks that the fence is larger than the last one, and returns it. */
function grown({ fence }: MailboxLedger, last: bigint, when: string): bigint {
  keep(
    fence > last,
    `${when}, the fence is ${fence}, and was ${last} before: it must grow, as a destination may remember the last one`,
  );
  return fence;
}

function isRefused(trial: LedgerTrial, what: string, call: () => Promise<unknown>): Promise<void> {
  return trial.calls.rejectedWith(`${what} of a run that has lost its mailbox`, ["POP3_LEASE_LOST"], call);
}

function isLost({ lost }: MailboxLedger, when: string): void {
  keep(lost.aborted, `lost must be aborted ${when}`);
  const reason: unknown = lost.reason;
  if (!Pop3Error.is(reason) || reason.code !== "POP3_LEASE_LOST")
    throw new Broken(
      `the reason of lost must be an error with the code POP3_LEASE_LOST (got ${told(reason)})`,
    );
}

function isLeaseError(error: unknown): void {
  if (!Pop3Error.is(error) || error.code !== "POP3_LEASE_LOST")
    throw new Broken(
      `close() of a run that has lost its mailbox must resolve, or reject with POP3_LEASE_LOST (got ${told(error)})`,
      {
        cause: error,
      },
    );
}
