// The promises of a destination about messages that overlap: of several mailboxes, of several processes, of a group, and
// of a run that has lost its mailbox.
import type { DeliveryGroup } from "../../../fetch/destinations/destination.ts";
import { Broken, keep, quiet, told } from "../calls.ts";
import { NotApplicable, type Promised } from "../case.ts";
import type { DestinationContractOptions } from "./options.ts";
import { HARD, ONE, TWO } from "./samples.ts";
import { ANN, type Begun, type DestinationTrial } from "./trial.ts";

type DestinationPromise = Promised<DestinationTrial, DestinationContractOptions>;

const MAILBOXES = ["ann", "bea", "cat", "dan", "eve", "fay"].map((name) => `${name}@pop.example.com:995`);

/** A different message for each number. */
const numbered = (at: number): Buffer => Buffer.from(`Subject: ${at}\r\n\r\n${"text ".repeat(at)}\r\n`);

/** The most messages of a group that a case overlaps, and more than each of them has; bytes. */
const [MOST, LONGEST] = [12, 256];

export const OVERLAPS: readonly DestinationPromise[] = [
  {
    name: "messages of several mailboxes may come at the same time",
    async test(trial) {
      const messages = [...Object.values(HARD).slice(1, 4), ONE, TWO, HARD["3 MiB"] as Buffer];
      await Promise.all(
        MAILBOXES.map((mailbox, at) => trial.deliver(`of ${mailbox}`, messages[at] as Buffer, { mailbox })),
      );
      await trial.stores(messages, "after messages of several mailboxes");
    },
  },
  {
    name: "messages of several processes may come at the same time",
    needs: ["reopen"],
    async test(trial) {
      const places = [trial.destination, await trial.another(), await trial.another()];
      await Promise.all(
        MAILBOXES.map((mailbox, at) => {
          const to = places[at % places.length] as DestinationTrial["destination"];
          return trial.deliver(`of ${mailbox}`, numbered(at), { mailbox, to });
        }),
      );
      await trial.stores(
        MAILBOXES.map((_, at) => numbered(at)),
        "after messages of several processes",
      );
    },
  },
  {
    name: "messages of a mailbox come one after the other, or in the groups that the destination declares",
    async test(trial) {
      const { group } = trial.destination;
      if (group !== undefined)
        for (const [what, value] of Object.entries({ messages: group.messages, bytes: group.bytes }))
          keep(
            typeof value === "number" && value >= 1 && (value === Infinity || Number.isSafeInteger(value)),
            `group.${what} must be a whole number >= 1 (got ${String(value)})`,
          );
      const messages = Array.from({ length: 30 }, (_, at) => numbered(at));
      const limit = sizeOf(group);
      for (let at = 0; at < messages.length; at += limit) {
        const some = messages.slice(at, at + limit);
        await Promise.all(
          await committing(
            trial,
            some.map((message, nth) => [`message ${at + nth}`, message]),
          ),
        );
      }
      await trial.stores(messages, "after 30 messages");
    },
  },
  {
    name: "each commit() of a group, if one is declared, settles with the result of its own message, in order",
    async test(trial) {
      const size = groupOf(trial);
      const known = trial.knowsKeys ? await twins(trial) : [];
      const names = Array.from({ length: size - known.length }, (_, at) => `new ${at}`);
      const called: string[] = [];
      const settled: string[] = [];
      const results = new Map<string, Promise<"new" | "known">>();
      const complete = (begun: Begun): void => {
        const { name } = begun;
        const completed = trial.complete(begun, () => called.push(name));
        results.set(name, quiet(completed.finally(() => settled.push(name))));
      };
      for (const [at, name] of names.entries()) {
        if (at === 1) known.forEach(complete);
        const begun = await trial.begin(name);
        await trial.write(begun, numbered(at));
        complete(begun);
      }
      for (const [name, result] of results) {
        const expected = name.startsWith("known") ? "known" : "new";
        keep(
          (await result) === expected,
          `the results of a group must be those of its messages: commit() of "${name}" must resolve with "${expected}"`,
        );
      }
      keep(
        settled.join() === called.join(),
        `the calls of commit() of a group must settle in order: ${called.join(", ")} (they settled as ${settled.join(", ")})`,
      );
      const messages = names.map((_, at) => numbered(at));
      await trial.stores([...messages, ...known.map(() => ONE)], "after a group");
    },
  },
  {
    name: "a message of a group, if one is declared, that is refused fails alone",
    needs: ["refuse"],
    async test(trial) {
      const size = groupOf(trial);
      const names = Array.from({ length: size }, (_, at) => `message ${at}`);
      const bad = Math.floor(size / 2);
      await trial.refuse(names[bad] as string);
      const results: Promise<unknown>[] = [];
      for (const [at, name] of names.entries())
        results.push(...(await handedOver(trial, name, numbered(at))));
      for (const [at, result] of (await Promise.all(results)).entries()) {
        if (result instanceof Broken) throw result;
        const name = names[at] as string;
        if (at === bad)
          keep(result instanceof Error, `the delivery of "${name}", which is refused, must be rejected`);
        else if (result !== "new")
          throw new Broken(
            `if one message of a group is refused, the others must be stored: "${name}" was rejected with ${told(result)}`,
            { cause: result },
          );
      }
      const stored = names.map((_, at) => numbered(at)).filter((_, at) => at !== bad);
      await trial.stores(stored, "after one message of a group was refused");
    },
  },
  {
    name: "a message of a group, if one is declared, that is aborted leaves the others as they are",
    async test(trial) {
      groupOf(trial);
      const committed = await committing(trial, [["first", ONE]]);
      const begun = await trial.begin("aborted");
      await trial.write(begun, TWO.subarray(0, 10));
      await trial.abort(begun);
      await Promise.all(committed);
      await trial.stores([ONE], "after one message of a group was aborted");
      await trial.deliver("aborted", TWO);
      await trial.stores([ONE, TWO], "after the aborted message came again");
    },
  },
  {
    name: "a run with a smaller fence than an earlier one of the same mailbox is refused",
    needs: ["respectsFences"],
    async test(trial) {
      const { fence } = await trial.ledgerOf();
      await trial.deliver("first", ONE, { fence });
      const stale = fence - 1n;
      await trial.calls.rejected("a delivery with a smaller fence", () =>
        trial.tryDeliver("stale", TWO, { fence: stale }),
      );
      await trial.stores([ONE], "after a run with a smaller fence");
      await trial.deliver("second", TWO, { fence });
      // A ledger has the fence of each mailbox itself.
      const other = trial.hasLedger ? {} : { fence: stale };
      await trial.deliver("other", ONE, { ...other, mailbox: `other.${ANN}` });
      await trial.stores([ONE, TWO, ONE], "after runs with the right fences");
    },
  },
  {
    name: "a run that has lost its mailbox in the middle of a message is refused",
    needs: ["respectsFences"],
    async test(trial) {
      const { fence } = await trial.ledgerOf();
      const stale = await trial.ifBegun("stale", { fence: fence - 1n });
      if (stale !== undefined) await trial.write(stale, TWO);
      await trial.deliver("first", ONE, { fence });
      if (stale !== undefined)
        await trial.calls.rejected("commit() with a smaller fence", () => trial.complete(stale));
      await trial.stores([ONE], "after a run with a smaller fence");
    },
  },
  {
    name: "fences are remembered over a restart",
    needs: ["respectsFences", "reopen"],
    async test(trial) {
      const { fence } = await trial.ledgerOf();
      await trial.deliver("first", ONE, { fence });
      const to = await trial.restart();
      await trial.calls.rejected("a delivery with a smaller fence, after a restart", () =>
        trial.tryDeliver("stale", TWO, { fence: fence - 1n, to }),
      );
      await trial.stores([ONE], "after a run with a smaller fence");
    },
  },
  {
    name: "commit() that answers { recorded }, if it does, has recorded the entry that it was given",
    async test(trial) {
      await trial.deliver("first", ONE);
      await trial.deliver("second", TWO, { headersOnly: true });
      await trial.deliver("of another mailbox", ONE, { mailbox: `other.${ANN}` });
      await trial.stores([ONE, TWO, ONE], "after three messages");
    },
  },
];

