// Contenders in turn, again and again: what the machine does meanwhile meets all of them.
import { NoOutcome, type Outcome } from "./job.ts";

export interface Entry {
  readonly name: string;
  /** In how many of the rounds it takes part: slow ones need not be measured often. */
  readonly rounds: number;
  readonly run: () => Promise<Outcome>;
}

export interface Entered {
  readonly name: string;
  /** By round; a round without outcome has none. */
  readonly outcomes: readonly (Outcome | undefined)[];
  /** Why there is no outcome. One that failed is not asked again. */
  readonly failure: string | undefined;
}

export async function inTurn(entries: readonly Entry[]): Promise<Entered[]> {
  const results = entries.map(({ name }) => ({
    name,
    outcomes: [] as (Outcome | undefined)[],
    failure: undefined as string | undefined,
  }));
  const rounds = Math.max(...entries.map((entry) => entry.rounds));
  for (let round = 0; round < rounds; round++) {
    for (const [index, entry] of entries.entries()) {
      const result = results[index];
      if (result === undefined || round >= entry.rounds || result.failure !== undefined) continue;
      try {
        result.outcomes[round] = await entry.run();
      } catch (error) {
        if (!(error instanceof NoOutcome)) throw error;
        result.failure = error.message;
      }
    }
  }
  return results;
}

/** One value of each run, `undefined` where there is none. */
export function values({ outcomes }: Entered, name: string): (number | undefined)[] {
  return Array.from(outcomes, (outcome) => outcome?.[name]);
}

/** The same without the gaps. */
export function measured(entered: Entered, name: string): number[] {
  return values(entered, name).filter((value) => value !== undefined);
}
