// The promises of a ledger to those who only look, and to those who tidy up: read, mailboxes, delete and rename.
import type { LedgerMailbox } from "../../../fetch/ledger/ledger.ts";
import { keep } from "../calls.ts";
import type { Promised } from "../case.ts";
import type { LedgerContractOptions } from "./options.ts";
import { ANN, BEA, type LedgerTrial } from "./trial.ts";
import { entry } from "./values.ts";

const KNOWN = { entries: [entry("a"), entry("b")], state: { lastRun: 1 } };
const EMPTY = { entries: [], state: {} };

export const LISTING: readonly Promised<LedgerTrial, LedgerContractOptions>[] = [
  {
    name: "read() gives the last record, and holds nothing",
    async test(trial) {
      const held = await trial.open();
      const other = await trial.another();
      await trial.reads(EMPTY, "while a run holds a new mailbox", ANN, other);
      await trial.record(held, KNOWN);
      await trial.reads(KNOWN, "while a run holds the mailbox", ANN, other);
      await trial.busy("after read()", ANN, other);
      await trial.record(held, { entries: [entry("c")] });
      const entries = [...KNOWN.entries, entry("c")];
      await trial.reads({ entries, state: KNOWN.state }, "after the next record", ANN, other);
      await trial.close(held);
      await Promise.all([trial.read(), trial.read(ANN, other)]);
      await trial.close(await trial.open());
    },
  },
  {
    name: "read() gives a copy that later records do not change",
    async test(trial) {
      const held = await trial.open();
      await trial.record(held, KNOWN);
      const before = await trial.read();
      await trial.record(held, { entries: [entry("c")], forgotten: ["a"], state: { lastRun: 2 } });
      const seen = { entries: [...before.entries.values()], state: before.state };
      trial.isSame(seen, KNOWN, "after a later record, the result of read() has");
    },
  },
  {
    name: "read() of a mailbox that is not known makes nothing known",
    async test(trial) {
      await trial.reads(EMPTY, "of a mailbox that is not known");
      const held = await trial.open();
      keep(!held.takenOver, "open() after read() must give takenOver: false");
      await trial.close(held);
      await trial.read(BEA);
      if (trial.ledger.mailboxes === undefined) return;
      const names = (await listed(trial)).map(({ mailbox }) => mailbox);
      keep(!names.includes(BEA), "mailboxes() must not list a mailbox that was only read");
    },
  },
  {
    name: "mailboxes(), if the ledger has it, lists each known mailbox with its state, and whether it is held",
    async test(trial) {
      trial.optional("mailboxes");
      const [ann, bea] = [await trial.open(ANN), await trial.open(BEA)];
      await trial.record(ann, { entries: [entry("a")], state: { lastRun: 1 } });
      await trial.close(bea, { state: { lastRun: 2 } });
      isListed(trial, await listed(trial), { mailbox: ANN, state: { lastRun: 1 }, held: true });
      isListed(trial, await listed(trial), { mailbox: BEA, state: { lastRun: 2 }, held: false });
      await trial.close(ann);
      const all = await listed(trial);
      isListed(trial, all, { mailbox: ANN, state: { lastRun: 1 }, held: false });
      keep(all.length === 2, `mailboxes() must list the 2 mailboxes that are known (it lists ${all.length})`);
    },
  },
  {
    name: "delete(), if the ledger has it, forgets one mailbox, unless a run holds it",
    async test(trial) {
      const remove = trial.optional("delete");
      for (const name of [ANN, BEA]) {
        const held = await trial.open(name);
        await trial.record(held, KNOWN);
        if (name === BEA) await trial.close(held);
        else {
          await trial.calls.rejectedWith(
            "delete() of a mailbox that a run holds",
            ["POP3_MAILBOX_BUSY"],
            () => remove(name),
          );
          await trial.record(held, { entries: [entry("c")] });
          await trial.close(held);
        }
      }
      const entries = [...KNOWN.entries, entry("c")];
      await trial.reads({ entries, state: KNOWN.state }, "after delete() was refused");
      const known = await trial.calls.resolved("delete()", () => remove(ANN));
      keep(known, "delete() of a mailbox that is known must resolve with true");
      await trial.has(EMPTY, "after delete()");
      await trial.has(KNOWN, "after another mailbox was deleted", BEA);
      const again = await trial.calls.resolved("delete()", () => remove("cat@pop.example.com:995"));
      keep(!again, "delete() of a mailbox that is not known must resolve with false");
    },
  },
  {
    name: "rename(), if the ledger has it, moves entries and state, and keeps the name in the keys",
    async test(trial) {
      const rename = trial.optional("rename");
      const held = await trial.open(ANN);
      await trial.record(held, KNOWN);
      await trial.close(held);
      await trial.calls.resolved("rename()", () => rename(ANN, BEA));
      await isRenamed(trial, BEA);
      await trial.reads(EMPTY, "after rename(), under the old name", ANN);
      await trial.calls.resolved("rename()", () => rename(BEA, "cat@pop.example.com:995"));
      await isRenamed(trial, "cat@pop.example.com:995");
    },
  },
  {
    name: "rename(), if the ledger has it, overwrites nothing, and respects a run that holds a mailbox",
    async test(trial) {
      const rename = trial.optional("rename");
      const ann = await trial.open(ANN);
      await trial.record(ann, KNOWN);
      await trial.calls.rejectedWith("rename() of a mailbox that a run holds", ["POP3_MAILBOX_BUSY"], () =>
        rename(ANN, BEA),
      );
      await trial.close(ann);
      const bea = await trial.open(BEA);
      await trial.calls.rejectedWith("rename() to a mailbox that a run holds", ["POP3_MAILBOX_BUSY"], () =>
        rename(ANN, BEA),
      );
      await trial.close(bea, { entries: [entry("other")] });
      await trial.calls.rejectedWith("rename() to a mailbox that knows messages", ["POP3_LEDGER"], () =>
        rename(ANN, BEA),
      );
      await trial.calls.rejectedWith("rename() of a mailbox that is not known", ["POP3_LEDGER"], () =>
        rename("cat@pop.example.com:995", "dan@pop.example.com:995"),
      );
      await trial.has(KNOWN, "after rename() was refused");
      await trial.has({ entries: [entry("other")] }, "after rename() was refused", BEA);
    },
  },
];

