// Kills a fetcher, at a given step or at any moment. In the end every message must be there once, byte for
// byte, and the maildrop must hold what the policy says.
import { expect } from "vitest";
import { mail, mails } from "../support/mail.ts";
import { mboxForm } from "../support/mbox-form.ts";
import { Fetcher, type Kind, type Point } from "./fetcher.ts";

const DELETE = { delete: "delivered" } as const;
/** Messages in the maildrop of a fetcher that dies at a point. */
export const COUNT = 6;

/** The maildrop that is fetched from, and its server. */
export interface Maildrop {
  readonly account: object;
  add(messages: readonly string[]): Promise<void> | void;
  count(): Promise<number> | number;
  /** Resolves when a run can have it: no session of the one that was killed holds it any more. */
  free(): Promise<void>;
}

/** The n-th time that the fetcher comes by a point, and whether it is to delete. */
export type Moment = readonly [at: Point, nth: number, deletes: boolean];

/** For a maildrop of {@link COUNT} messages. */
export const MOMENTS: readonly Moment[] = (
  ["write", "before commit", "commit", "delivered", "deleted"] as const
).flatMap((point) =>
  [1, COUNT].flatMap((nth) => [true, false].map((deletes) => [point, nth, deletes] as const)),
);

/** Whether everything was delivered, and noted, at that moment. */
export function isDelivered([at, nth]: Moment): boolean {
  return at === "deleted" || (at === "delivered" && nth === COUNT);
}

/** A last run, without a crash, whatever happened before it. Resolves with its report. */
export async function settle(fetcher: Fetcher, maildrop: Maildrop): Promise<Record<string, unknown>> {
  await maildrop.free();
  const { report } = await fetcher.run();
  expect(report).toMatchObject({ outcome: "done", failed: [] });
  return report ?? {};
}

export async function expectAll(fetcher: Fetcher, wanted: readonly string[]): Promise<void> {
  const { messages, temporary } = await fetcher.delivered();
  expect(messages.sort()).toEqual([...wanted].sort());
  expect(temporary).toBe(0);
}

async function expectAllInMbox(fetcher: Fetcher, wanted: readonly string[]): Promise<void> {
  expect((await fetcher.inMbox()).sort()).toEqual(formsOf(wanted).sort());
  // What is left of a lock is too young to be swept.
  const names = await fetcher.namesNextToMbox();
  expect(
    names.filter((name) => !/^inbox\.lock\.(?:[0-9a-f]{16}\.)*(?:tmp|[0-9a-f]{16})$/.test(name)),
  ).toEqual([]);
}

/** How many messages in the mbox are not whole; only the last one may be, and a note says what it is. */
async function unfinished(fetcher: Fetcher, wanted: readonly string[]): Promise<number> {
  const forms = new Set(formsOf(wanted));
  const bodies = await fetcher.inMbox();
  const whole = bodies.filter((body) => forms.has(body));
  expect(new Set(whole).size).toBe(whole.length);
  const isNoted = (await fetcher.namesNextToMbox()).some((name) => name.startsWith(".inbox.popwright-"));
  expect(isNoted || whole.length === bodies.length).toBe(true);
  return bodies.length - whole.length;
}

function formsOf(messages: readonly string[]): string[] {
  return messages.map((message) => mboxForm(Buffer.from(message, "latin1")).toString("latin1"));
}

/**
 * Checks that a program has seen each message completely, every time, and under the same key. Waits until the
 * programs that a killed fetcher has left have ended. Resolves to how many messages it saw more than once.
 */
async function expectAllWithKeys(fetcher: Fetcher, wanted: readonly string[]): Promise<number> {
  let { messages, names, temporary } = await fetcher.delivered();
  while (temporary > 0) {
    await new Promise((resolve) => setImmediate(resolve));
    ({ messages, names, temporary } = await fetcher.delivered());
  }
  const keys = new Map<string, Set<string>>();
  for (const [index, message] of messages.entries()) {
    const key = names[index]?.split(".", 1)[0] as string;
    keys.set(message, (keys.get(message) ?? new Set()).add(key));
  }
  const all = new Set(wanted);
  const cut = [...keys.keys()].filter((message) => !all.has(message));
  expect(cut.map(({ length }) => `a message that was never sent, of ${length} bytes`)).toEqual([]);
  expect(keys.size).toBe(all.size);
  expect([...keys.values()].filter(({ size }) => size !== 1)).toEqual([]);
  return messages.length - wanted.length;
}

