// Decides which faults happen, and when. Each has a name, so that a run can be repeated with some of them alone.
import type { Chance } from "./chance.ts";
import { Coverage } from "./coverage.ts";

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

/** The kinds of wide worlds only. Their chances do not depend on those of the others. */
const WIDE_KINDS = {
  "in use": 0.03,
  "login refused": 0.02,
  "greeting refused": 0.02,
  "listing refused": 0.03,
  "dele refused": 0.03,
  "unique-ids change": 0.02,
  "host down": 0.002,
  "delivery refused": 0.02,
  "delivery refused for now": 0.02,
  "destination down": 0.02,
  "delivery hangs": 0.02,
  "delivery breaks off": 0.02,
  "delivery answer lost": 0.03,
} as const;

/** Kinds of wide worlds that came later still. Each group has chances of its own, so it does not change the others. */
const LATER_KINDS = {
  "kill in a write": 0.2,
} as const;

export type Kind = keyof typeof KINDS | keyof typeof WIDE_KINDS | keyof typeof LATER_KINDS;

export const ALL_KINDS: readonly Kind[] = [KINDS, WIDE_KINDS, LATER_KINDS].flatMap(
  (kinds) => Object.keys(kinds) as Kind[],
);

/** A kind of fault at a step of a fetch. */
export interface Pair {
  readonly kind: Kind;
  readonly step: string;
}

/** One fault of a world. */
export interface Fault extends Pair {
  /** Which opportunity for this pair it was; the first one is 1. */
  readonly nth: number;
}

export interface FaultsOptions {
  readonly chance: Chance;
  /** The chances of a wide world: one for each group of kinds. */
  readonly wide?: Chance | undefined;
  readonly later?: Chance | undefined;
  /** If it is given, just these faults happen. */
  readonly only?: readonly Fault[] | undefined;
  /** A pair that is to happen at the first opportunity, in addition to the others. */
  readonly aim?: Pair | undefined;
  readonly tell: (what: string) => void;
}

export class Faults {
  readonly #options: FaultsOptions;
  readonly #rates: Map<string, { readonly rate: number; readonly chance: Chance }> = new Map();
  readonly #only: ReadonlySet<string> | undefined;
  readonly coverage: Coverage = new Coverage();
  /** The faults that happened. */
  readonly happened: Fault[] = [];
  #over = false;

  constructor(options: FaultsOptions) {
    this.#options = options;
    const { chance, wide, later, only } = options;
    this.#only = only && new Set(only.map(nameOf));
    this.#choose(KINDS, chance);
    if (wide !== undefined) this.#choose(WIDE_KINDS, wide);
    if (later !== undefined) this.#choose(LATER_KINDS, later);
  }

  /** Each world has only some kinds, some of them more often: what is rare together is found like this. */
  #choose(kinds: Readonly<Record<string, number>>, chance: Chance): void {
    for (const [kind, rate] of Object.entries(kinds))
      if (chance.happens(0.45)) this.#rates.set(kind, { rate: rate * chance.between(0.3, 3), chance });
  }

  /** No fault happens any more. */
  end(): void {
    this.#over = true;
  }

  /** Decides whether a fault happens at a step. */
  strikes(kind: Kind, step: string): boolean {
    if (this.#over) return false;
    const nth = this.coverage.opportunity(kind, step);
    if (!this.#decide(kind, step, nth)) return false;
    const fault = { kind, step, nth };
    this.happened.push(fault);
    this.coverage.reached(kind, step);
    this.#options.tell(`fault ${nameOf(fault)}`);
    return true;
  }

  #decide(kind: Kind, step: string, nth: number): boolean {
    if (this.#only !== undefined) return this.#only.has(nameOf({ kind, step, nth }));
    const { aim } = this.#options;
    const odds = this.#rates.get(kind);
    if (odds?.chance.happens(odds.rate * weightOf(step)) === true) return true;
    return aim?.kind === kind && aim.step === step && this.coverage.count(kind, step) === 0;
  }
}

/** A poll sends few commands, and has many operations of the disk. */
function weightOf(step: string): number {
  return /^[A-Z]+$/.test(step) ? 4 : 1;
}

/** Returns the name of a fault, for example `kill@fsync journal#2`. */
export function nameOf({ kind, step, nth }: Fault): string {
  return `${kind}@${step}#${String(nth)}`;
}

/** Returns the pair or the fault with this name. Throws if there is no such kind. */
export function pairOf(name: string): Pair {
  const at = name.indexOf("@");
  const kind = ALL_KINDS.find((each) => each === name.slice(0, Math.max(0, at)));
  if (kind === undefined) throw new Error(`${name} is not the name of a fault, such as kill@fsync journal`);
  return { kind, step: name.slice(at + 1) };
}

/** Returns the fault with this name. Throws if it has no number. */
export function faultOf(name: string): Fault {
  const at = name.lastIndexOf("#");
  const nth = Number(name.slice(at + 1));
  if (at === -1 || !Number.isInteger(nth) || nth < 1)
    throw new Error(`${name} is not the name of a fault, such as kill@fsync journal#2`);
  return { ...pairOf(name.slice(0, at)), nth };
}