/** The most messages that a case overlaps. */
function sizeOf(group: DeliveryGroup | undefined): number {
  const { messages, bytes } = group ?? { messages: 1, bytes: Infinity };
  return Math.max(1, Math.min(MOST, messages, Math.floor(bytes / LONGEST)));
}

/** The number of messages that a case overlaps: two or more. */
function groupOf({ destination: { group } }: DestinationTrial): number {
  if (group === undefined) throw new NotApplicable("the destination declares no group");
  const size = sizeOf(group);
  if (size < 2) throw new NotApplicable("the group of the destination is too small for two messages");
  return size;
}

/** Begins messages one after the other, without waiting for `commit`. */
async function committing(
  trial: DestinationTrial,
  messages: readonly (readonly [name: string, message: Buffer])[],
): Promise<Promise<"new" | "known">[]> {
  const committed: Promise<"new" | "known">[] = [];
  for (const [name, message] of messages) {
    const begun = await trial.begin(name);
    await trial.write(begun, message);
    committed.push(trial.complete(begun));
  }
  return committed;
}

/** A message that is on its way and has been stored in the meantime. */
async function twins(trial: DestinationTrial): Promise<Begun[]> {
  const begun = await trial.begin("known");
  await trial.write(begun, TWO);
  await trial.deliver("known", ONE);
  return [begun];
}

/** Delivers a message up to `commit`. What comes of it is in the array, which is not waited for. */
async function handedOver(
  trial: DestinationTrial,
  name: string,
  message: Buffer,
): Promise<[outcome: Promise<unknown>]> {
  let begun: Begun | "known" | undefined;
  try {
    begun = await trial.tryBegin(name, message.length);
    if (begun === "known") return [Promise.resolve(begun)];
    await trial.write(begun, message);
  } catch (error) {
    if (typeof begun === "object") await trial.abort(begun);
    return [Promise.resolve(error)];
  }
  return [trial.complete(begun).catch((error: unknown) => error)];
}
