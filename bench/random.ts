// Pseudo-random numbers: the same seed gives the same numbers in client and server.

export class Random {
  #state: number;

  constructor(seed: number) {
    // A multiplicative generator (modulo 2^31 - 1) never leaves 0.
    this.#state = (seed % 0x7ffffffe) + 1;
  }

  /** Returns an integer >= 0 and < `bound`. */
  below(bound: number): number {
    this.#state = (this.#state * 48_271) % 0x7fffffff;
    return Math.floor((this.#state / 0x7fffffff) * bound);
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }
}
