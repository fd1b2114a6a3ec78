// Runs the clients in turn, round after round, so that other load on the machine affects all of them.
import { NoOutcome, type Outcome } from "./job.ts";

export interface Entry {
  readonly name: string;
  /** The number of rounds in which it takes part: slow clients are measured less often. */
  readonly rounds: number;
  readonly run: () => Promise<Outcome>;
}

export interface Entered {
  readonly name: string;
  /** The outcomes by round; `undefined` for a round without an outcome. */
  readonly outcomes: readonly (Outcome | undefined)[];
  /** The reason why there is no outcome. A client that failed does not run again. */
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

/** Returns one value of each run; `undefined` for a run without it. */
export function values({ outcomes }: Entered, name: string): (number | undefined)[] {
  return Array.from(outcomes, (outcome) => outcome?.[name]);
}

/** Returns the same values without `undefined`. */
export function measured(entered: Entered, name: string): number[] {
  return values(entered, name).filter((value) => value !== undefined);
}
