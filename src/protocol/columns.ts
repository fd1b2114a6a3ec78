// A listing as two arrays, message numbers and values. A Map of the same messages takes twice as long to build as all
// the rest of a listing, so it is built only when a call needs it.

export class Columns<V> {
  /** Each number is there once. */
  readonly numbers: number[];
  /** The size or unique-id of the message with the number at the same place. */
  readonly values: V[];

  constructor(numbers: number[] = [], values: V[] = []) {
    this.numbers = numbers;
    this.values = values;
  }

  static of<V>(listing: ReadonlyMap<number, V>): Columns<V> {
    return new Columns([...listing.keys()], [...listing.values()]);
  }

  /** Message number → value, in the same order. The caller owns the Map. */
  toMap(): Map<number, V> {
    const { numbers, values } = this;
    const map = new Map<number, V>();
    for (let at = 0; at < numbers.length; at++) map.set(numbers[at] as number, values[at] as V);
    return map;
  }
}
