// The promises of a destination about a message: it is stored whole and unchanged, or nothing of it is stored.
import { keep } from "../calls.ts";
import type { Promised } from "../case.ts";
import type { DestinationContractOptions } from "./options.ts";
import { HARD, ONE, SIZES, TWO } from "./samples.ts";
import type { Begun, DestinationTrial } from "./trial.ts";

type DestinationPromise = Promised<DestinationTrial, DestinationContractOptions>;

const BYTES = Object.entries(HARD).map(([what, message]): DestinationPromise => ({
  name: `a message is kept as the destination says: ${what}`,
  needs: ["messages", "keeps"],
  async test(trial) {
    if (message.length === 0 && trial.refusesEmpty) return isRefused(trial, message);
    await trial.deliver("hard", message);
    await trial.stores([message], "after commit()");
  },
}));

/** The destination says that it refuses this message. */
async function isRefused(trial: DestinationTrial, message: Buffer): Promise<void> {
  const before = await trial.contents();
  const result = await trial.outcome(trial.tryDeliver("refused", message));
  keep(result === undefined, `an empty message must be refused (the option refusesEmpty says so)`);
  await trial.stores([], "after the refusal");
  await trial.hasOnly(before, "after the refusal");
}

const PIECES = Object.entries(SIZES).map(([how, sizes]): DestinationPromise => ({
  name: `a message is kept however it comes: ${how}`,
  needs: ["messages", "keeps"],
  async test(trial) {
    const messages = [ONE, Buffer.from("a\rb\nc\r\n.\r\n\r\nFrom x\r\nend")];
    if (!trial.refusesEmpty) messages.push(Buffer.alloc(0));
    if (sizes[0] !== 1) messages.push(HARD["3 MiB"] as Buffer);
    for (const [at, message] of messages.entries()) await trial.deliver(`message ${at}`, message, { sizes });
    await trial.stores(messages, `after messages that came ${how}`);
  },
}));

/** How far a delivery comes before it is aborted. */
const STEPS: readonly (readonly [
  step: string,
  to: (trial: DestinationTrial, begun: Begun) => Promise<void>,
])[] = [
  ["before the first byte", async () => {}],
  ["after a part of it", (trial, begun) => trial.write(begun, ONE.subarray(0, 10))],
  ["after all of it", (trial, begun) => trial.write(begun, HARD["3 MiB"] as Buffer)],
  [
    "after prepare()",
    async (trial, begun) => {
      await trial.write(begun, ONE);
      await trial.prepare(begun);
    },
  ],
];

const ABORTS = STEPS.map(([step, to]): DestinationPromise => ({
  name: `abort() leaves nothing of a message: ${step}`,
  async test(trial) {
    await trial.deliver("first", ONE);
    const before = await trial.contents();
    const begun = await trial.begin("aborted");
    await to(trial, begun);
    await trial.abort(begun);
    await trial.stores([ONE], "after abort()");
    await trial.hasOnly(before, "after abort()");
    await trial.isUnrecorded(begun, "after abort()");
    await trial.deliver("aborted", TWO);
    await trial.stores([ONE, TWO], "after the message came again");
  },
}));