/** A fetcher that dies at a moment, and another one that goes on from there. The maildrop is empty before. */
export async function dieAt(maildrop: Maildrop, moment: Moment): Promise<void> {
  const [at, nth, deletes] = moment;
  await maildrop.add(mails(COUNT));
  await using fetcher = await Fetcher.create(maildrop.account, deletes ? DELETE : {});
  const { killed } = await fetcher.run({ at, nth });
  // "deleted" is recorded once for all messages, and only if one was deleted.
  expect(killed).toBe(at !== "deleted" || (deletes && nth === 1));
  const report = await settle(fetcher, maildrop);
  if (isDelivered(moment)) expect(report).toMatchObject({ delivered: 0, known: 0, octets: 0 });
  await expectAll(fetcher, mails(COUNT));
  expect(await maildrop.count()).toBe(deletes ? 0 : COUNT);
}

export interface RandomDeaths {
  /** How many times it is killed. */
  readonly kills: number;
  /** New messages that come when there are less than half as many. */
  readonly batch: number;
  /** The number of messages for each session. */
  readonly commitEvery: number;
  /** From 1 on. */
  readonly seed: number;
  /** @default "maildir" */
  readonly kind?: Kind;
}

/**
 * Kills a fetcher at random, again and again, while new mail arrives and every delivered message is deleted.
 * Returns the number of messages, the number of runs, and how many messages came again, with their keys.
 */
export async function dieAtRandom(
  maildrop: Maildrop,
  { kills, batch, commitEvery, seed, kind = "maildir" }: RandomDeaths,
): Promise<{ readonly messages: number; readonly runs: number; readonly again: number }> {
  await using fetcher = await Fetcher.create(maildrop.account, { ...DELETE, commitEvery }, kind);
  const wanted: string[] = [];
  const fill = async (): Promise<void> => {
    const messages = Array.from({ length: batch }, (_, index) => {
      const number = wanted.length + index + 1;
      // From a line to what takes several packets; for a program, some that take a while to come.
      if (kind === "command" && number % 5 === 0)
        return mail(number, "x\r\n".repeat((number * 7919) % 200_000));
      return mail(number, "x".repeat((number * 7919) % 9000));
    });
    wanted.push(...messages);
    await maildrop.add(messages);
  };
  await fill();
  const began = performance.now();
  await settle(fetcher, maildrop);
  /** The latest moment at which one is killed; milliseconds. Before two fifths of it, it has hardly begun. */
  let latest = performance.now() - began;
  let random = seed;
  const next = (): number => (random = (random * 48_271) % 2_147_483_647) / 2_147_483_647;
  let runs = 0;
  for (let killed = 0; killed < kills; runs++) {
    expect(runs).toBeLessThan(3 * kills + 20);
    await maildrop.free();
    if ((await maildrop.count()) < batch / 2) await fill();
    const run = await fetcher.run({ after: latest * (0.4 + 0.6 * next()) });
    if (run.killed) killed++;
    // Nothing but what a killed process has begun last is not whole, and that it has noted.
    if (kind === "mbox") expect(await unfinished(fetcher, wanted)).toBeLessThanOrEqual(1);
    // Whatever else the machine does meanwhile, one of five or so gets to its end.
    latest *= run.killed ? 1.03 : 0.9;
  }
  await settle(fetcher, maildrop);
  let again = 0;
  if (kind === "mbox") await expectAllInMbox(fetcher, wanted);
  else if (kind === "command") again = await expectAllWithKeys(fetcher, wanted);
  else await expectAll(fetcher, wanted);
  expect(await maildrop.count()).toBe(0);
  return { messages: wanted.length, runs, again };
}