async function listed(trial: LedgerTrial): Promise<LedgerMailbox[]> {
  const list = (await trial.another()).mailboxes?.() ?? trial.optional("mailboxes")();
  return trial.calls.resolved("mailboxes()", async () => {
    const found: LedgerMailbox[] = [];
    for await (const each of list) found.push(each);
    return found;
  });
}

function isListed(
  trial: LedgerTrial,
  all: readonly LedgerMailbox[],
  { mailbox, state, held }: LedgerMailbox,
): void {
  const found = all.filter((each) => each.mailbox === mailbox);
  keep(found.length === 1, `mailboxes() must list "${mailbox}" once (it lists it ${found.length} times)`);
  const [one] = found as [LedgerMailbox];
  trial.isSame({ state: one.state }, { state }, `mailboxes() lists "${mailbox}" with`);
  const holder = held ? "a run holds it" : "no run holds it";
  keep(one.held === held, `mailboxes() must list "${mailbox}" with held: ${String(held)}, because ${holder}`);
}

async function isRenamed(trial: LedgerTrial, name: string): Promise<void> {
  await trial.has(KNOWN, "after rename()", name);
  const held = await trial.open(name);
  const kept = [held.keyName, (await trial.read(name)).keyName];
  for (const keyName of kept)
    keep(
      keyName === ANN,
      `the keyName must stay "${ANN}" after rename(), or a destination stores all messages again (got ${String(keyName)})`,
    );
  await trial.close(held);
}