export const WHOLE: readonly DestinationPromise[] = [
  {
    name: "a message is stored when commit() has resolved, and not before",
    async test(trial) {
      const begun = await trial.begin("first");
      await trial.stores([], "after begin()");
      await trial.write(begun, ONE);
      await trial.stores([], "after write()");
      await trial.prepare(begun);
      await trial.stores([], "before commit()");
      keep((await trial.commitOnly(begun)) === "new", 'commit() of a new message must give "new"');
      await trial.stores([ONE], "after commit()");
    },
  },
  {
    name: "commit() settles although no other message comes",
    async test(trial) {
      await trial.deliver("alone", ONE);
      await trial.stores([ONE], "after commit()");
    },
  },
  ...BYTES,
  ...PIECES,
  {
    name: "a message of which only the headers come is stored like any other",
    async test(trial) {
      await trial.deliver("headers", Buffer.from("Subject: large\r\n\r\n"), { headersOnly: true });
      await trial.deliver("whole", ONE);
      await trial.stores([Buffer.from("Subject: large\r\n\r\n"), ONE], "after both");
    },
  },
  ...ABORTS,
  {
    name: "a run that dies in a delivery leaves nothing that a reader sees",
    needs: ["reopen"],
    async test(trial) {
      const steps = STEPS.map(([, to], at) => [`died ${at}`, to] as const);
      for (const [name, to] of steps) await to(trial, await trial.begin(name));
      await trial.stores([], "before commit()");
      const to = await trial.restart();
      for (const [name] of steps) await trial.deliver(name, TWO, { to });
      await trial.stores(
        Array.from(steps, () => TWO),
        "after the next run",
      );
    },
  },
  {
    name: "a message that is refused leaves nothing, and others are stored",
    needs: ["refuse"],
    async test(trial) {
      await trial.deliver("first", ONE);
      await trial.refuse("refused");
      const before = await trial.contents();
      await trial.calls.rejected("the delivery of a message that is refused", () =>
        trial.tryDeliver("refused", TWO),
      );
      await trial.stores([ONE], "after a message was refused");
      await trial.hasOnly(before, "after a message was refused");
      await isUnrecorded(trial, "refused");
      await trial.deliver("second", TWO);
      await trial.stores([ONE, TWO], "after a message was refused");
    },
  },
  {
    name: "a write that fails leaves nothing, and the message can come again",
    needs: ["failWrites"],
    async test(trial) {
      await trial.deliver("first", ONE);
      const before = await trial.contents();
      const repair = await trial.breakWrites();
      await trial.calls.rejected("a delivery whose writes fail", () => trial.tryDeliver("second", TWO));
      await repair();
      await trial.stores([ONE], "after a write has failed");
      await trial.hasOnly(before, "after a write has failed");
      await isUnrecorded(trial, "second");
      await trial.deliver("second", TWO);
      await trial.stores([ONE, TWO], "after the message came again");
    },
  },
  {
    name: "writes that begin to fail on the way leave nothing",
    needs: ["failWrites"],
    async test(trial) {
      const before = await trial.contents();
      const begun = await trial.begin("first");
      await trial.write(begun, ONE.subarray(0, 10));
      const repair = await trial.breakWrites();
      await trial.calls.rejected("a delivery whose writes fail", () => trial.finish(begun, ONE.subarray(10)));
      await repair();
      await trial.stores([], "after a write has failed");
      await trial.hasOnly(before, "after a write has failed");
    },
  },
  {
    name: "an aborted signal ends a delivery, which is then stored as a whole or not at all",
    async test(trial) {
      const before = await trial.contents();
      let stored = 0;
      for (const when of ["begin", "write", "commit"] as const) {
        const controller = new AbortController();
        const abort = (): void => controller.abort(new Error("no longer needed"));
        const result = await trial.outcome(
          deliverAborted(trial, `aborted at ${when}`, controller, when, abort),
        );
        if (result === "new") stored++;
        await trial.stores(
          Array.from({ length: stored }, () => ONE),
          `after the signal was aborted at ${when}`,
        );
      }
      if (stored === 0) await trial.hasOnly(before, "after the signal was aborted");
      await trial.deliver("another", TWO);
    },
  },
];

async function isUnrecorded(trial: DestinationTrial, name: string): Promise<void> {
  const has = (await (await trial.ledgerOf()).load()).has(name);
  keep(
    !has,
    "the ledger must have no entry of a message that is not stored: it would never be fetched again",
  );
}

/** Delivers a message whose signal is aborted on the way. */
async function deliverAborted(
  trial: DestinationTrial,
  name: string,
  { signal }: AbortController,
  when: "begin" | "write" | "commit",
  abort: () => void,
): Promise<"new" | "known"> {
  if (when === "begin") abort();
  const begun = await trial.tryBegin(name, ONE.length, { signal });
  if (begun === "known") return "known";
  if (when === "write") abort();
  const finished = trial.finish(begun, ONE);
  if (when === "commit") abort();
  return finished;
}
