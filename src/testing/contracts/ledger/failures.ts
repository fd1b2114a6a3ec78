// The promises of a ledger about writes that fail: what was acknowledged stays, and a record is made whole or not at all.
import type { LedgerChanges } from "../../../fetch/ledger/ledger.ts";
import { keep } from "../calls.ts";
import type { Promised } from "../case.ts";
import type { LedgerContractOptions } from "./options.ts";
import { ANN, type LedgerTrial } from "./trial.ts";
import { entry } from "./values.ts";

const BEFORE = { entries: [entry("a", { size: 1 }), entry("b")], state: { lastRun: 1 } };
const CHANGES: LedgerChanges = {
  entries: [entry("a", { size: 2 }), entry("c"), entry("d")],
  forgotten: ["b"],
  state: { lastRun: 2 },
};
const AFTER = { entries: [entry("a", { size: 2 }), entry("c"), entry("d")], state: { lastRun: 2 } };

export const FAILURES: readonly Promised<LedgerTrial, LedgerContractOptions>[] = [
  {
    name: "record() that cannot write rejects, and what was recorded before stays",
    needs: ["failWrites"],
    async test(trial) {
      const held = await trial.open();
      await trial.record(held, BEFORE);
      const repair = await trial.breakWrites();
      await trial.calls.rejectedWith("record() that cannot write", ["POP3_LEDGER"], () =>
        held.record(CHANGES),
      );
      await repair();
      await trial.reads(BEFORE, "after a record that has failed");
      await trial.calls.settled("close()", () => held.close()).catch(() => undefined);
      await trial.has(BEFORE, "after a record that has failed");
    },
  },
  {
    name: "record() that cannot write rejects for each of the calls that overlap",
    needs: ["failWrites"],
    async test(trial) {
      const held = await trial.open();
      await trial.record(held, BEFORE);
      const repair = await trial.breakWrites();
      const records = [CHANGES, { entries: [entry("e")] }, { state: { lastRun: 3 } }];
      await Promise.all(
        records.map((changes) =>
          trial.calls.rejectedWith("each record() that cannot write", ["POP3_LEDGER"], () =>
            held.record(changes),
          ),
        ),
      );
      await repair();
      await trial.calls.settled("close()", () => held.close()).catch(() => undefined);
      await trial.has(BEFORE, "after records that have failed");
    },
  },
  {
    name: "close(changes) that cannot write rejects, and releases the mailbox",
    needs: ["failWrites"],
    async test(trial) {
      const held = await trial.open();
      await trial.record(held, BEFORE);
      const repair = await trial.breakWrites();
      await trial.calls.rejectedWith("close(changes) that cannot write", ["POP3_LEDGER"], () =>
        held.close(CHANGES),
      );
      await repair();
      const next = await trial.open(ANN, await trial.another());
      await trial.holds(next, BEFORE, "after close(changes) that has failed");
      await trial.record(next, CHANGES);
      await trial.close(next);
      await trial.has(AFTER, "after the run that followed a failed close(changes)");
    },
  },
  {
    name: "close() after a record that has failed releases the mailbox",
    needs: ["failWrites"],
    async test(trial) {
      const held = await trial.open();
      const repair = await trial.breakWrites();
      await trial.calls.rejected("record() that cannot write", () => held.record(CHANGES));
      await repair();
      await trial.calls.settled("close()", () => held.close()).catch(() => undefined);
      await trial.close(await trial.open(ANN, await trial.another()));
      await trial.has({ entries: [], state: {} }, "after a record that has failed");
    },
  },
  {
    name: "a write that was torn counts as a whole or not at all, and nothing before it is lost",
    needs: ["tear"],
    async test(trial) {
      for (let round = 0; round < 2; round++) {
        const mailbox = `${round}.${ANN}`;
        const held = await trial.open(mailbox);
        await trial.record(held, BEFORE);
        await trial.record(held, CHANGES);
        // Once as a crash leaves it, if a crash is possible, and once after a run that has ended.
        const crashes = round === 0 && trial.canExpire;
        if (!crashes) await trial.close(held);
        await trial.tear(mailbox);
        const next = crashes
          ? await trial.takeOver(mailbox)
          : await trial.open(mailbox, await trial.another());
        const entries = await trial.load(next);
        const expected = entries.has("c") ? AFTER : BEFORE;
        await trial.holds(next, expected, "after the last write was torn");
        const more = entry("after the crash");
        await trial.record(next, { entries: [more] });
        await trial.close(next);
        const all = { entries: [...expected.entries, more], state: expected.state };
        await trial.has(all, "after a record that followed a torn write", mailbox);
        keep(trial.calls.pending.length === 0, "no call may be left");
      }
    },
  },
];
