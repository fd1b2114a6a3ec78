// Changes an input a little: bits, octets, parts, tokens, numbers.
import type { Chance } from "../simulation/chance.ts";

/** Octets at which parsers decide. */
const OCTETS = [0, 1, 9, 10, 13, 32, 34, 37, 43, 45, 46, 47, 48, 57, 58, 60, 61, 62, 63, 92, 127, 128, 255];

/** Numbers at which counters and checks go wrong. */
const NUMBERS = [
  ...["0", "1", "-1", "00", "007", "+1", "1.5", "1e9", "0x10", "255", "256", "65535", "65536"],
  ...["2147483647", "2147483648", "4294967295", "4294967296", "9007199254740991", "9007199254740992"],
  ...["999999999", "9999999999999999", "18446744073709551616", "1".repeat(40)],
];

/** The most changes of one input. */
const MOST = 8;

type Change = (data: Buffer) => Buffer;

export class Mutator {
  readonly #chance: Chance;
  readonly #tokens: readonly Buffer[];
  readonly #longest: number;
  readonly #changes: readonly Change[];

  /** `longest`: the most octets of an input. */
  constructor(chance: Chance, tokens: readonly string[], longest: number) {
    this.#chance = chance;
    this.#tokens = tokens.map((token) => Buffer.from(token, "latin1"));
    this.#longest = longest;
    const token: readonly Change[] =
      tokens.length === 0 ? [] : [this.#insertToken, this.#insertToken, this.#putToken];
    this.#changes = [
      ...[this.#flip, this.#put, this.#insert, this.#remove, this.#remove, this.#copy, this.#repeat],
      ...[this.#cut, this.#number, this.#swap, this.#turnCase],
      ...token,
    ];
  }

  /** Returns a changed copy of `data`. `other`: an input of which parts may be taken. */
  mutate(data: Buffer, other: Buffer): Buffer {
    let changed: Buffer = Buffer.from(data);
    if (this.#chance.below(8) === 0) changed = this.#splice(changed, other);
    const changes = 1 + this.#chance.below(1 + this.#chance.below(MOST));
    for (let count = 0; count < changes; count++) changed = this.#chance.pick(this.#changes)(changed);
    return changed.subarray(0, this.#longest);
  }

  readonly #flip: Change = (data) => {
    if (data.length === 0) return data;
    const at = this.#chance.below(data.length);
    data[at] = (data[at] as number) ^ (1 << this.#chance.below(8));
    return data;
  };

  readonly #put: Change = (data) => {
    if (data.length > 0) data[this.#chance.below(data.length)] = this.#octet();
    return data;
  };

  readonly #insert: Change = (data) => this.#inserted(data, Buffer.of(this.#octet()));

  readonly #insertToken: Change = (data) => this.#inserted(data, this.#chance.pick(this.#tokens));

  readonly #putToken: Change = (data) => {
    const token = this.#chance.pick(this.#tokens);
    const at = this.#chance.below(data.length + 1);
    return Buffer.concat([data.subarray(0, at), token, data.subarray(at + token.length)]);
  };

  readonly #remove: Change = (data) => {
    const [from, to] = this.#range(data);
    return Buffer.concat([data.subarray(0, from), data.subarray(to)]);
  };

  readonly #copy: Change = (data) => this.#inserted(data, data.subarray(...this.#range(data)));

  readonly #repeat: Change = (data) => {
    const [from, to] = this.#range(data);
    const times = 2 ** (1 + this.#chance.below(7));
    const part = data.subarray(from, Math.min(to, from + Math.floor(this.#longest / times)));
    return Buffer.concat([data.subarray(0, from), ...Array<Buffer>(times).fill(part), data.subarray(to)]);
  };

  readonly #cut: Change = (data) => data.subarray(0, this.#chance.below(data.length + 1));

  /** Puts another number in the place of one; inserts one if there is none. */
  readonly #number: Change = (data) => {
    const text = data.toString("latin1");
    const numbers = [...text.matchAll(/\d+/g)];
    const number = this.#chance.pick(NUMBERS);
    if (numbers.length === 0) return this.#inserted(data, Buffer.from(number));
    const found = this.#chance.pick(numbers);
    const next = this.#chance.below(3) === 0 ? String(Number(found[0]) + 1) : number;
    const [before, after] = [text.slice(0, found.index), text.slice(found.index + found[0].length)];
    return Buffer.from(`${before}${next}${after}`, "latin1");
  };

  /** Exchanges two lines. */
  readonly #swap: Change = (data) => {
    const lines = data.toString("latin1").split("\n");
    const [one, other] = [this.#chance.below(lines.length), this.#chance.below(lines.length)];
    [lines[one], lines[other]] = [lines[other] as string, lines[one] as string];
    return Buffer.from(lines.join("\n"), "latin1");
  };

  readonly #turnCase: Change = (data) => {
    const [from, to] = this.#range(data);
    for (let at = from; at < to; at++) {
      const octet = data[at] as number;
      if (/[A-Za-z]/.test(String.fromCharCode(octet))) data[at] = octet ^ 0x20;
    }
    return data;
  };

  #splice(data: Buffer, other: Buffer): Buffer {
    const [at, from] = [this.#chance.below(data.length + 1), this.#chance.below(other.length + 1)];
    return Buffer.concat([data.subarray(0, at), other.subarray(from)]);
  }

  #octet(): number {
    return this.#chance.below(2) === 0 ? this.#chance.pick(OCTETS) : this.#chance.below(256);
  }

  #inserted(data: Buffer, part: Buffer): Buffer {
    const at = this.#chance.below(data.length + 1);
    return Buffer.concat([data.subarray(0, at), part, data.subarray(at)]);
  }

  /** Returns a range; short ones are more frequent. */
  #range(data: Buffer): [from: number, to: number] {
    const from = this.#chance.below(data.length + 1);
    const length = this.#chance.below(1 + this.#chance.below(data.length - from + 1));
    return [from, from + length];
  }
}
