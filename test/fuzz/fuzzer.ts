// Searches for an input that breaks a target. It keeps the inputs that take a branch which no other has taken, or take it
// more often, and changes those.
import { Chance } from "../simulation/chance.ts";
import { Mutator } from "./mutator.ts";
import { failureOf, type Failure } from "./failure.ts";
import type { Target } from "./target.ts";

/** The most octets of an input. Naive readers take quadratic time, and few bugs need more. */
const LONGEST = 2048;

/**
 * The most branches that an input may take, by its length. Reading each octet in a call of its own, in several ways of cutting,
 * takes a tenth of it; work that grows with the square of the length takes more.
 */
const BRANCHES = 100_000;
const BRANCHES_PER_OCTET = 1000;

/** How often a branch was taken, as a number from 0 to 7: 1, 2, 3, 4 to 7, 8 to 15, 16 to 31, 32 to 127, more. */
function frequency(hits: number): number {
  if (hits < 4) return hits - 1;
  return hits < 8 ? 3 : hits < 16 ? 4 : hits < 32 ? 5 : hits < 128 ? 6 : 7;
}

export class Fuzzer {
  readonly #target: Target;
  readonly #chance: Chance;
  readonly #mutator: Mutator;
  /** Branch and frequency → the shortest input that has it. */
  readonly #owners: (Buffer | undefined)[] = [];
  /** What is in `#owners`, in the order in which it was found. */
  readonly #features: number[] = [];
  /** How many inputs were tried. */
  inputs = 0;
  /** The input that the target has now, or had last. */
  current: Buffer = Buffer.alloc(0);
  /** Called before each input. */
  onInput: (data: Buffer) => void = () => {};

  constructor(target: Target, seed: number) {
    this.#target = target;
    this.#chance = new Chance(seed, target.name);
    this.#mutator = new Mutator(this.#chance, target.TOKENS, target.LONGEST ?? LONGEST);
  }

  /** The branches that were taken at least once. */
  get reached(): number {
    return this.#taken().size;
  }

  /** Branches, each counted once for each frequency. */
  get features(): number {
    return this.#features.length;
  }

  /** Returns a few short inputs that together take all branches that were {@link reached}. */
  needed(): readonly Buffer[] {
    const left = new Map<Buffer, Set<number>>();
    for (const feature of this.#features) {
      const owner = this.#owners[feature] as Buffer;
      left.set(owner, (left.get(owner) ?? new Set()).add(feature >> 3));
    }
    const needed: Buffer[] = [];
    while (left.size > 0) {
      // The one with the most branches that are left; of two with the same number, the shorter one.
      const [best] = [...left].toSorted(
        ([one, ones], [other, others]) => others.size - ones.size || one.length - other.length,
      );
      const [data, branches] = best as [Buffer, Set<number>];
      needed.push(data);
      for (const branch of [...branches])
        for (const [each, rest] of left) if (rest.delete(branch) && rest.size === 0) left.delete(each);
    }
    return needed;
  }

  /** The places of the branches that were never taken. */
  get missed(): readonly string[] {
    const taken = this.#taken();
    const missed = this.#target.branches.filter((_, index) => !taken.has(index));
    return [...new Set(missed.map(({ file, line }) => `${file}:${line}`))];
  }

  #taken(): Set<number> {
    return new Set([...this.#target.loading, ...this.#features.map((feature) => feature >> 3)]);
  }

  /** Tries a changed input. */
  step(): Promise<Failure | undefined> {
    return this.try(this.#mutator.mutate(this.#pick(), this.#pick()));
  }

  /** Tries an input, and keeps it if it does something new. Resolves with what is wrong. */
  async try(data: Buffer): Promise<Failure | undefined> {
    const { hits } = this.#target;
    hits.fill(0);
    this.inputs++;
    this.current = data;
    this.onInput(data);
    const failure = await failureOf(this.#target, data);
    if (failure !== undefined) return failure;
    const taken = this.#keep(data);
    if (taken > BRANCHES + BRANCHES_PER_OCTET * data.length)
      return { data, error: new Error(`takes ${taken} branches for ${data.length} octets`) };
    return undefined;
  }

  /** Returns how many branches were taken. */
  #keep(data: Buffer): number {
    const { hits } = this.#target;
    let taken = 0;
    for (let branch = 0; branch < hits.length; branch++) {
      const count = hits[branch] as number;
      if (count === 0) continue;
      taken += count;
      const feature = branch * 8 + frequency(count);
      const owner = this.#owners[feature];
      if (owner === undefined) this.#features.push(feature);
      if (owner === undefined || owner.length > data.length) this.#owners[feature] = data;
    }
    return taken;
  }

  /** Returns an input to change: one of the latest more often than another. */
  #pick(): Buffer {
    const known = this.#features.length;
    if (known === 0) return Buffer.alloc(0);
    const latest = this.#chance.below(4) === 0 ? Math.min(known, 32) : known;
    const feature = this.#features[known - 1 - this.#chance.below(latest)] as number;
    return this.#owners[feature] as Buffer;
  }
}
