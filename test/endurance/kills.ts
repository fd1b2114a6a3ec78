// Kills a fetcher that delivers to a server of the test, at any moment, while new mail arrives.
import { expect } from "vitest";
import type { Pop3Server } from "popwright/testing";
import { settle, type Maildrop } from "./crashes.ts";
import type { Fetcher } from "./fetcher.ts";

/** Numbers from 0 to 1, the same in each run of the tests. */
export function randomFrom(seed: number): () => number {
  let random = seed;
  return () => (random = (random * 48_271) % 2_147_483_647) / 2_147_483_647;
}

export function maildropOf(server: Pop3Server, account: object): Maildrop {
  const maildrop = server.maildrop("ann");
  return {
    account,
    add: (messages) => {
      for (const message of messages) maildrop.add(Buffer.from(message, "latin1"));
    },
    count: () => maildrop.messages.length,
    free: () => server.idle(),
  };
}

export interface Kills {
  /** How many times it is killed. */
  readonly kills: number;
  /** How many messages come in all, at least. */
  readonly messages: number;
  readonly seed: number;
  /** The message with this number, from 1 on. */
  readonly message: (number: number) => string;
  /**
   * Resolves when the server gets the request with this number from now on, and is called before each run. So the fetcher
   * dies while the request is carried out. Every other fetcher dies at any moment.
   */
  readonly request: (nth: number) => Promise<unknown>;
}

/** Resolves with all messages that came, and the number of runs. */
export async function killAtRandom(
  fetcher: Fetcher,
  maildrop: Maildrop,
  { kills, messages, seed, message, request }: Kills,
): Promise<{ readonly wanted: string[]; readonly runs: number }> {
  const next = randomFrom(seed);
  const wanted: string[] = [];
  const batch = Math.max(20, Math.ceil((2 * messages) / kills));
  const fill = async (count: number): Promise<void> => {
    const added = Array.from({ length: count }, (_, index) => message(wanted.length + index + 1));
    wanted.push(...added);
    await maildrop.add(added);
  };
  await fill(batch);
  const began = performance.now();
  await settle(fetcher, maildrop);
  /** The latest moment at which one is killed; milliseconds. Before two fifths of it, it has hardly begun. */
  let latest = performance.now() - began;
  let runs = 0;
  for (let killed = 0; killed < kills; runs++) {
    expect(runs).toBeLessThan(4 * kills + 20);
    if ((await maildrop.count()) < batch / 2) await fill(batch);
    await maildrop.free();
    const asked = request(1 + Math.floor(next() * 2 * batch));
    const random = next();
    const byRequest = runs % 2 === 0;
    const run = await fetcher.run(byRequest ? { when: asked } : { after: latest * (0.4 + 0.6 * random) });
    if (run.killed) killed++;
    // Whatever else the machine does meanwhile, some get to their end.
    if (!byRequest) latest *= run.killed ? 1.03 : 0.9;
  }
  if (wanted.length < messages) await fill(messages - wanted.length);
  await settle(fetcher, maildrop);
  expect(await maildrop.count()).toBe(0);
  return { wanted, runs };
}

/** How often each message is there that was wanted; what was not wanted, and how many are missing or there too often. */
export function compare(
  there: readonly string[],
  wanted: readonly string[],
): { readonly lost: number; readonly twice: string[]; readonly foreign: number } {
  const left = new Map<string, number>();
  for (const message of wanted) left.set(message, (left.get(message) ?? 0) + 1);
  const known = new Set(wanted);
  const twice: string[] = [];
  for (const message of there.filter((each) => known.has(each))) {
    const more = left.get(message) as number;
    if (more === 0) twice.push(message);
    else left.set(message, more - 1);
  }
  const lost = [...left.values()].reduce((sum, number) => sum + number, 0);
  return { lost, twice, foreign: there.filter((each) => !known.has(each)).length };
}
