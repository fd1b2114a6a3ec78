// Random numbers from a seed, the same in every run and on every version of Node (sfc32).

export class Chance {
  #a: number;
  #b: number;
  #c: number;
  #d = 1;

  /** `name`: what the numbers are for. Numbers for different things do not depend on each other. */
  constructor(seed: number, name: string) {
    let hash = 0x811c9dc5 ^ seed;
    for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
    [this.#a, this.#b, this.#c] = [seed | 0, hash | 0, 0x9e3779b9 ^ hash];
    for (let count = 0; count < 15; count++) this.next();
  }

  /** Returns a number from 0 up to, but not including, 1. */
  readonly next = (): number => {
    const sum = (this.#a + this.#b + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 0x1_0000_0000;
  };

  /** Returns whether something happens that happens with this probability. */
  happens(probability: number): boolean {
    return this.next() < probability;
  }

  /** Returns a whole number from 0 to `end` - 1. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** Returns a number between two others. Small ones are as frequent as large ones: each factor counts alike. */
  between(least: number, most: number): number {
    return least * (most / least) ** this.next();
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** Returns octets, as `randomBytes` does. */
  octets(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }
}
