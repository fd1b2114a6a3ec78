// Numbers that only look random: the same from the same seed, on both sides of the wire.

export class Random {
  #state: number;

  constructor(seed: number) {
    // A multiplicative generator (modulo 2^31 - 1) never leaves 0.
    this.#state = (seed % 0x7ffffffe) + 1;
  }

  /** An integer from 0 up to `bound`, which is not reached. */
  below(bound: number): number {
    this.#state = (this.#state * 48_271) % 0x7fffffff;
    return Math.floor((this.#state / 0x7fffffff) * bound);
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }
}
