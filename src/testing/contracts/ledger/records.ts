// The promises of a ledger about what it remembers: entries and states, unchanged, together, and in order.
import type { LedgerEntry, MailboxState } from "../../../fetch/ledger/ledger.ts";
import { keep, quiet } from "../calls.ts";
import type { Promised } from "../case.ts";
import type { LedgerContractOptions } from "./options.ts";
import { ANN, turn, type LedgerTrial } from "./trial.ts";
import { entry, FULL, FULL_STATE, ODD_IDS } from "./values.ts";

const LONE: readonly string[] = ["\ud800", "a\udc00b", "\udfff\ud83d"];

/** Names that a store could take for the same, or for something else. */
const NAMES: readonly string[] = [
  ANN,
  "Ann@pop.example.com:995",
  "ann@pop.example.com:99",
  "ann@pop.example.com:9951",
  "ann@pop_example.com:995",
  "ann@pop%",
  "../ann",
  "a/b",
  "a:b",
  'it\'s "quoted"',
  "e\u0301",
  "\u00e9",
  "\u{1f4e7}",
  "x".repeat(300),
];

export const RECORDS: readonly Promised<LedgerTrial, LedgerContractOptions>[] = [
  {
    name: "a mailbox that was never opened is empty",
    async test(trial) {
      await trial.reads({ entries: [], state: {} }, "before anything was recorded");
      const held = await trial.open();
      await trial.holds(held, { entries: [], state: {} }, "before anything was recorded");
      keep(held.keyName === undefined, "open() must give no keyName: the mailbox was not renamed");
      keep(!held.lost.aborted, "open() must give a lost that is not aborted");
      await trial.close(held);
      await trial.has({ entries: [], state: {} }, "after a run that recorded nothing");
    },
  },
  {
    name: "entries and state come back exactly as they were recorded",
    async test(trial) {
      const entries = [FULL, ...ODD_IDS.map((id) => entry(id, { reason: id, headers: id }))];
      const held = await trial.open();
      await trial.record(held, { entries, state: FULL_STATE });
      await trial.close(held);
      await trial.has({ entries, state: FULL_STATE }, "after a record");
      await forget(trial, ODD_IDS);
      await trial.has({ entries: [FULL], state: FULL_STATE }, "after the others were forgotten");
    },
  },
  {
    name: "what was recorded is there in another process, and after a restart",
    needs: ["reopen"],
    async test(trial) {
      const held = await trial.open();
      await trial.record(held, { entries: [FULL], state: FULL_STATE });
      const other = await trial.another();
      await trial.reads({ entries: [FULL], state: FULL_STATE }, "in another process", ANN, other);
      await trial.close(held);
      const again = await trial.open(ANN, await trial.another());
      await trial.holds(again, { entries: [FULL], state: FULL_STATE }, "after a restart");
    },
  },
  {
    name: "texts may have surrogates without their partner",
    needs: ["loneSurrogates"],
    async test(trial) {
      const entries = LONE.map((id) => entry(id, { reason: id }));
      const held = await trial.open();
      await trial.record(held, { entries });
      await trial.close(held);
      await trial.has({ entries }, "after a record");
    },
  },
  {
    name: "fields of later versions are kept",
    async test(trial) {
      const more = { later: { list: [1, "two", null, true], text: "\0" } };
      const entries: LedgerEntry[] = [{ ...entry("a"), ...more }];
      const state: MailboxState = { lastRun: 1, ...more };
      const held = await trial.open();
      await trial.record(held, { entries, state });
      await trial.close(held);
      await trial.has({ entries, state }, "after a record with a field that this version does not know");
    },
  },
  {
    name: "an entry replaces the one with the same id as a whole",
    async test(trial) {
      const held = await trial.open();
      await trial.record(held, { entries: [FULL, entry("b", { size: 1 }), entry("c")] });
      const again = [entry(FULL.id, { status: "failed", tries: 1 }), entry("d")];
      await trial.record(held, { entries: again, forgotten: ["b", "never there"] });
      await trial.close(held);
      await trial.has({ entries: [...again, entry("c")] }, "after one was replaced and one forgotten");
      await forget(trial, ["c"]);
      const later = await trial.open();
      await trial.record(later, { entries: [entry("c", { size: 2 })] });
      await trial.close(later);
      await trial.has(
        { entries: [...again, entry("c", { size: 2 })] },
        "after one was forgotten and came again",
      );
    },
  },
  {
    name: "the state is replaced as a whole, and stays if a record has none",
    async test(trial) {
      const held = await trial.open();
      await trial.record(held, { state: FULL_STATE });
      await trial.record(held, { entries: [entry("a")] });
      await trial.close(held);
      await trial.has({ state: FULL_STATE }, "after a record without a state");
      const again = await trial.open();
      await trial.record(again, { state: { lastRun: 2 } });
      await trial.close(again);
      await trial.has(
        { entries: [entry("a")], state: { lastRun: 2 } },
        "after the record of a smaller state",
      );
      const last = await trial.open();
      await trial.record(last, { state: {} });
      await trial.close(last);
      await trial.has({ state: {} }, "after the record of an empty state");
    },
  },
  {
    name: "a record of nothing changes nothing",
    async test(trial) {
      const held = await trial.open();
      await trial.record(held, { entries: [entry("a")], state: FULL_STATE });
      await trial.record(held, {});
      await trial.record(held, { entries: [], forgotten: [] });
      await trial.close(held, {});
      await trial.has({ entries: [entry("a")], state: FULL_STATE }, "after records of nothing");
    },
  },
  {
    name: "record() changes entries and state together",
    async test(trial) {
      const held = await trial.open();
      const other = await trial.another();
      const ids = ["a", "b", "c"];
      await trial.record(held, { entries: ids.map((id) => entry(id, { size: 0 })), state: { lastRun: 0 } });
      for (let round = 1; round <= 20; round++) {
        const progress = { isRecorded: false };
        const entries = ids.map((id) => entry(id, { size: round }));
        const recorded = quiet(
          trial
            .record(held, { entries, state: { lastRun: round } })
            .finally(() => (progress.isRecorded = true)),
        );
        // Another process may read at any moment.
        do {
          const turned = turn();
          const snapshot = await trial.read(ANN, other);
          const seen = [...ids.map((id) => snapshot.entries.get(id)?.size), snapshot.state.lastRun];
          keep(
            new Set(seen).size === 1,
            "read() during a record must give the entries and the state from before it, or those from after it " +
              `(entries of the records ${seen.slice(0, 3).join(", ")}, state of the record ${String(seen[3])})`,
          );
          // A read that settles at once must not keep the event loop from the record.
          await turned;
        } while (!progress.isRecorded);
        await recorded;
      }
    },
  },
  {
    name: "records that overlap are made in the order of the calls",
    async test(trial) {
      const held = await trial.open();
      const sizes = Array.from({ length: 200 }, (_, at) => at);
      const records = sizes.map((size) =>
        trial.record(held, { entries: [entry(String(size % 7), { size })], state: { lastRun: size } }),
      );
      await Promise.all(records);
      await trial.close(held);
      const last = sizes.slice(-7).map((size) => entry(String(size % 7), { size }));
      await trial.has({ entries: last, state: { lastRun: 199 } }, "after 200 records that overlap");
    },
  },
  {
    name: "load() gives a Map that belongs to the caller",
    async test(trial) {
      const held = await trial.open();
      await trial.record(held, { entries: [entry("a"), entry("b")] });
      await trial.close(held);
      const again = await trial.open();
      const entries = await trial.load(again);
      entries.delete("a");
      entries.set("c", entry("c"));
      const both = { entries: [entry("a"), entry("b")] };
      await trial.reads(both, "after the caller has changed its Map");
      await trial.record(again, { entries: [entry("d")] });
      keep(!entries.has("d"), "record() must not change the Map that load() gave");
      await trial.close(again);
      await trial.has({ entries: [...both.entries, entry("d")] }, "after the caller has changed its Map");
    },
  },
  {
    name: "the state of an open mailbox is the one from when it was opened",
    async test(trial) {
      const held = await trial.open();
      await trial.record(held, { state: { lastRun: 1 } });
      trial.isSame({ state: held.state }, { state: {} }, "after a record, the open mailbox has");
      await trial.close(held);
      trial.isSame({ state: held.state }, { state: {} }, "after close(), the mailbox has");
    },
  },
  {
    name: "each mailbox has entries and a state of its own",
    async test(trial) {
      const all = [];
      for (const name of NAMES) all.push(await trial.open(name));
      for (const [at, held] of all.entries())
        await trial.record(held, { entries: [entry("a", { size: at })], state: { lastRun: at } });
      for (const held of all) await trial.close(held);
      for (const [at, name] of NAMES.entries())
        await trial.has(
          { entries: [entry("a", { size: at })], state: { lastRun: at } },
          "after records in mailboxes with similar names",
          name,
        );
    },
  },
  {
    name: "record() after close() is refused, and records nothing",
    async test(trial) {
      const held = await trial.open();
      await trial.close(held, { entries: [entry("a")] });
      await trial.calls.rejectedWith("record() after close()", ["POP3_LEDGER", "POP3_LEASE_LOST"], () =>
        held.record({ entries: [entry("b")], state: { lastRun: 9 } }),
      );
      await trial.has({ entries: [entry("a")], state: {} }, "after a record that was refused");
    },
  },
];

async function forget(trial: LedgerTrial, forgotten: readonly string[]): Promise<void> {
  const held = await trial.open();
  await trial.record(held, { forgotten });
  await trial.close(held);
}
