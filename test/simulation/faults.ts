// Decides which faults happen, and when. Each has a number, so that a run can be repeated without some of them.
import type { Chance } from "./chance.ts";

/** What can go wrong, and how often at each opportunity while it is switched on. */
const KINDS = {
  kill: 0.004,
  "power loss": 0.0015,
  stop: 0.002,
  "clock jump": 0.001,
  "disk full": 0.006,
  "disk error": 0.004,
  "sync fails": 0.02,
  "short write": 0.05,
  "disk stalls": 0.004,
  cut: 0.006,
  reset: 0.006,
  "half-close": 0.004,
  silence: 0.004,
  trickle: 0.02,
  "no connection": 0.05,
  "refused for now": 0.05,
  "login delay": 0.02,
  "server restarts": 0.002,
  "retr refused": 0.02,
  "quit reply lost": 0.15,
  "quit without effect": 0.15,
  "quit refused": 0.1,
  "quit in part": 0.1,
} as const;

export type Kind = keyof typeof KINDS;

export const ALL_KINDS: readonly Kind[] = Object.keys(KINDS) as Kind[];

/** How often each fault happened at each step: `fault` → `step` → count. */
export type Coverage = Map<string, Map<string, number>>;

export class Faults {
  readonly #chance: Chance;
  readonly #rates: Map<Kind, number> = new Map();
  readonly #without: ReadonlySet<number>;
  readonly #tell: (what: string) => void;
  readonly coverage: Coverage = new Map();
  /** Of the faults that happened: their numbers. */
  readonly happened: number[] = [];
  #count = 0;
  #over = false;

  /** `without`: the numbers of faults that must not happen. */
  constructor(chance: Chance, without: ReadonlySet<number>, tell: (what: string) => void) {
    this.#chance = chance;
    this.#without = without;
    this.#tell = tell;
    // Each world has only some kinds, some of them more often: what is rare together is found like this.
    for (const kind of ALL_KINDS)
      if (chance.happens(0.45)) this.#rates.set(kind, KINDS[kind] * chance.between(0.3, 3));
  }

  /** No fault happens any more. */
  end(): void {
    this.#over = true;
  }

  /** Decides whether a fault happens at a step. */
  strikes(kind: Kind, step: string): boolean {
    const rate = this.#rates.get(kind);
    if (this.#over || rate === undefined || !this.#chance.happens(rate)) return false;
    const number = this.#count++;
    if (this.#without.has(number)) return false;
    this.happened.push(number);
    const steps = this.coverage.get(kind) ?? new Map<string, number>();
    this.coverage.set(kind, steps.set(step, (steps.get(step) ?? 0) + 1));
    this.#tell(`fault ${String(number)}: ${kind}, at ${step}`);
    return true;
  }
}
