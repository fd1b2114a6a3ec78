// Counts how often each fault could have happened at each step of a fetch, and how often it did.
import { ALL_KINDS, type Kind, type Pair } from "./faults.ts";
import { STEPS } from "./step.ts";

/** Pairs that no world reaches, and why. */
const NEVER: readonly (Pair & { readonly why: string })[] = [];

interface Count {
  opportunities: number;
  reached: number;
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

  add(other: Coverage): void {
    for (const [kind, steps] of other.#counts)
      for (const [step, { opportunities, reached }] of steps) {
        const count = this.#at(kind, step);
        count.opportunities += opportunities;
        count.reached += reached;
      }
  }

  /** The number of pairs that were possible. */
  get pairs(): number {
    return [...this.#counts.values()].reduce((sum, steps) => sum + steps.size, 0);
  }

  /** Returns the pairs that were possible and did not happen, without those that have a reason. */
  missing(): Pair[] {
    return [...this.#counts].flatMap(([kind, steps]) =>
      [...steps]
        .filter(
          ([step, { reached }]) =>
            reached === 0 && !NEVER.some((each) => each.kind === kind && each.step === step),
        )
        .map(([step]) => ({ kind, step })),
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
    const lines = ALL_KINDS.map((kind) => {
      const steps = [...(this.#counts.get(kind) ?? [])].sort(([, a], [, b]) => b.reached - a.reached);
      const counts = steps.map(([step, { reached }]) => `${step}: ${String(reached)}`);
      return `${kind.padEnd(20)} ${counts.join(", ") || "no opportunity"}`;
    });
    const reasons = NEVER.map(({ kind, step, why }) => `${kind}@${step} never happens: ${why}`);
    return [...lines, ...reasons].join("\n");
  }

  #at(kind: Kind, step: string): Count {
    const steps = this.#counts.get(kind) ?? new Map<string, Count>();
    this.#counts.set(kind, steps);
    let count = steps.get(step);
    if (count === undefined) steps.set(step, (count = { opportunities: 0, reached: 0 }));
    return count;
  }
}
