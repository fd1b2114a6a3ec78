// Counts how often each fault could have happened at each step of a fetch, and how often it did.
import { ALL_KINDS, type Kind, type Pair } from "./faults.ts";
import { STEPS } from "./step.ts";

interface Count {
  opportunities: number;
  reached: number;
  /** A world with such an opportunity. */
  seed: number | undefined;
}

/** A fault that was possible at a step, and did not happen. */
export interface Missing extends Pair {
  readonly seed: number | undefined;
}

export class Coverage {
  readonly #counts: Map<Kind, Map<string, Count>> = new Map();

  /** Counts an opportunity. Returns how many there were for this pair. */
  opportunity(kind: Kind, step: string): number {
    return ++this.#at(kind, step).opportunities;
  }

  /** Counts a fault. */
  reached(kind: Kind, step: string): void {
    this.#at(kind, step).reached++;
  }

  /** How often a fault happened at a step. */
  count(kind: Kind, step: string): number {
    return this.#counts.get(kind)?.get(step)?.reached ?? 0;
  }

  /** Adds the counts of a world. `seed`: if the seed alone has decided what happened there. */
  add(other: Coverage, seed: number | undefined): void {
    for (const [kind, steps] of other.#counts)
      for (const [step, { opportunities, reached }] of steps) {
        const count = this.#at(kind, step);
        count.seed ??= seed;
        count.opportunities += opportunities;
        count.reached += reached;
      }
  }

  /** The number of pairs that were possible. */
  get pairs(): number {
    return [...this.#counts.values()].reduce((sum, steps) => sum + steps.size, 0);
  }

  /** Returns the pairs that were possible and did not happen. */
  missing(): Missing[] {
    return [...this.#counts].flatMap(([kind, steps]) =>
      [...steps].filter(([, { reached }]) => reached === 0).map(([step, { seed }]) => ({ kind, step, seed })),
    );
  }

  /** Returns what is wrong with the list of steps: steps that no world came to, and steps that are not listed. */
  wrongSteps(): { readonly never: readonly string[]; readonly unlisted: readonly string[] } {
    const seen = new Set([...this.#counts.values()].flatMap((steps) => [...steps.keys()]));
    return {
      never: STEPS.filter((step) => !seen.has(step)),
      unlisted: [...seen].filter((step) => !STEPS.includes(step)).sort(),
    };
  }

  /** The table of fault × step. */
  text(): string {
    return ALL_KINDS.map((kind) => {
      const steps = [...(this.#counts.get(kind) ?? [])].sort(([, a], [, b]) => b.reached - a.reached);
      const counts = steps.map(([step, { reached }]) => `${step}: ${String(reached)}`);
      return `${kind.padEnd(20)} ${counts.join(", ") || "no opportunity"}`;
    }).join("\n");
  }

  #at(kind: Kind, step: string): Count {
    const steps = this.#counts.get(kind) ?? new Map<string, Count>();
    this.#counts.set(kind, steps);
    let count = steps.get(step);
    if (count === undefined) steps.set(step, (count = { opportunities: 0, reached: 0, seed: undefined }));
    return count;
  }
}
