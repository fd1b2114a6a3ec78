// The promises of a destination that recognises keys: a message that comes again is stored once.
import { keep } from "../calls.ts";
import type { Destination } from "../../../fetch/destinations/destination.ts";
import type { Promised } from "../case.ts";
import type { DestinationContractOptions } from "./options.ts";
import { ONE, TWO } from "./samples.ts";
import type { DestinationTrial } from "./trial.ts";

type DestinationPromise = Promised<DestinationTrial, DestinationContractOptions>;

/** Keys that differ little. */
const KEYS: readonly string[] = [
  "0".repeat(64),
  `${"0".repeat(63)}1`,
  `1${"0".repeat(63)}`,
  `${"0".repeat(32)}1${"0".repeat(31)}`,
  "f".repeat(64),
];

export const KEYED: readonly DestinationPromise[] = [
  {
    name: "a message that comes again is known, and stored once",
    needs: ["knowsKeys"],
    async test(trial) {
      await trial.deliver("first", ONE);
      const before = await trial.contents();
      await trial.deliverAgain("first", TWO);
      await trial.stores([ONE], "after the message came again");
      await trial.hasOnly(before, "after the message came again");
      await trial.deliver("second", TWO);
      await trial.deliverAgain("first", TWO);
      await trial.stores([ONE, TWO], "after the message came again");
    },
  },
  {
    name: "a message that comes again after a restart is known",
    needs: ["knowsKeys", "reopen"],
    async test(trial) {
      await trial.deliver("first", ONE);
      const to = await trial.restart();
      await trial.deliverAgain("first", TWO, { to });
      await trial.deliver("second", TWO, { to });
      await trial.stores([ONE, TWO], "after a restart");
    },
  },
  {
    name: "a message is known that another process has stored",
    needs: ["knowsKeys", "reopen"],
    async test(trial) {
      await trial.deliver("first", ONE);
      if (trial.hasLedger) return;
      const to = await trial.another();
      await trial.deliver("second", TWO, { to });
      await trial.deliverAgain("second", ONE);
      await trial.deliverAgain("first", TWO, { to });
      await trial.stores([ONE, TWO], "after both processes had delivered");
    },
  },
  {
    name: "keys that differ in one digit name different messages",
    async test(trial) {
      for (const [at, key] of KEYS.entries()) await trial.deliver(`key ${at}`, ONE, { key });
      await trial.stores(
        Array.from(KEYS, () => ONE),
        "after messages with similar keys",
      );
    },
  },
  {
    name: "an aborted message is not known when it comes again",
    needs: ["knowsKeys"],
    async test(trial) {
      const begun = await trial.begin("first");
      await trial.write(begun, ONE);
      await trial.abort(begun);
      await trial.deliver("first", TWO);
      await trial.deliverAgain("first", ONE);
      await trial.stores([TWO], "after the aborted message came again");
    },
  },
  {
    name: "a message that comes twice at the same time is stored once",
    needs: ["knowsKeys"],
    test: (trial) => isStoredOnce(trial, [trial.destination, trial.destination, trial.destination]),
  },
  {
    name: "a message that comes twice at the same time, in two processes, is stored once",
    needs: ["knowsKeys", "reopen"],
    async test(trial) {
      // With a ledger of its own, one process at a time has the mailbox.
      if (trial.hasLedger) return;
      await isStoredOnce(trial, [trial.destination, await trial.another(), await trial.another()]);
    },
  },
];

async function isStoredOnce(trial: DestinationTrial, places: readonly Destination[]): Promise<void> {
  // What one message leaves is known from another.
  const before = await trial.contents();
  await trial.deliver("once", TWO);
  const added = (await trial.contents()).length - before.length;
  const begun = await Promise.all(places.map((to) => trial.tryBegin("twice", ONE.length, { to })));
  const results = await Promise.all(
    begun.map(async (each) => (each === "known" ? each : trial.finish(each, ONE))),
  );
  const news = results.filter((result) => result === "new").length;
  keep(
    news === 1,
    `${places.length} deliveries of the same key at the same time must give "new" once (got it ${news} times)`,
  );
  await trial.stores([TWO, ONE], "after deliveries of the same key at the same time");
  const more = (await trial.contents()).length - before.length - added;
  keep(
    more <= added,
    `deliveries of the same key at the same time must leave one message (they leave ${more} things, one leaves ${added})`,
  );
  await trial.deliverAgain("twice", ONE);
}
